from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from usvireid import names
from usvireid.data.sources.folder import is_image_folder, read_folder
from usvireid.errors import DataError


def fill(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(b"x")
    return root


def paths(root: Path) -> list[str]:
    return read_folder(root).table[names.PATH].tolist()


def refusal(root: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_folder(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_images_at_any_depth_sorted_visible_first(tmp_path: Path) -> None:
    fill(tmp_path, "visible/b.jpg", "visible/a/deep/er/z.png", "visible/a.jpg", "infrared/1.bmp", "infrared/x/0.webp")
    crops = read_folder(tmp_path)
    assert crops.table[names.PATH].tolist() == [
        "visible/a.jpg",
        "visible/a/deep/er/z.png",
        "visible/b.jpg",
        "infrared/1.bmp",
        "infrared/x/0.webp",
    ]
    assert crops.rows_of(names.INFRARED).tolist() == [3, 4]
    assert all(file.is_file() for file in crops.files())
    assert not any(crops.has(column) for column in names.CROP_COLUMNS[2:])


def test_upper_case_spaces_and_unicode(tmp_path: Path) -> None:
    fill(tmp_path, "Visible/Möwe 1.JPG", "Visible/人.Jpeg", "INFRARED/a b/c  d.PNG", "INFRARED/NA.tif")
    assert paths(tmp_path) == ["Visible/Möwe 1.JPG", "Visible/人.Jpeg", "INFRARED/NA.tif", "INFRARED/a b/c  d.PNG"]


def test_two_spellings_of_a_folder_are_taken_together(tmp_path: Path) -> None:
    fill(tmp_path, "visible/a.jpg", "Visible/b.jpg", "infrared/c.jpg")
    if len(list(tmp_path.iterdir())) == 2:
        pytest.skip("this file system does not tell upper from lower case")
    assert paths(tmp_path) == ["Visible/b.jpg", "visible/a.jpg", "infrared/c.jpg"]


def test_what_is_no_image_is_passed_over(tmp_path: Path) -> None:
    fill(tmp_path, "visible/a.jpg", "infrared/a.jpg", "visible/._a.jpg", "visible/.hidden/b.jpg", "visible/Thumbs.db")
    fill(tmp_path, "visible/notes.txt", "visible/a.jpg.bak", "visible/jpg", ".jpg", "other/c.jpg", "d.jpg")
    (tmp_path / "visible/folder.jpg").mkdir()
    fill(tmp_path, "visible/folder.jpg/inside.jpg")
    assert paths(tmp_path) == ["visible/a.jpg", "visible/folder.jpg/inside.jpg", "infrared/a.jpg"]


def test_links_are_followed_once_and_circles_end(tmp_path: Path) -> None:
    outside = fill(tmp_path / "outside", "o.jpg")
    root = fill(tmp_path / "data", "visible/real/a.jpg", "infrared/a.jpg")
    (root / "visible/again").symlink_to(root / "visible/real")
    (root / "visible/circle").symlink_to(root / "visible")
    (root / "visible/elsewhere").symlink_to(outside)
    (root / "visible/file.jpg").symlink_to(outside / "o.jpg")
    assert paths(root) == ["visible/elsewhere/o.jpg", "visible/file.jpg", "visible/real/a.jpg", "infrared/a.jpg"]


def test_a_linked_modality_folder(tmp_path: Path) -> None:
    root = fill(tmp_path / "data", "infrared/a.jpg")
    (root / "visible").symlink_to(fill(tmp_path / "far", "v.jpg"))
    assert paths(root) == ["visible/v.jpg", "infrared/a.jpg"]


def test_a_link_that_leads_nowhere_is_kept_and_a_device_is_not(tmp_path: Path) -> None:
    fill(tmp_path, "visible/a.jpg", "infrared/a.jpg")
    (tmp_path / "visible/lost.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "visible/endless.jpg").symlink_to("/dev/zero")
    (tmp_path / "visible/itself.jpg").symlink_to(tmp_path / "visible/itself.jpg")
    assert paths(tmp_path) == ["visible/a.jpg", "visible/itself.jpg", "visible/lost.jpg", "infrared/a.jpg"]


@pytest.mark.parametrize("missing", names.MODALITIES)
def test_a_missing_modality_is_named(tmp_path: Path, missing: str) -> None:
    other = next(name for name in names.MODALITIES if name != missing)
    fill(tmp_path, f"{other}/a.jpg")
    assert f"no folder '{missing}'" in refusal(tmp_path)
    (tmp_path / missing).mkdir()
    assert f"{missing}: no images" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["thermal", "Thermal", "IR", "nir"])
def test_other_names_are_to_be_renamed(tmp_path: Path, name: str) -> None:
    fill(tmp_path, "visible/a.jpg", f"{name}/a.jpg")
    assert f"a folder '{name}'; rename it to 'infrared'" in refusal(tmp_path)


def test_both_under_other_names(tmp_path: Path) -> None:
    fill(tmp_path, "RGB/a.jpg", "ir/a.jpg")
    assert not is_image_folder(tmp_path)
    assert "a folder 'RGB'; rename it to 'visible'" in refusal(tmp_path)


def test_a_file_is_no_modality_folder(tmp_path: Path) -> None:
    fill(tmp_path, "visible", "infrared/a.jpg")
    assert "no folder 'visible'" in refusal(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="file names are text on this system")
def test_a_file_name_that_is_no_text(tmp_path: Path) -> None:
    fill(tmp_path, "visible/a.jpg", "infrared/a.jpg")
    try:
        Path(os.fsdecode(bytes(tmp_path / "visible") + b"/M\xf6we.jpg")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    assert "'visible/M\ufffdwe.jpg' is not UTF-8 text; rename" in refusal(tmp_path)


def unreadable(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the system refuse to list a folder, whoever runs the tests."""
    scandir = os.scandir

    def refuse(place: str) -> object:
        if Path(place) == folder:
            raise PermissionError(13, "Permission denied")
        return scandir(place)

    monkeypatch.setattr("usvireid.data.sources.folder.os.scandir", refuse)


@pytest.mark.parametrize("locked", [".", "visible", "visible/inner"])
def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, locked: str, monkeypatch: pytest.MonkeyPatch, two_folders: Callable[..., Path]
) -> None:
    root = fill(two_folders(1), "visible/inner/b.jpg")
    unreadable(monkeypatch, root / locked)
    assert refusal(root).startswith(f"{root / locked}: the folder cannot be read (Permission denied)")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may read everything")
def test_permissions(tmp_path: Path) -> None:
    fill(tmp_path, "visible/a.jpg", "infrared/a.jpg")
    (tmp_path / "visible").chmod(0)
    try:
        assert "cannot be read" in refusal(tmp_path)
    finally:
        (tmp_path / "visible").chmod(0o755)


def test_where_one_modality_will_do_none_will_not(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder 'visible'"):
        read_folder(tmp_path, single=True)
