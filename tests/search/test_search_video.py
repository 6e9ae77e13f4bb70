"""A person in a frame of a video as a query, on clips of drawn people."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("av", reason="needs the extra `video`")
pytest.importorskip("cv2", reason="needs the extra `video`")

from tests.footage.clips import RATE, make_clip
from tests.search.conftest import Indexed
from tests.test_cli import call, error_line
from usvireid.errors import UsageError
from usvireid.search.video import parse_box

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    path = tmp_path_factory.mktemp("clip") / "day.mp4"
    return path, make_clip(path, people=(1, 2), frames=60)


def searched(capfd: Captured, indexed: Indexed, *arguments: object) -> tuple[dict, str]:
    code, out, err = call(capfd, "search", indexed.folder, *arguments, "--top", "3", "--json", "--device", "cpu")
    assert code == 0, err
    return json.loads(out), err


def moment_of(truth: pd.DataFrame, count: int) -> tuple[int, pd.DataFrame]:
    """A late frame that shows so many people wholly, and their boxes."""
    whole = truth[(truth["left"] > 2) & (truth["right"] < 318)]
    all_of = truth.groupby("frame").size()
    frames = [frame for frame, rows in whole.groupby("frame") if len(rows) == all_of[frame] == count]
    assert frames
    frame = int(frames[-1])
    return frame, whole[whole["frame"] == frame]


def test_a_box_names_the_person(capfd: Captured, indexed: Indexed, clip: tuple[Path, pd.DataFrame]) -> None:
    path, truth = clip
    frame, boxes = moment_of(truth, 1)
    box = boxes.iloc[0]
    text = f"{box['left']:.0f},{box['top']:.0f},{box['right'] - box['left']:.0f},{box['bottom'] - box['top']:.0f}"
    found, err = searched(capfd, indexed, f"{path}:{frame / RATE}", "--box", text)
    assert found["query"]["modality"] == "visible"
    assert "taken for visible" in err
    assert len(found["matches"]) == 3
    other, _ = searched(capfd, indexed, f"{path}:{frame / RATE}", "--box", "0,0,40,90", "--query-modality", "infrared")
    assert other["query"]["modality"] == "infrared"
    assert other["matches"] != found["matches"]


def test_the_one_person_there_is_found(
    capfd: Captured, indexed: Indexed, clip: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    path, truth = clip
    frame, boxes = moment_of(truth, 1)
    listed = truth[truth["frame"].between(frame - 3, frame + 3)]
    rows = [
        (row["frame"] + 1, -1, row["left"], row["top"], row["right"] - row["left"], row["bottom"] - row["top"], 0.9)
        for _, row in listed.iterrows()
    ]
    table = tmp_path / "boxes.txt"
    table.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    _, err = searched(capfd, indexed, f"{path}:{frame / RATE}", "--detector", f"boxes:{table}")
    said = next(line for line in err.splitlines() if "found one person" in line)
    left, top, width, height = map(float, said.split("--box ")[1].split()[0].split(","))
    box = boxes.iloc[0]
    assert abs(left + width / 2 - (box["left"] + box["right"]) / 2) < 4
    assert abs(top + height / 2 - (box["top"] + box["bottom"]) / 2) < 6


def test_several_people_are_listed_to_choose_from(
    capfd: Captured, indexed: Indexed, clip: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    path, truth = clip
    frame, _ = moment_of(truth, 1)
    table = tmp_path / "boxes.txt"
    table.write_text("".join(f"{frame + 1},-1,{left},100,40,90,{score}\n" for left, score in ((20, 0.8), (90, 0.9))))
    code, _, err = call(capfd, "search", indexed.folder, f"{path}:{frame / RATE}", "--detector", f"boxes:{table}")
    assert code == 2
    listed = "choose one: --box 87,97,46,96 (score 0.90); --box 17,97,46,96 (score 0.80)."
    assert f"finds 2 people; {listed}" in error_line(err)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([":60"], 1, "lies beyond the video, which ends at 6.0 s"),
        ([":1:00"], 1, "1:00.0 lies beyond the video"),
        ([":0"], 2, "motion finds nobody; name the person with --box"),
        ([":3", "--box", "400,10,50,50"], 2, "lies outside the frame"),
        ([":3", "--box", "4,10,50"], 2, "write it as left,top,width,height"),
        ([":3", "--detector", "eyes"], 2, "there is no detector 'eyes'"),
        ([""], 1, "VIDEO:TIME for a frame of a video"),
    ],
)
def test_what_is_wrong_with_a_video_is_one_line(
    capfd: Captured, indexed: Indexed, clip: tuple[Path, pd.DataFrame], arguments: list[str], code: int, said: str
) -> None:
    found, _, err = call(capfd, "search", indexed.folder, f"{clip[0]}{arguments[0]}", *arguments[1:])
    assert found == code, err
    assert said in error_line(err)


def test_a_text_file_is_no_video(capfd: Captured, indexed: Indexed, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    code, _, err = call(capfd, "search", indexed.folder, f"{tmp_path / 'a.mp4'}:1", "--box", "1,1,5,5")
    assert code == 1
    assert "a.mp4" in error_line(err)


@pytest.mark.parametrize("text", ["1,2,3", "1,2,3,4,5", "a,b,c,d", "1,2,0,4", "1,2,3,-4", "nan,1,2,3", "inf,1,2,3"])
def test_boxes_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="--box"):
        parse_box(text)
    assert np.allclose(parse_box(" 1, 2,3 ,4.5"), (1, 2, 4, 6.5))
