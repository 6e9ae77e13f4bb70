from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from usvireid import names
from usvireid.data.check import Count, Spread, check, check_survey
from usvireid.data.images import BadImage
from usvireid.data.open import survey_crops
from usvireid.errors import DataError, UsageError

Folders = Callable[..., Path]
Paint = Callable[..., Image.Image]
Encode = Callable[..., bytes]


def messages(root: Path) -> list[str]:
    return [finding.message for finding in check(root).findings]


def test_good_data(two_folders: Folders) -> None:
    report = check(two_folders(40))
    assert report.ok
    assert report.findings == ()
    assert report.crops == 80
    visible = report.modalities[0]
    assert (visible.modality, visible.crops, visible.unreadable) == (names.VISIBLE, 40, 0)
    assert (visible.cameras, visible.tracks, visible.identities) == (0, 0, 0)
    assert visible.width == Spread(20, 20, 20)
    assert visible.height == Spread(40, 40, 40)
    assert visible.aspect == Spread(2, 2, 2)
    assert report.cameras == report.splits == report.identities == ()


def test_everything_at_once(two_folders: Folders, paint: Paint, encode: Encode) -> None:
    root = two_folders(40)
    (root / "visible/000.jpg").write_bytes(b"")
    (root / "visible/twin.jpg").write_bytes((root / "visible/001.jpg").read_bytes())
    (root / "infrared/002.jpg").write_bytes((root / "visible/002.jpg").read_bytes())
    again = Image.open(root / "visible/003.jpg").resize((40, 80), Image.Resampling.BICUBIC)
    (root / "visible/again.jpg").write_bytes(encode(again, quality=85))
    paint(200).save(root / "infrared/colour.png")
    report = check(root)
    assert not report.ok
    assert report.unreadable == (BadImage("visible/000.jpg", "the file is empty"),)
    assert report.duplicates == (
        ("visible/001.jpg", "visible/twin.jpg"),
        ("visible/002.jpg", "infrared/002.jpg"),
    )
    assert report.near_duplicates == 1
    assert [finding.severity for finding in report.findings] == ["error", "error", "warning", "warning", "note"]
    assert [finding.message for finding in report.findings] == [
        "visible/000.jpg: the file is empty.",
        "1 exact copy of another image, in both modalities: visible/002.jpg = infrared/002.jpg.",
        "2 of 41 infrared images in colour (a visible camera, or false colours, which are better grey?): "
        "infrared/002.jpg, infrared/colour.png.",
        "1 exact copy of another image: visible/001.jpg = visible/twin.jpg.",
        "1 pair of images that looks the same (neighbouring video frames, or copies saved anew): "
        "visible/003.jpg = visible/again.jpg.",
    ]


def test_a_manifest_tells_more(two_folders: Folders) -> None:
    root = two_folders(3)
    rows = [
        "path,modality,camera,track,identity,split",
        "visible/000.jpg,visible,1,1,10,train",
        "visible/001.jpg,visible,1,2,9,train",
        "visible/002.jpg,visible,2,1,9,",
        "infrared/000.jpg,infrared,3,1,10,train",
        "infrared/001.jpg,infrared,,,,train",
    ]
    (root / names.MANIFEST_FILE).write_text("\n".join(rows))
    report = check(root)
    assert report.ok
    assert report.cameras == (Count("", 0, 1), Count("1", 2, 0), Count("2", 1, 0), Count("3", 0, 1))
    assert report.splits == (Count("", 1, 0), Count("train", 2, 2))
    assert report.identities == (Count("", 0, 1), Count("10", 1, 1), Count("9", 2, 0))
    assert [(counts.cameras, counts.tracks, counts.identities) for counts in report.modalities] == [
        (2, 3, 2),
        (1, 1, 1),
    ]
    assert "1 of 2 identities seen in visible only: 9." in messages(root)


def test_no_image_can_be_decoded(two_folders: Folders) -> None:
    root = two_folders(2)
    for file in root.rglob("*.jpg"):
        file.write_bytes(b"text")
    report = check(root)
    assert not report.ok
    assert report.modalities[0].width is None
    assert report.modalities[0].unreadable == 2
    assert "none of the 2 infrared images can be decoded." in messages(root)


def test_the_report_is_plain_values(two_folders: Folders) -> None:
    root = two_folders(2)
    (root / "visible/000.jpg").write_bytes(b"")
    plain = check(root).to_dict()
    assert json.loads(json.dumps(plain))["ok"] is False
    assert json.loads(json.dumps(plain))["unreadable"] == [{"path": "visible/000.jpg", "reason": "the file is empty"}]


def test_nothing_is_written(two_folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USVIREID_CACHE", str(tmp_path / "cache"))
    root = two_folders(2)
    before = sorted(tmp_path.rglob("*"))
    check(root)
    assert sorted(tmp_path.rglob("*")) == before


def test_crops_from_elsewhere(two_folders: Folders) -> None:
    seen: list[tuple[int, int]] = []
    survey = survey_crops(two_folders(2))
    report = check_survey(survey, "a benchmark", workers=1, progress=lambda *step: seen.append(step))
    assert report.source == "a benchmark"
    assert seen == [(4, 4)]


def test_what_is_no_data_at_all(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        check(tmp_path / "gone")
    with pytest.raises(DataError):
        check(tmp_path)
