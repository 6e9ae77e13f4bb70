"""The address of a review stays the same, and is nobody else's business."""

from pathlib import Path

import pytest

from usvireid.errors import UsvireidError
from usvireid.review.address import ADDRESS_FILE, Address, keep_address, last_address


def test_the_first_address_is_free_and_every_key_another(tmp_path: Path) -> None:
    first, second = last_address(tmp_path), last_address(tmp_path)
    assert first.port == 0
    assert first.key != second.key
    assert len(first.key) == 32


def test_the_address_is_kept_for_this_user_only(tmp_path: Path) -> None:
    address = Address(4711, last_address(tmp_path).key)
    keep_address(tmp_path, address)
    assert last_address(tmp_path) == address
    assert (tmp_path / ADDRESS_FILE).stat().st_mode & 0o777 == 0o600
    (tmp_path / ADDRESS_FILE).chmod(0o644)
    assert last_address(tmp_path).key != address.key


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"port": 5, "key": 7}', '{"port": "5", "key": "x"}', '{"port": 5, "key": "../.."}']
)
def test_a_file_that_holds_something_else_is_passed_over(tmp_path: Path, content: str) -> None:
    path = tmp_path / ADDRESS_FILE
    path.write_text(content)
    path.chmod(0o600)
    assert last_address(tmp_path).port == 0
    keep_address(tmp_path, Address(5, "0" * 32))
    assert last_address(tmp_path) == Address(5, "0" * 32)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsvireidError, match="cannot be written"):
        keep_address(tmp_path / "no", Address(5, "0" * 32))
