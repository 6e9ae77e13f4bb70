"""`usvireid explain`: which crops, compared with what, and the sheet."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import write_finished_run
from tests.test_cli import call, error_line
from usvireid.data.crops import Crops
from usvireid.data.open import open_crops
from usvireid.explain import chosen_rows, random_rows, side_by_side

Captured = pytest.CaptureFixture[str]
ICRE = {"encoder.width": "8", "encoder.mpfr.use": "true", "encoder.sdce.use": "true"}


def people_of(crops: Crops) -> np.ndarray:
    """The person of every crop, from its name; nobody for the last one."""
    person = np.array([int(Path(path).name[:2]) for path in crops.table["path"]])
    person[person == person.max()] = -1
    return person


def test_a_sheet_of_random_crops(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    identity = people_of(open_crops(folders)).tolist()
    run = write_finished_run(tmp_path / "run", folders, identity, **ICRE)
    code, out, err = call(capfd, "explain", run, "--crops", "4")
    assert code == 0, err
    assert out.strip() == str(run / "explain.png")
    with Image.open(run / "explain.png") as sheet:
        first = np.asarray(sheet.convert("RGB"))
    assert first.std() > 20
    assert call(capfd, "explain", run, "--crops", "4", "--out", tmp_path / "again")[0] == 0
    assert (tmp_path / "again.png").read_bytes() == (run / "explain.png").read_bytes()
    assert call(capfd, "explain", run, "--crops", "4", "--seed", "3", "--out", tmp_path / "other")[0] == 0
    assert (tmp_path / "other.png").read_bytes() != (run / "explain.png").read_bytes()


def test_crops_by_name_and_without_labels(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    run = write_finished_run(tmp_path / "run", folders, **{"encoder.width": "8"})
    (tmp_path / "list.txt").write_text(f"infrared/00_1.png\n\n{folders / 'visible' / '01_2.png'}\n")
    code, _, err = call(capfd, "explain", run, "--crops", tmp_path / "list.txt")
    assert code == 0, err
    assert "2 crops" in err


def test_bad_crops_are_named(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    run = write_finished_run(tmp_path / "run", folders, **{"encoder.width": "8"})
    for crops, code, said in (
        ("visible/00_9.png", 1, "'visible/00_9.png' is none of the run's readable crops; did you mean 'visible/00_"),
        ("0", 2, "a sheet has 1 to 60 crops"),
        (",", 2, "0 paths"),
        ("\u00b2", 1, "'\u00b2' is none of the run's readable crops"),
        (str(tmp_path / "none.txt"), 1, "the list cannot be read"),
    ):
        found, _, err = call(capfd, "explain", run, "--crops", crops)
        assert found == code
        assert said in error_line(err)
    found, _, err = call(capfd, "explain", run, "--out", tmp_path / "none" / "a.png")
    assert found == 2
    assert "there is no folder" in error_line(err)


def test_random_crops_come_in_pairs_of_one_pseudo_identity(folders: Path) -> None:
    crops = open_crops(folders)
    identity = people_of(crops)
    modality = crops.table["modality"].to_numpy()
    rows = random_rows(crops, identity, 10, np.random.default_rng(1))
    assert len(set(rows)) == 10
    for one, other in zip(rows[::2], rows[1::2], strict=True):
        assert identity[one] == identity[other] >= 0
        assert (modality[one], modality[other]) == ("visible", "infrared")
    # Five people are matched: each once before any twice.
    assert len(set(identity[rows])) == 5
    everything = random_rows(crops, identity, 60, np.random.default_rng(1))
    assert sorted(everything) == list(range(len(crops)))
    assert (identity[everything[-8:]] == -1).all()
    assert chosen_rows("10", crops, identity, np.random.default_rng(1)) == rows


def test_side_by_side_stand_those_of_one_identity(folders: Path) -> None:
    crops = open_crops(folders)
    visible, infrared = (crops.rows_of(modality).tolist() for modality in ("visible", "infrared"))
    identity = np.full(len(crops), -1)
    identity[[visible[1], infrared[2]]] = 7
    picked = [visible[0], infrared[0], visible[1], infrared[2], infrared[3]]
    pairs = [(visible[0], infrared[0]), (visible[1], infrared[2]), (-1, infrared[3])]
    assert side_by_side(picked, crops, identity) == pairs
    assert side_by_side([visible[0]], crops, identity) == [(visible[0], -1)]
