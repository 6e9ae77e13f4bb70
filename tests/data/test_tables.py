from __future__ import annotations

from pathlib import Path

import pytest

from usvireid.data.tables import TableKind, read_table
from usvireid.errors import DataError

KIND = TableKind("a test", ("a", "b"), ("a", "b", "c"), marks_missing=False)
GOOD = "a,b,c\n1,2,3\n"


def table(tmp_path: Path, content: str | bytes, kind: TableKind = KIND) -> list[list[object]]:
    file = tmp_path / "table.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    found = read_table(file, kind)
    return [found.columns.tolist(), *found.astype(object).where(found.notna(), None).to_numpy().tolist()]


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        "\n  \n a , B,c\n\n1,2,3\n  \n",
        GOOD.encode("utf-8-sig"),
        '"a","b","c"\n"1","2","3"',
    ],
    ids=["plain", "Windows", "old Macintosh", "blank lines and spaces", "byte order mark", "quotes"],
)
def test_what_programs_make_of_a_table(tmp_path: Path, content: str | bytes) -> None:
    assert table(tmp_path, content) == [["a", "b", "c"], ["1", "2", "3"]]


def test_quotes_and_missing_values(tmp_path: Path) -> None:
    text = 'a,b,c,more\n"x, ""y""",NA,\n"two\nlines",,null,z\n'
    rows = [['x, "y"', "NA", None, None], ["two\nlines", None, "null", "z"]]
    assert table(tmp_path, text)[1:] == rows
    marked = TableKind("a test", ("a", "b"), ("a", "b", "c"), marks_missing=True)
    assert table(tmp_path, text, marked)[1:] == [['x, "y"', None, None, None], ["two\nlines", None, None, "z"]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "the file is empty; a test starts with the line a,b,c"),
        (" \n\n", "the file is empty"),
        ("a;b\n1;2\n", "separated by semicolons"),
        ("a\tb\n1\t2\n", "separated by tabs"),
        ("a|b\n1|2\n", "separated by bars"),
        ("a\n1\n", "no column 'b'; a test needs a and b, found a"),
        ("a,b,A\n1,2,3\n", "the column 'a' stands in the header twice"),
        ("a,b,c\n1,2\n1\n", "row 3 ends before the column 'b'"),
        ("a,b\n\n1,2\n1,2,3,4\n", "row 3 has 4 fields and the header 2"),
        ('a,b\n1,2\n"1,2\n3,4\n', "row 3: a quotation mark"),
        ('a,b\n"1"x,2\n', "row 2: a quotation mark"),
        ("a,b\n1,2\nä,3\n".encode("latin-1"), "line 3 is not UTF-8 text"),
        (GOOD.encode("utf-16"), "line 1 is not UTF-8 text"),
        (b"\x00\x01\x02\x03\x00\x00", "the first line is not text"),
        (b"PK\x03\x04\x14\x00\x06\x00", "the first line is not text"),
    ],
)
def test_refusals(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(DataError) as caught:
        table(tmp_path, content)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'table.csv'}: ") and "\n" not in message
    assert says in message
