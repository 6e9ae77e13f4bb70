from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.data.replicas import build_llcm, read_ids, write_ids, write_lines
from usvireid import names
from usvireid.data.open import open_crops
from usvireid.data.published import compare_with_published
from usvireid.data.sources.llcm import survey_llcm
from usvireid.errors import DataError


@pytest.fixture
def llcm(tmp_path: Path) -> Path:
    return build_llcm(tmp_path / "LLCM")


def fault(root: Path) -> str:
    """The first fault, and with it a refusal."""
    faults = survey_llcm(root).faults
    with pytest.raises(DataError) as refused:
        survey_llcm(root).usable()
    assert str(refused.value).startswith(faults[0])
    return faults[0]


def test_every_image_against_a_walk_through_lists_and_folders(llcm: Path) -> None:
    expected = []
    for word, modality in (("vis", "visible"), ("nir", "infrared")):
        for line in (llcm / "idx" / f"train_{word}.txt").read_text().splitlines():
            path = line.split()[0]
            camera = int(Path(path).name.split("_")[1][1:])
            expected.append((path, modality, f"cam{camera}", path.split("/")[1], "train"))
        for file in llcm.glob(f"test_{word}/cam*/*/*.jpg"):
            path = file.relative_to(llcm).as_posix()
            expected.append((path, modality, path.split("/")[1], path.split("/")[2], "test"))
    crops = open_crops(llcm)
    columns = [names.PATH, names.MODALITY, names.CAMERA, names.IDENTITY, names.SPLIT]
    assert list(crops.table[columns].itertuples(index=False, name=None)) == sorted(expected)
    assert crops.layout == names.LLCM
    assert all(file.is_file() for file in crops.files())


def test_other_places_for_the_train_images(llcm: Path) -> None:
    shutil.rmtree(llcm / "vis")
    lines = []
    for number in range(4):
        path = f"flat/{number}.jpg" if number < 2 else f"vis/cam2/{number:04d}/a.jpg"
        (llcm / path).parent.mkdir(parents=True, exist_ok=True)
        (llcm / path).write_bytes(b"")
        lines.append(f"{path} {number}")
    write_lines(llcm / "idx" / "train_vis.txt", lines)
    table = survey_llcm(llcm).crops.training().table
    visible = table[table[names.MODALITY] == names.VISIBLE]
    assert visible[names.IDENTITY].tolist() == ["label 0", "label 1", "0002", "0003"]
    assert visible[names.CAMERA].fillna("-").tolist() == ["-", "-", "cam2", "cam2"]


def test_a_missing_camera_folder(llcm: Path) -> None:
    shutil.rmtree(llcm / "test_nir" / "cam4")
    assert fault(llcm) == f"{llcm / 'test_nir' / 'cam4'}: no such folder; unpack the data set again."


def test_a_missing_train_image(llcm: Path) -> None:
    path = next(llcm.glob("vis/0001/*"))
    path.unlink()
    assert f"no file '{path.relative_to(llcm).as_posix()}' in {llcm} (1 of 36 lines name no file)" in fault(llcm)


def test_a_hole_in_the_text_of_the_test_list(llcm: Path) -> None:
    (llcm / "idx" / "test_id.txt").write_text("9,,11\n")
    assert "test_id.txt: the list has a hole: entry 2, after 9, is empty" in fault(llcm)


def test_a_test_person_whom_the_list_has_lost(llcm: Path) -> None:
    file = llcm / "idx" / "test_id.txt"
    write_ids(file, read_ids(file)[1:])
    assert fault(llcm).startswith(f"{file}: the list has a hole: 1 identity (0009) with a folder in test_vis or")


def test_a_test_person_without_images(llcm: Path) -> None:
    file = llcm / "idx" / "test_id.txt"
    write_ids(file, [*read_ids(file), 77])
    assert "1 identity (0077) without images in any camera's folder: 3 identities instead of 4" in fault(llcm)


def test_a_train_person_whom_the_lists_have_lost(llcm: Path) -> None:
    for word in ("vis", "nir"):
        file = llcm / "idx" / f"train_{word}.txt"
        write_lines(file, [line for line in file.read_text().splitlines() if not line.endswith(" 2")])
    faults = survey_llcm(llcm).faults
    assert "the train lists have a hole: no line has label 2" in faults[0]
    assert f"{llcm / 'nir'}: 0003; put" in faults[1]


def test_a_train_person_whom_one_list_has_lost_is_a_remark(llcm: Path) -> None:
    file = llcm / "idx" / "train_vis.txt"
    write_lines(file, [line for line in file.read_text().splitlines() if not line.endswith(" 2")])
    survey = survey_llcm(llcm)
    assert not survey.faults
    assert survey.remarks[0].startswith(f"{file}: label 2 is in train_nir.txt and not there")


def test_a_person_in_train_and_test(llcm: Path) -> None:
    file = llcm / "idx" / "test_id.txt"
    write_ids(file, [*read_ids(file), 3])
    assert fault(llcm).startswith(f"{file}: 1 identity (0003) also in the train lists")


def test_an_image_in_the_lists_of_both_modalities(llcm: Path) -> None:
    one, other = llcm / "idx/train_vis.txt", llcm / "idx/train_nir.txt"
    write_lines(other, [*other.read_text().splitlines(), one.read_text().splitlines()[0]])
    assert "train_nir.txt: 1 image also in train_vis.txt (vis/" in fault(llcm)


def test_counts_of_test_images_are_not_compared(llcm: Path) -> None:
    lines = compare_with_published(survey_llcm(llcm).usable())
    published = {f"{line.part} {line.what}": line.published for line in lines if line.published is not None}
    assert published == {
        "train identities": 713,
        "train visible images": 16_946,
        "train infrared images": 13_975,
        "test identities": 351,
    }
    assert all(line.found == 18 for line in lines if line.part == "test" and "images" in line.what)
