from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.data.replicas import build_regdb, write_lines
from usvireid import names
from usvireid.data.open import open_crops
from usvireid.data.published import compare_with_published, differences
from usvireid.data.sources.regdb import survey_regdb
from usvireid.errors import DataError, UsageError


@pytest.fixture
def regdb(tmp_path: Path) -> Path:
    return build_regdb(tmp_path / "RegDB")


def lines_of(root: Path, side: str, word: str, trial: int = 1) -> list[str]:
    return (root / "idx" / f"{side}_{word}_{trial}.txt").read_text().splitlines()


def rewrite(root: Path, side: str, word: str, lines: list[str]) -> None:
    write_lines(root / "idx" / f"{side}_{word}_1.txt", lines)


def faults(root: Path) -> tuple[str, ...]:
    found = survey_regdb(root).faults
    with pytest.raises(DataError) as refused:
        survey_regdb(root).usable()
    assert str(refused.value).startswith(found[0])
    return found


@pytest.mark.parametrize("trial", [1, 2, 10])
def test_every_line_of_a_trial(regdb: Path, trial: int) -> None:
    expected = []
    for side in ("train", "test"):
        for word, modality in (("visible", "visible"), ("thermal", "infrared")):
            for line in lines_of(regdb, side, word, trial):
                path, label = line.split()
                expected.append((path, modality, label, side))
    crops = open_crops(regdb, trial=trial)
    columns = [names.PATH, names.MODALITY, names.IDENTITY, names.SPLIT]
    assert list(crops.table[columns].itertuples(index=False, name=None)) == sorted(expected)
    assert crops.layout == names.REGDB
    assert not crops.has(names.CAMERA)
    assert all(file.is_file() for file in crops.files())


def test_trials_differ(regdb: Path) -> None:
    halves = {tuple(survey_regdb(regdb, trial).usable().training().table[names.PATH]) for trial in range(1, 11)}
    assert len(halves) > 5


@pytest.mark.parametrize("trial", [0, 11])
def test_no_such_trial(regdb: Path, trial: int) -> None:
    with pytest.raises(UsageError, match="RegDB has the trials 1 to 10"):
        survey_regdb(regdb, trial).usable()


def test_a_missing_list(regdb: Path) -> None:
    (regdb / "idx" / "test_thermal_1.txt").unlink()
    assert "test_thermal_1.txt: no such file" in faults(regdb)[0]
    survey = survey_regdb(regdb, 2)
    assert not survey.faults
    assert "the lists of trial 1 are not complete" in survey.remarks[0]


def test_a_missing_modality_folder(regdb: Path) -> None:
    shutil.rmtree(regdb / "Thermal")
    said = faults(regdb)
    assert "train_thermal_1.txt: line 1: no file 'Thermal/" in said[0]
    assert "(16 of 16 lines name no file)" in said[0]


def test_one_missing_file_is_named(regdb: Path) -> None:
    path = lines_of(regdb, "test", "visible")[5].split()[0]
    (regdb / path).unlink()
    assert f"test_visible_1.txt: line 6: no file '{path}' in {regdb} (1 of 16 lines" in faults(regdb)[0]


@pytest.mark.parametrize(("line", "what"), [("", "line 3 is empty"), ("Visible/1/x.bmp", "is no path and label")])
def test_a_hole_in_the_text_of_a_list(regdb: Path, line: str, what: str) -> None:
    lines = lines_of(regdb, "train", "visible")
    rewrite(regdb, "train", "visible", [*lines[:2], line, *lines[2:]])
    assert what in faults(regdb)[0]


def test_a_line_that_stands_twice(regdb: Path) -> None:
    lines = lines_of(regdb, "train", "visible")
    rewrite(regdb, "train", "visible", [*lines, lines[0]])
    assert "line 17 names 'Visible/" in faults(regdb)[0]


def test_a_person_whom_one_list_has_lost(regdb: Path) -> None:
    lines = lines_of(regdb, "train", "visible")
    rewrite(regdb, "train", "visible", [line for line in lines if not line.endswith(" 1")])
    said = faults(regdb)
    assert any("train_visible_1.txt: the list has a hole: label 1 is in train_thermal_1.txt" in line for line in said)


def test_a_person_whom_both_lists_have_lost(regdb: Path) -> None:
    person = lines_of(regdb, "train", "visible")[4].split("/")[1]
    for word in ("visible", "thermal"):
        rewrite(regdb, "train", word, [line for line in lines_of(regdb, "train", word) if not line.endswith(" 1")])
    said = faults(regdb)
    assert "the train lists of trial 1 have a hole: no line has label 1" in said[0]
    assert f"{regdb / 'Thermal'}: {person}; put" in said[1]
    assert f"{regdb / 'Visible'}: {person}; put" in said[2]


def test_labels_that_run_through_both_sides(regdb: Path) -> None:
    for word in ("visible", "thermal"):
        shifted = [line.rsplit(" ", 1) for line in lines_of(regdb, "test", word)]
        rewrite(regdb, "test", word, [f"{path} {int(label) + 4}" for path, label in shifted])
    assert survey_regdb(regdb).faults == ()


def test_images_in_train_and_test(regdb: Path) -> None:
    lines = lines_of(regdb, "train", "visible")[:4]
    rewrite(regdb, "test", "visible", [*lines_of(regdb, "test", "visible"), *lines])
    assert "trial 1: 4 images in train and test lists (Visible/" in faults(regdb)[0]


def test_a_person_in_train_and_test_with_other_images(regdb: Path) -> None:
    moved = lines_of(regdb, "train", "visible")[:2]
    person = moved[0].split("/")[1]
    rewrite(regdb, "train", "visible", lines_of(regdb, "train", "visible")[2:])
    rewrite(regdb, "test", "visible", [*lines_of(regdb, "test", "visible"), *(f"{line[:-1]}9" for line in moved)])
    assert f"1 person in train and test lists (folder {person})" in faults(regdb)[0]


def test_an_image_in_the_lists_of_both_modalities(regdb: Path) -> None:
    one, other = regdb / "idx/train_visible_1.txt", regdb / "idx/train_thermal_1.txt"
    write_lines(other, [*other.read_text().splitlines(), one.read_text().splitlines()[0]])
    assert "train_thermal_1.txt: 1 image also in train_visible_1.txt (Visible/" in faults(regdb)[0]


def test_counts(regdb: Path) -> None:
    lines = compare_with_published(survey_regdb(regdb).usable())
    assert {line.what: line.published for line in lines if line.part == "test"} == {
        "identities": 206,
        "visible identities": 206,
        "infrared identities": 206,
        "visible images": 2_060,
        "infrared images": 2_060,
    }
    assert str(differences(survey_regdb(regdb).usable())).startswith(
        "not RegDB as published: train: 4 identities instead of 206, 16 visible images instead of 2,060"
    )
