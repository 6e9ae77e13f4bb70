"""A CSV table of crops, the manifest."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.data.tables import TableKind, read_table
from usvireid.errors import DataError

_MANIFEST = TableKind("a manifest", (names.PATH, names.MODALITY), names.CROP_COLUMNS, marks_missing=True)


def read_manifest(file: Path, *, single: bool = False) -> Crops:
    """The crops that a manifest lists.

    The manifest is a comma-separated UTF-8 table with a header. It needs the columns `path` (relative to the folder
    of the manifest, or absolute) and `modality`; any other of `names.CROP_COLUMNS` is taken where present, further
    columns are ignored. Upper case and spaces in the header do not matter.

    Args:
        file: the table.
        single: one modality alone will do.

    Raises:
        DataError: not a readable CSV table, no rows, one modality missing, a path that is no file, or whatever
            `Crops.from_table` refuses. The message names the first bad row, counted from 2 as in a CSV file.
    """
    table = _read_table(file)
    if names.PATH in table.columns:
        table[names.PATH] = table[names.PATH].map(_plain, na_action="ignore")
    crops = Crops.from_table(file.parent, table, str(file))
    _refuse_missing_files(crops, file)
    for modality in names.MODALITIES:
        if not single and not len(crops.rows_of(modality)):
            raise DataError(f"{file}: no row of modality {modality}; one modality alone cannot be trained on.")
    return crops


def _read_table(file: Path) -> pd.DataFrame:
    table = read_table(file, _MANIFEST)
    if table.empty:
        raise DataError(f"{file}: the table has a header and no rows.")
    return table


def _plain(path: str) -> str:
    """`./a//b.jpg` as `a/b.jpg`, so that two spellings of one path are seen as one; `..` stays, for links' sake."""
    path = path.strip()
    return PurePosixPath(path).as_posix() if path.startswith("./") or "/./" in path or "//" in path else path


def _refuse_missing_files(crops: Crops, file: Path) -> None:
    missing = np.array([not _is_file(path) for path in crops.files()], dtype=bool)
    if not missing.any():
        return
    row = int(np.flatnonzero(missing)[0])
    path = crops.table[names.PATH].iloc[row]
    advice = "write paths with / instead of \\" if "\\" in path else "correct the path or remove the row"
    more = f" ({int(missing.sum())} of {len(crops)} rows name no file)" if missing.sum() > 1 else ""
    raise DataError(f"{file}: row {row + 2}: no file '{path}' in {crops.root}{more}; {advice}.")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # its folder may not be entered, or the name is longer than the system allows
        return False
