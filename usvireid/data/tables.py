"""CSV tables that people write and correct by hand, as text; what is wrong is said in their words, with the row."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from usvireid.errors import DataError

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class TableKind:
    """What a table is called in messages, and its columns.

    Attributes:
        name: such as "a manifest".
        required: columns that have to be there; no row may end before them.
        columns: every column that means something; others are passed over.
        marks_missing: whether "NA", "null" and their like mean a missing value, as an empty field always does.
    """

    name: str
    required: Sequence[str]
    columns: Sequence[str]
    marks_missing: bool


def read_table(file: Path, kind: TableKind) -> pd.DataFrame:
    """A comma-separated UTF-8 table with a header, all of it as text.

    Upper case and spaces in the header do not matter. Rows are counted from 2 in messages, as a spreadsheet shows them;
    blank lines are passed over and do not count. Missing values are NA.

    Raises:
        DataError: it cannot be read, is no such table, or lacks a required column; the message names file and row.
    """
    text = _text(file, kind)
    _refuse_bad_rows(text, file, kind)
    try:
        table = pd.read_csv(
            io.StringIO(text, newline=""),
            dtype="string",
            index_col=False,
            keep_default_na=kind.marks_missing,
            na_values=[""],
        )
    except ValueError as error:  # nothing that is known: the rows have been looked at
        reason = " ".join(str(error).split())
        raise DataError(f"{file}: not a readable CSV table ({reason}); save it as CSV anew.") from None
    table.columns = pd.Index([_plain(str(column)) for column in table.columns])
    return table


def _text(file: Path, kind: TableKind) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror or error}); check its permissions.") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{file}: line {line} is not UTF-8 text; save the table as CSV in UTF-8.") from None
    if not text.strip():
        raise DataError(f"{file}: the file is empty; {kind.name} starts with the line {','.join(kind.columns)}.")
    return text


def _refuse_bad_rows(text: str, file: Path, kind: TableKind) -> None:
    """Look at every row, because a row that is cut or shifted would be read as other values, without a word."""
    header: list[str] = []
    least = row = 0
    try:
        for fields in csv.reader(io.StringIO(text, newline=""), strict=True):
            if not any(field.strip() for field in fields) and len(fields) < 2:
                continue
            row += 1
            if row == 1:
                header = [_plain(field) for field in fields]
                _refuse_bad_header(header, file, kind)
                least = 1 + max(header.index(column) for column in kind.required)
            elif len(fields) > len(header):
                raise DataError(
                    f"{file}: row {row} has {len(fields)} fields and the header {len(header)}; "
                    "put a field that holds a comma into quotation marks."
                )
            elif len(fields) < least:
                raise DataError(f"{file}: row {row} ends before the column '{header[least - 1]}'; complete it.")
    except csv.Error:
        raise DataError(
            f"{file}: row {row + 1}: a quotation mark without its partner, or in the middle of a field; "
            "remove it, or write it twice."
        ) from None


def _refuse_bad_header(header: list[str], file: Path, kind: TableKind) -> None:
    if len(header) == 1:
        for separator, word in _SEPARATORS.items():
            if separator in header[0]:
                raise DataError(f"{file}: the columns are separated by {word}; save it with commas.")
    if any(not character.isprintable() for character in "".join(header)):
        raise DataError(f"{file}: not a CSV table (the first line is not text); save it as CSV in UTF-8.")
    for column in kind.columns:
        if header.count(column) > 1:
            raise DataError(f"{file}: the column '{column}' stands in the header twice; keep one.")
    for column in kind.required:
        if column not in header:
            found = ", ".join(header)
            raise DataError(
                f"{file}: no column '{column}'; {kind.name} needs {' and '.join(kind.required)}, "
                f"found {found[:200]}{'...' * (len(found) > 200)}."
            )


def _plain(column: str) -> str:
    return column.strip().lower()
