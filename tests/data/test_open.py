from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from usvireid import names
from usvireid.data.open import open_crops, recognise
from usvireid.errors import DataError, UsageError

Folders = Callable[..., Path]


def test_two_folders_are_enough(two_folders: Folders) -> None:
    assert len(open_crops(two_folders(2))) == 4


def test_a_manifest_in_the_folder_comes_first(two_folders: Folders) -> None:
    root = two_folders(2)
    (root / names.MANIFEST_FILE).write_text("path,modality\nvisible/000.jpg,visible\ninfrared/000.jpg,infrared\n")
    assert len(open_crops(root)) == 2
    assert len(open_crops(root / names.MANIFEST_FILE)) == 2


def test_a_manifest_under_another_name(two_folders: Folders) -> None:
    root = two_folders(1)
    (root / "mine.CSV").write_text("path,modality\nvisible/000.jpg,visible\ninfrared/000.jpg,infrared\n")
    crops = open_crops(root / "mine.CSV")
    assert all(file.is_file() for file in crops.files())


def test_the_home_folder(two_folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(two_folders(1).parent))
    assert len(open_crops(Path("~/data"))) == 2


def test_a_relative_folder(two_folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(two_folders(1))
    assert open_crops(Path()).table[names.PATH].tolist() == ["visible/000.jpg", "infrared/000.jpg"]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder or file") as caught:
        open_crops(tmp_path / "gone")
    assert caught.value.exit_code == 2


def test_no_such_home_folder() -> None:
    with pytest.raises(UsageError, match="no such home folder"):
        open_crops(Path("~nobody-of-this-name/data"))


def test_a_name_longer_than_the_system_allows() -> None:
    with pytest.raises(DataError, match=r"cannot be read \(File name too long\)"):
        open_crops(Path("x" * 5000))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may read everything")
@pytest.mark.parametrize("part", [".", "visible"])
def test_a_folder_that_may_not_be_entered(two_folders: Folders, part: str) -> None:
    root = two_folders(1)
    root.chmod(0)
    try:
        with pytest.raises(DataError, match="Permission denied"):
            open_crops(root / part)
    finally:
        root.chmod(0o755)


def test_neither_folder_nor_manifest(tmp_path: Path) -> None:
    (tmp_path / "data.zip").write_bytes(b"PK")
    with pytest.raises(UsageError, match=r"data\.zip: neither a folder nor a manifest"):
        open_crops(tmp_path / "data.zip")


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the folder is empty"):
        open_crops(tmp_path)


def test_a_folder_with_something_else(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(DataError, match=r"no folder 'visible'.*one modality alone cannot be trained on"):
        open_crops(tmp_path)


def test_a_manifest_comes_before_a_benchmark(two_folders: Folders, tmp_path: Path) -> None:
    root = two_folders(1)
    (root / "exp").mkdir()
    (root / "exp" / "train_id.txt").write_text("1\n")
    assert recognise(root) == names.SYSU_MM01
    assert len(open_crops(root, layout=names.OWN)) == 2
    (root / names.MANIFEST_FILE).write_text("path,modality\nvisible/000.jpg,visible\ninfrared/000.jpg,infrared\n")
    assert recognise(root) == names.OWN
    assert open_crops(root).layout == names.OWN


@pytest.mark.parametrize(
    ("mark", "layout"),
    [
        ("exp/test_id.txt", names.SYSU_MM01),
        ("idx/test_thermal_7.txt", names.REGDB),
        ("idx/train_vis.txt", names.LLCM),
        ("test_nir/cam1/x", names.LLCM),
        ("Visible/1/x.bmp", names.OWN),
        ("cam1/0001/x.jpg", names.OWN),
    ],
)
def test_what_a_folder_is_recognised_by(tmp_path: Path, mark: str, layout: str) -> None:
    (tmp_path / mark).parent.mkdir(parents=True)
    (tmp_path / mark).write_text("")
    assert recognise(tmp_path) == layout


def test_an_unknown_layout() -> None:
    with pytest.raises(UsageError, match="unknown format 'market'; use one of auto, own, sysu-mm01, regdb, llcm"):
        open_crops(Path(), layout="market")


def test_a_benchmark_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("path,modality\n")
    with pytest.raises(UsageError, match=r"a\.csv: a file; the format llcm is a folder"):
        open_crops(tmp_path / "a.csv", layout=names.LLCM)
