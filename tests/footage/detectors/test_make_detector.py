from pathlib import Path

import pytest

from usvireid import names
from usvireid.errors import DataError, UsageError
from usvireid.footage.detectors.make import make_detector


def test_detectors_are_made_by_name(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("1,1,2,3,4,5,1\n")
    for text in ("motion", f"boxes:{tmp_path / 'b.csv'}"):
        assert make_detector(text, modality=names.INFRARED).name == text.partition(":")[0]
    assert make_detector("motion", modality=names.VISIBLE) is not make_detector("motion", modality=names.VISIBLE)


@pytest.mark.parametrize("text", ["", "yolo", "motion:x", "onnx", "boxes:", "HOG", "onnx:"])
def test_others_are_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(UsageError, match="use one of motion, hog, onnx:FILE, boxes:FILE"):
        make_detector(text, modality=names.VISIBLE)


def test_files_that_are_missing_or_wrong_are_named(tmp_path: Path) -> None:
    for kind in ("onnx", "boxes"):
        with pytest.raises(UsageError, match="nowhere: there is no such file"):
            make_detector(f"{kind}:{tmp_path / 'nowhere'}", modality=names.VISIBLE)
    (tmp_path / "bad").write_text("hello")
    with pytest.raises(DataError, match=r"bad: row 1"):
        make_detector(f"boxes:{tmp_path / 'bad'}", modality=names.VISIBLE)
    with pytest.raises(ValueError, match="no modality"):
        make_detector("motion", modality="thermal")
