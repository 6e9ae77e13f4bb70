from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.data.replicas import build_sysu, build_sysu_index, read_ids, write_ids
from usvireid import names
from usvireid.data.open import open_crops
from usvireid.data.published import compare_with_published, differences
from usvireid.data.sources.sysu_mm01 import survey_sysu_mm01
from usvireid.errors import DataError

COUNTS = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "sysu_counts.json"


@pytest.fixture
def sysu(tmp_path: Path) -> Path:
    return build_sysu(tmp_path / "SYSU-MM01")


@pytest.fixture(scope="module")
def full_size(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not COUNTS.is_file():
        pytest.skip("the official counts are not beside this checkout (shared/data/sysu_counts.json)")
    return build_sysu_index(tmp_path_factory.mktemp("full") / "SYSU-MM01", json.loads(COUNTS.read_text()))


def fault(root: Path) -> str:
    """The only fault, and with it a refusal."""
    faults = survey_sysu_mm01(root).faults
    assert len(faults) == 1, faults
    with pytest.raises(DataError) as refused:
        survey_sysu_mm01(root).usable()
    assert str(refused.value) == faults[0]
    return faults[0]


def test_every_image_against_a_walk_through_the_folders(sysu: Path) -> None:
    ids = {part: read_ids(sysu / "exp" / f"{part}_id.txt") for part in ("train", "val", "test")}
    expected = []
    for file in sorted(sysu.glob("cam*/*/*.jpg")):
        camera, identity = file.parent.parent.name, file.parent.name
        infrared = camera in ("cam3", "cam6")
        split = "train" if int(identity) not in ids["test"] else "query" if infrared else "gallery"
        modality = "infrared" if infrared else "visible"
        expected.append((file.relative_to(sysu).as_posix(), modality, camera, identity, split))
    crops = survey_sysu_mm01(sysu).usable()
    columns = [names.PATH, names.MODALITY, names.CAMERA, names.IDENTITY, names.SPLIT]
    assert list(crops.table[columns].itertuples(index=False, name=None)) == expected
    assert crops.layout == names.SYSU_MM01
    assert crops.root == sysu
    assert all(file.is_file() for file in crops.files())


def test_recognised_wherever_it_lies_and_never_written_to(sysu: Path) -> None:
    before = sorted(sysu.rglob("*"))
    assert open_crops(sysu).layout == names.SYSU_MM01
    moved = sysu.rename(sysu.with_name("mounted elsewhere"))
    assert open_crops(moved).table.equals(open_crops(moved, layout="sysu-mm01").table)
    assert len(sorted(moved.rglob("*"))) == len(before)


def test_recognised_without_its_lists(sysu: Path) -> None:
    shutil.rmtree(sysu / "exp")
    with pytest.raises(DataError, match=r"exp/train_id\.txt: no such file"):
        open_crops(sysu)


def test_a_folder_above_is_pointed_out(sysu: Path) -> None:
    with pytest.raises(DataError, match="the folder 'SYSU-MM01' in it holds sysu-mm01; give that one"):
        open_crops(sysu.parent)


@pytest.mark.parametrize("camera", [1, 3])
def test_a_missing_camera_folder(sysu: Path, camera: int) -> None:
    shutil.rmtree(sysu / f"cam{camera}")
    kind = "infrared" if camera == 3 else "visible"
    assert fault(sysu) == f"{sysu}: no folder 'cam{camera}' ({kind} camera); unpack the data set again."


def test_a_person_without_any_images(sysu: Path) -> None:
    gone = read_ids(sysu / "exp" / "train_id.txt")[1]
    for folder in sysu.glob(f"cam*/{gone:04d}"):
        shutil.rmtree(folder)
    assert f"1 identity ({gone:04d}) has no images in any camera's folder: 5 identities instead of 6 to train" in fault(
        sysu
    )


def test_a_person_whose_folders_are_empty(sysu: Path) -> None:
    gone = read_ids(sysu / "exp" / "test_id.txt")[0]
    for image in sysu.glob(f"cam*/{gone:04d}/*.jpg"):
        image.unlink()
    assert "2 identities instead of 3 to test on" in fault(sysu)


@pytest.mark.parametrize(("line", "what"), [("1,2,,5", "entry 3, after 2, is empty"), ("1,x2,5", "entry 2, after 1,")])
def test_a_hole_in_the_text_of_a_list(sysu: Path, line: str, what: str) -> None:
    (sysu / "exp" / "train_id.txt").write_text(line + "\n")
    (sysu / "exp" / "available_id.txt").unlink()
    assert what in fault(sysu)
    assert "train_id.txt: the list has a hole" in fault(sysu)


@pytest.mark.parametrize("part", ["train", "val", "test", "available"])
def test_a_person_whom_a_list_has_lost(sysu: Path, part: str) -> None:
    file = sysu / "exp" / f"{part}_id.txt"
    gone, *rest = read_ids(file)
    write_ids(file, [*rest, 999] if part == "val" else rest)
    if part == "val":  # a list of one person would be empty
        for camera in range(1, 7):
            shutil.copytree(sysu / "cam4" / f"{gone:04d}", sysu / f"cam{camera}" / "0999")
        write_ids(sysu / "exp" / "available_id.txt", [*read_ids(sysu / "exp" / "available_id.txt"), 999])
    said = fault(sysu)
    assert "hole" in said
    assert f"1 identity ({gone:04d})" in said


def test_a_lost_person_without_a_list_of_all_is_a_remark(sysu: Path) -> None:
    (sysu / "exp" / "available_id.txt").unlink()
    gone, *rest = read_ids(sysu / "exp" / "train_id.txt")
    write_ids(sysu / "exp" / "train_id.txt", rest)
    survey = survey_sysu_mm01(sysu)
    assert not survey.faults
    assert f"1 identity ({gone:04d}) has a folder and no place in" in survey.remarks[0]


@pytest.mark.parametrize("other", ["train", "val"])
def test_a_person_in_train_and_test(sysu: Path, other: str) -> None:
    file = sysu / "exp" / "test_id.txt"
    twice = read_ids(sysu / "exp" / f"{other}_id.txt")[0]
    write_ids(file, [*read_ids(file), twice])
    said = fault(sysu)
    assert f"{file}: 1 identity ({twice:04d}) is also in {other}_id.txt" in said


def test_all_faults_are_listed_and_the_rest_is_counted(sysu: Path) -> None:
    shutil.rmtree(sysu / "cam2")
    shutil.rmtree(sysu / "cam6")
    survey = survey_sysu_mm01(sysu)
    assert len(survey.faults) == 2
    assert set(survey.crops.table[names.CAMERA]) == {"cam1", "cam3", "cam4", "cam5"}
    with pytest.raises(DataError, match=r"'cam2'.*\(1 more fault: `usvireid data check` names all of them\.\)"):
        survey.usable()


def test_the_full_size(full_size: Path) -> None:
    crops = open_crops(full_size)
    training = crops.training()
    assert training.table[names.IDENTITY].nunique() == 395
    assert [len(training.rows_of(modality)) for modality in names.MODALITIES] == [22_258, 11_909]
    assert int((crops.table[names.SPLIT] == names.QUERY).sum()) == 3_803
    gallery = crops.table[crops.table[names.SPLIT] == names.GALLERY]
    pairs = gallery[[names.IDENTITY, names.CAMERA]].drop_duplicates()
    assert len(pairs) == 301
    assert int(pairs[names.CAMERA].isin(["cam1", "cam2"]).sum()) == 112
    assert differences(crops) is None
    assert all(line.ok for line in compare_with_published(crops))


def test_people_whom_the_original_lists_leave_out_are_no_hole(full_size: Path, tmp_path: Path) -> None:
    aside = (full_size / "exp" / "available_id.txt").rename(tmp_path / "available_id.txt")
    try:
        survey = survey_sysu_mm01(full_size)
        assert (survey.faults, survey.remarks) == ((), ())
    finally:
        aside.rename(full_size / "exp" / "available_id.txt")


def test_367_people_instead_of_395_in_the_lists(full_size: Path) -> None:
    file, available = full_size / "exp" / "train_id.txt", full_size / "exp" / "available_id.txt"
    ids, every = read_ids(file), read_ids(available)
    write_ids(file, ids[28:])
    try:
        assert "the lists have a hole: 28 identities (" in fault(full_size)
        write_ids(available, set(every) - set(ids[:28]))
        said = differences(open_crops(full_size))
        assert said is not None
        assert said.startswith("not SYSU-MM01 as published: train: 367 identities instead of 395, ")
        assert "infrared images instead of 11,909" in said
    finally:
        write_ids(file, ids)
        write_ids(available, every)


def test_367_people_instead_of_395_in_the_folders(full_size: Path, tmp_path: Path) -> None:
    gone = read_ids(full_size / "exp" / "train_id.txt")[:28]
    moved = [folder for name in gone for folder in full_size.glob(f"cam*/{name:04d}")]
    kept = [(folder, folder.rename(tmp_path / f"{folder.parent.name}-{folder.name}")) for folder in moved]
    try:
        assert "28 identities (" in fault(full_size)
        assert "367 identities instead of 395 to train on" in fault(full_size)
    finally:
        for folder, aside in kept:
            aside.rename(folder)


def test_one_camera_of_one_person_gone_is_named_by_its_count(full_size: Path, tmp_path: Path) -> None:
    folder = full_size / "cam6" / "0006"
    images = len(list(folder.iterdir()))
    aside = folder.rename(tmp_path / "0006")
    try:
        said = differences(open_crops(full_size))
        assert said == (
            f"not SYSU-MM01 as published: test: {3_803 - images:,} queries instead of 3,803, "
            f"{1_920 - images:,} cam6 images instead of 1,920"
        )
    finally:
        aside.rename(folder)
