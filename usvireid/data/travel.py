"""Travel times between cameras, a small table that a person writes."""

from __future__ import annotations

from pathlib import Path

from usvireid.data.tables import TableKind, read_table
from usvireid.errors import DataError, UsageError

_FROM, _TO, _SECONDS = "from", "to", "seconds"
_TRAVEL = TableKind("a table of travel times", (_FROM, _TO, _SECONDS), (_FROM, _TO, _SECONDS), marks_missing=False)


def read_travel(file: Path) -> dict[tuple[str, str], float]:
    """The least seconds from one camera to another; a pair stands once and is meant both ways.

    Raises:
        UsageError: no such file.
        DataError: not such a table, an empty name, a camera paired with itself, a pair that stands twice, or seconds
            that are no number above 0. The message names file and row.
    """
    if not file.is_file():
        raise UsageError(f"constraints.travel: {file}: no such file; give a table from,to,seconds (.csv).")
    table = read_table(file, _TRAVEL)
    found: dict[tuple[str, str], float] = {}
    for at, (one, other, text) in enumerate(table[[_FROM, _TO, _SECONDS]].fillna("").itertuples(index=False)):
        where = f"{file}: row {at + 2}"
        if not one or not other or one == other:
            raise DataError(f"{where}: from '{one}' to '{other}': name two different cameras.")
        if (one, other) in found or (other, one) in found:
            raise DataError(f"{where}: the way from '{one}' to '{other}' stands in the table already; keep one.")
        seconds = _positive(text)
        if seconds is None:
            raise DataError(f"{where}: seconds '{text}' is not a number above 0.")
        found[one, other] = seconds
    return found


def _positive(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None
