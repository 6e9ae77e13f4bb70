from __future__ import annotations

from pathlib import Path

import pytest

from usvireid.data.sources.listings import ListedImage, few, images_in, missing_among, read_id_list, read_image_list


def test_the_first_line_of_an_id_list_counts(tmp_path: Path) -> None:
    file = tmp_path / "ids.txt"
    file.write_bytes(b"\xef\xbb\xbf 3, 1,2 ,3\r\nremarks\r\n")
    assert read_id_list(file) == ([3, 1, 2], [])


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_list(tmp_path: Path, text: str) -> None:
    (tmp_path / "ids.txt").write_text(text)
    ids, faults = read_id_list(tmp_path / "ids.txt")
    assert ids == []
    assert "ids.txt: is empty; it holds identities" in faults[0]


def test_a_list_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_bytes(b"\xff\xfe1\x00")
    assert "is not text" in read_id_list(tmp_path / "ids.txt")[1][0]
    assert "cannot be read" in read_id_list(tmp_path)[1][0]


def test_image_lists(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("a/1.bmp 0\n./a/two words.bmp  12 \n\nb\nb -1\na/1.bmp 0\n\n")
    images, faults = read_image_list(file)
    assert images == [ListedImage("a/1.bmp", 0, 1), ListedImage("a/two words.bmp", 12, 2)]
    assert "line 3 is empty, and so are 2 more lines" in faults[0]
    assert "line 6 names 'a/1.bmp' a second time (1 such line)" in faults[1]


def test_missing_files_against_asking_for_each(tmp_path: Path) -> None:
    paths = [f"{folder}/{name}.jpg" for folder in ("a", "b", "a/c", "gone") for name in range(4)]
    for path in paths[::3]:
        if not path.startswith("gone"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(b"")
    assert missing_among(tmp_path, paths) == {path for path in paths if not (tmp_path / path).exists()}
    assert missing_among(tmp_path, []) == set()


def test_images_of_a_folder(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.jpg", "._a.jpg", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "c.png").symlink_to("nowhere")
    assert images_in(tmp_path) == ["a.jpg", "b.JPG", "c.png"]


def test_few_of_many() -> None:
    assert few([1, 2]) == "1, 2"
    assert few(range(7)) == "0, 1, 2, 3, 4 and 2 more"
