"""Deliberate faults in replicas of the benchmarks: `data check` names each, and `run` does before it starts."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from tests.conftest import tiny_options
from tests.data.replicas import build_llcm, build_regdb, build_sysu, read_ids, write_ids, write_lines
from tests.test_cli import call, error_line
from usvireid.display import Display
from usvireid.layers import make_settings
from usvireid.loading import open_data

BUILDERS: dict[str, Callable[[Path], Path]] = {"sysu": build_sysu, "regdb": build_regdb, "llcm": build_llcm}


def missing_camera(root: Path) -> str:
    shutil.rmtree(root / "cam3")
    return "no folder 'cam3' (infrared camera)"


def missing_test_camera(root: Path) -> str:
    shutil.rmtree(root / "test_vis" / "cam9")
    return "test_vis/cam9: no such folder"


def missing_modality(root: Path) -> str:
    shutil.rmtree(root / "Visible")
    return "train_visible_1.txt: line 1: no file 'Visible/"


def hole(root: Path) -> str:
    write_ids(root / "exp" / "train_id.txt", [1, 2, "", 5, 6])
    return "train_id.txt: the list has a hole: entry 3, after 2, is empty"


def lost_person(root: Path) -> str:
    write_ids(root / "exp" / "test_id.txt", read_ids(root / "exp" / "test_id.txt")[1:])
    return "the lists have a hole: 1 identity (0009) is in available_id.txt and in none"


def lost_test_person(root: Path) -> str:
    write_ids(root / "idx" / "test_id.txt", [9, 11])
    return "test_id.txt: the list has a hole: 1 identity (0010)"


def lost_lines(root: Path) -> str:
    file = root / "idx" / "train_thermal_1.txt"
    write_lines(file, [line for line in file.read_text().splitlines() if not line.endswith(" 2")])
    return "train_thermal_1.txt: the list has a hole: label 2"


def swapped_cameras(root: Path) -> str:
    (root / "cam1").rename(root / "aside")
    (root / "cam3").rename(root / "cam1")
    (root / "aside").rename(root / "cam3")
    for person in (2, 5):  # who were seen by one of the two only
        shutil.copytree(root / "cam1" / f"{person:04d}", root / "cam3" / f"{person:04d}", dirs_exist_ok=True)
    return "18 of 18 visible images of cam1 are grey"


def swapped_modalities(root: Path) -> str:
    contents = {file: file.read_bytes() for file in root.glob("*/*/*.bmp")}
    for file in root.glob("Visible/*/*.bmp"):
        other = root / "Thermal" / file.parent.name / file.name.replace("_v_", "_t_")
        file.write_bytes(contents[other])
        other.write_bytes(contents[file])
    return "visible and infrared seem to be swapped: 32 of 32 visible images are grey"


def fewer_people(root: Path) -> str:
    for folder in root.glob("cam*/0003"):
        shutil.rmtree(folder)
    return "1 identity (0003) has no images in any camera's folder: 5 identities instead of 6 to train on"


def in_train_and_test(root: Path) -> str:
    file = root / "exp" / "test_id.txt"
    write_ids(file, [*read_ids(file), 5])
    return "test_id.txt: 1 identity (0005) is also in train_id.txt"


def lines_in_train_and_test(root: Path) -> str:
    for word in ("visible", "thermal"):
        train, test = ((root / "idx" / f"{side}_{word}_1.txt").read_text().splitlines() for side in ("train", "test"))
        write_lines(root / "idx" / f"test_{word}_1.txt", [*test, *train[:4]])
    return "8 images in train and test lists"


def listed_in_train_and_test(root: Path) -> str:
    write_ids(root / "idx" / "test_id.txt", [9, 10, 11, 2])
    return "test_id.txt: 1 identity (0002) also in the train lists"


def lists_of_the_other_modality(root: Path) -> str:
    one, other = (root / "idx" / f"train_{word}_1.txt" for word in ("visible", "thermal"))
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    return "train_visible_1.txt: line 1 names 'Thermal/"


def paths_outside(root: Path) -> str:
    (root.parent / "a.jpg").write_bytes(b"")
    file = root / "idx" / "train_vis.txt"
    write_lines(file, [*file.read_text().splitlines(), "../a.jpg 1", f"{root.parent / 'a.jpg'} 1"])
    return "names '../a.jpg', no path within the data set (2 such lines)"


@pytest.mark.parametrize(
    ("layout", "break_it"),
    [
        ("regdb", lists_of_the_other_modality),
        ("llcm", paths_outside),
        ("sysu", missing_camera),
        ("llcm", missing_test_camera),
        ("regdb", missing_modality),
        ("sysu", hole),
        ("sysu", lost_person),
        ("llcm", lost_test_person),
        ("regdb", lost_lines),
        ("sysu", swapped_cameras),
        ("regdb", swapped_modalities),
        ("sysu", fewer_people),
        ("sysu", in_train_and_test),
        ("regdb", lines_in_train_and_test),
        ("llcm", listed_in_train_and_test),
    ],
)
def test_a_fault_is_named_by_data_check_and_stops_a_run(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, layout: str, break_it: Callable[[Path], str]
) -> None:
    root = BUILDERS[layout](tmp_path / "data")
    expected = break_it(root)
    code, out, _ = call(capfd, "data", "check", root, "--json")
    assert code == 1
    errors = [finding["message"] for finding in json.loads(out)["findings"] if finding["severity"] == "error"]
    assert any(expected in message for message in errors), errors
    code, out, _ = call(capfd, "data", "check", root)
    assert code == 1
    assert expected in out
    code, _, err = call(capfd, "run", root, "--out", tmp_path / "run", *tiny_options())
    assert code == 1
    said = error_line(err)
    assert expected in said or "swapped" in expected, said
    assert "swapped" not in break_it.__name__ or "visible and infrared seem to be swapped" in said
    assert not (tmp_path / "run").exists()


def test_a_benchmark_without_its_lists(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    root = build_regdb(tmp_path / "data", trials=1)
    shutil.rmtree(root / "idx")
    code, _, err = call(capfd, "data", "check", root)
    assert code == 1
    assert "if this is RegDB, put its folder idx back" in error_line(err)


def warned(root: Path, *layers: tuple[str, dict[str, object]]) -> str:
    """What opening the data says on the terminal."""
    console = Console(file=io.StringIO(), width=1000)
    data = {"data": {"height": 32, "width": 16}}
    open_data(root, make_settings([("tiny", data), *layers]), Display(console))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("layout", ["sysu", "regdb", "llcm"])
def test_other_counts_than_the_published_are_one_warning(tmp_path: Path, layout: str) -> None:
    said = warned(BUILDERS[layout](tmp_path / "data")).splitlines()
    assert len(said) == 1
    assert "as published: train: " in said[0]
    assert "identities instead of " in said[0]


def test_the_trial_is_a_setting(tmp_path: Path) -> None:
    root = build_regdb(tmp_path / "data")
    (root / "idx" / "test_visible_3.txt").unlink()
    assert "idx: the lists of trial 3 are not complete" in warned(root, ("t", {"data": {"trial": 2}}))


@pytest.mark.parametrize("layout", ["sysu", "regdb", "llcm"])
def test_a_truncated_image(capfd: pytest.CaptureFixture[str], tmp_path: Path, layout: str) -> None:
    root = BUILDERS[layout](tmp_path / "data")
    file = sorted(root.glob("*/*/*.jpg") if layout != "regdb" else root.glob("*/*/*.bmp"))[3]
    file.write_bytes(file.read_bytes()[:300])
    code, out, _ = call(capfd, "data", "check", root)
    assert code == 1
    assert f"error: {file.relative_to(root).as_posix()}: " in out
    said = warned(root)
    assert f"{file}: " in said
    assert "1 of " in said
    code, _, err = call(capfd, "run", root, "--strict", "--out", tmp_path / "run", *tiny_options())
    assert code == 1
    assert str(file) in error_line(err)


def test_infrared_images_in_colour_are_an_error_of_that_camera(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    root = build_sysu(tmp_path / "data")
    shutil.rmtree(root / "cam6")
    shutil.copytree(root / "cam4", root / "cam6")
    code, out, _ = call(capfd, "data", "check", root)
    assert code == 1
    assert "error: 18 of 18 infrared images of cam6 are in colour" in out
    assert "error: 18 exact copies of another image, in both modalities: cam4/0001/0001.jpg = cam6/" in out
    assert "18 of 18 infrared images of cam6 are in colour" in warned(root)


def test_copies_within_and_across_splits(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    root = build_sysu(tmp_path / "data")
    shutil.copy(root / "cam1/0001/0001.jpg", root / "cam1/0001/0003.jpg")
    shutil.copy(root / "cam2/0001/0001.jpg", root / "cam2/0009/0003.jpg")
    out = call(capfd, "data", "check", root)[1]
    assert "1 exact copy of another image: cam1/0001/0001.jpg = cam1/0001/0003.jpg." in out
    copied = "1 exact copy of another image, under different identities and in different splits: "
    assert f"{copied}cam2/0001/0001.jpg = cam2/0009/0003.jpg." in out


def test_a_forced_format(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    root = build_regdb(tmp_path / "data")
    code, out, _ = call(capfd, "data", "check", root, "--format", "regdb", "--trial", "2", "--json")
    found = json.loads(out)
    assert (found["layout"], found["crops"]) == ("regdb", 64)
    assert [line["ok"] for line in found["published"]] == [False] * len(found["published"])
    assert found["suggestion"]["eps"] == "auto"
    code, _, err = call(capfd, "data", "check", root, "--format", "sysu-mm01")
    assert code == 1
    assert "exp/train_id.txt: no such file" in error_line(err)
    code, _, err = call(capfd, "data", "check", root, "--format", "market")
    assert code == 2
    assert "unknown format 'market'; use one of auto, own" in error_line(err)
