from pathlib import Path
from typing import BinaryIO

import pytest

from usvireid.errors import UsvireidError
from usvireid.files import size_text, write_atomically


def test_new_content_replaces_old_and_nothing_is_left_over(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_atomically(path, b"one")
    write_atomically(path, lambda file: file.write(b"two") and None)
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.txt"]


def test_a_failure_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(b"old")

    def broken(file: BinaryIO) -> None:
        file.write(b"half of the n")
        raise OSError(28, "No space left on device")

    with pytest.raises(UsvireidError, match=r"file\.txt: cannot be written \(No space left on device\)"):
        write_atomically(path, broken)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_that_is_too_long_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(UsvireidError, match=r"cannot be written \(File name too long\).*Give a shorter name\."):
        write_atomically(tmp_path / ("a" * 250), b"")


def test_an_error_of_another_kind_passes_and_cleans_up(tmp_path: Path) -> None:
    def broken(file: BinaryIO) -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        write_atomically(tmp_path / "file.txt", broken)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_960, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (4_260_000_000, "4.3 GB"),
        (12_345_678_901_234, "12 TB"),
        (10**18, "1000000 TB"),
    ],
)
def test_sizes_as_a_person_reads_them(count: int, text: str) -> None:
    assert size_text(count) == text
