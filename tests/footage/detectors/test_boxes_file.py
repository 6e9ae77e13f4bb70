from pathlib import Path

import numpy as np
import pytest

from usvireid.errors import DataError
from usvireid.footage.detectors.boxes_file import BoxesFile
from usvireid.footage.frames import Frame


def frame(number: int) -> Frame:
    return Frame(number, number / 10, np.zeros((100, 200, 3), np.uint8))


def written(path: Path, text: str) -> BoxesFile:
    (path / "boxes.csv").write_text(text)
    return BoxesFile(path / "boxes.csv")


def test_frames_of_the_challenge_count_from_one(tmp_path: Path) -> None:
    boxes = written(tmp_path, "1,-1,10,20,30,40,0.5,-1,-1,-1\n\n# a remark\n3, 7, 1, 2, 3, 4, 1\n")
    first = boxes.detect(frame(0))
    assert first.boxes.tolist() == [[10, 20, 40, 60]]
    assert first.scores.tolist() == [0.5]
    assert len(boxes.detect(frame(1))) == 0
    assert boxes.detect(frame(2)).boxes.tolist() == [[1, 2, 4, 6]]
    assert len(boxes.detect(frame(99))) == 0


def test_a_frame_0_counts_from_zero_and_names_may_stand_first(tmp_path: Path) -> None:
    boxes = written(
        tmp_path, "\ufeffFrame, id, left, top, width, height, conf\n0,1,10,20,30,40,0.5\n1,1,11,20,30,40,\n"
    )
    assert boxes.detect(frame(0)).boxes.tolist() == [[10, 20, 40, 60]]
    assert boxes.detect(frame(1)).scores.tolist() == [1]


def test_no_confidence_counts_as_sure(tmp_path: Path) -> None:
    boxes = written(tmp_path, "1,,10,20,30,40\n1,1,50,20,30,40,-1\n")
    assert boxes.detect(frame(0)).scores.tolist() == [1, 1]


def test_boxes_outside_are_cut_or_dropped_and_counted(tmp_path: Path) -> None:
    rows = ["-10,20,40,40", "-100,20,110,40", "500,20,30,40", "150,60,50,40", "199.5,1,1,5"]
    text = "".join(f"1,1,{row},1\n" for row in rows) + "9,1,1,1,5,5,1\n"
    boxes = written(tmp_path, text)
    assert boxes.detect(frame(0)).boxes.tolist() == [[0, 20, 30, 60], [150, 60, 200, 100]]
    assert boxes.counts == {"cut at the edge": 1, "outside the frame": 3, "of no frame": 1}


@pytest.mark.filterwarnings("error")
def test_a_box_without_room_is_outside(tmp_path: Path) -> None:
    boxes = written(tmp_path, "1,1,20,20,1e-300,1e-300,1\n1,99999999999,2,3,40,50,1\n")
    assert boxes.detect(frame(0)).boxes.tolist() == [[2, 3, 42, 53]]
    assert boxes.counts["outside the frame"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,1,2,3,4\n", "row 1: has 5 columns"),
        ("1,1,2,3,4,5,1\n1,1,2,x,4,5,1\n", "row 2: top 'x' is no number"),
        ("1,1,2,nan,4,5,1\n", "row 1: top 'nan' is no number"),
        ("1.5,1,2,3,4,5,1\n", "row 1: frame '1.5' is no whole number"),
        ("-1,1,2,3,4,5,1\n", "row 1: frame '-1' is no whole number"),
        ("1,1,2,3,0,5,1\n", "row 1: the box has no area"),
        ("1,1,2,3,4,-5,1\n", "row 1: the box has no area"),
        ("1,1,1e300,3,4,5,1\n", "row 1: left '1e300' is beyond any video"),
        ("99999999999,1,2,3,4,5,1\n", "row 1: frame '99999999999' is beyond any video"),
        ("1,1,2,3,4,5,98\n", "row 1: conf '98' is above 1"),
        ("1;1;2;3;4;5;1\n", "row 1: has 1 columns"),
        ("frame,id,left,top,width,height\n", "holds no boxes"),
        ("", "holds no boxes"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        written(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'boxes.csv'}: ")


def test_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(DataError, match="is no text in UTF-8"):
        BoxesFile(tmp_path / "boxes.csv")
    with pytest.raises(DataError, match="cannot be read"):
        BoxesFile(tmp_path)
