"""The table of crops in a data folder: made of the finished parts, and careful with what a person did to it."""

from __future__ import annotations

import hashlib
import io
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from usvireid import names
from usvireid.data.tables import TableKind, read_table
from usvireid.errors import DataError
from usvireid.files import write_atomically
from usvireid.footage.parts import Part
from usvireid.footage.timeline import crop_table, place

WRITTEN_FILE: Final = ".crops.sha256"
"""Digests of the table as it was written, to tell one that a person has edited."""
_TABLE: Final = TableKind("a table of crops", (names.PATH,), names.FOOTAGE_COLUMNS, marks_missing=False)


def write_manifest(out: Path, parts: Sequence[Part], warn: Callable[[str], None]) -> dict[str, int]:
    """Write `crops.csv` anew, in one step.

    A table that a person has edited is kept under another name first, and columns that he added, such as `identity`, go
    on with the crops they stood at. Crops whose files he has removed are left out.

    Args:
        out: the data folder.
        parts: the finished ones, in the order of the ledger.
        warn: told where a table is kept, and how many crops have been removed.

    Returns:
        How many crops of each modality there are.

    Raises:
        DataError: a part or the edited table is damaged.
        UsvireidError: it cannot be written.
    """
    file = out / names.MANIFEST_FILE
    table = _still_there(crop_table(place(parts)), out, warn)
    before = _content(file)
    if before is not None:
        table = _with_own_columns(table, file)
        if _digest(before) not in _written(out):
            kept = _free_name(file)
            write_atomically(kept, before)
            warn(f"{file}: was edited by hand; it is kept as {kept.name}, and its own columns go on in the new table")
    text = io.StringIO()
    table.to_csv(text, index=False, lineterminator="\n")
    content = text.getvalue().encode()
    # The new digest goes first and the old one stays beside it: a process killed between the two writes leaves a table
    # that is known either way.
    known = _written(out)[-1:] if before is not None else []
    write_atomically(out / WRITTEN_FILE, "".join(f"{line}\n" for line in [*known, _digest(content)]).encode())
    write_atomically(file, content)
    write_atomically(out / WRITTEN_FILE, f"{_digest(content)}\n".encode())
    return {modality: int((table[names.MODALITY] == modality).sum()) for modality in names.MODALITIES}


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); remove it, and it is written anew.") from None


def _still_there(table: pd.DataFrame, out: Path, warn: Callable[[str], None]) -> pd.DataFrame:
    """The table without crops that a person has removed."""
    there = [(out / path).is_file() for path in table[names.PATH]]
    if all(there):
        return table
    warn(
        f"{out}: {len(there) - sum(there)} crops have been removed from the folder and are left out of the table; "
        "--redo of their recordings brings them back"
    )
    return table[there].reset_index(drop=True)


def _with_own_columns(table: pd.DataFrame, file: Path) -> pd.DataFrame:
    edited = read_table(file, _TABLE)
    if edited[names.PATH].duplicated().any():
        raise DataError(f"{file}: a path stands in it twice; keep one.")
    own = [column for column in edited.columns if column not in {*names.FOOTAGE_COLUMNS, *table.columns}]
    return table.join(edited.set_index(names.PATH)[own], on=names.PATH) if own else table


def _written(out: Path) -> list[str]:
    file = out / WRITTEN_FILE
    return file.read_text(encoding="utf-8", errors="replace").split() if file.exists() else []


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _free_name(file: Path) -> Path:
    numbers = itertools.count(1)
    return next(name for n in numbers if not (name := file.with_name(f"{file.stem}.edited{n}.csv")).exists())
