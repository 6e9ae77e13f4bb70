"""The one validated table of crops that every later step speaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from usvireid import names
from usvireid.errors import DataError

Rows = np.ndarray
"""Row numbers (int64) or a boolean mask over the rows of a table."""

Images = Callable[[np.ndarray], np.ndarray]
"""The pixels of crops: from row numbers (int64, B) to uint8 B x H x W x 3."""

_NOBODY = str(names.NO_LABEL)
"""An identity that nobody knows, as labels files have it; an empty field says the same."""
_TEXT_COLUMNS = (names.PATH, names.MODALITY, names.CAMERA, names.RIG, names.TRACK, names.IDENTITY, names.SPLIT)


_NUMBERS = {
    names.FRAME: "a whole number below 2^53",
    names.TIME: "a number of seconds",
    names.WIDTH: "a number of pixels above 0",
    names.HEIGHT: "a number of pixels above 0",
}
"""What a column of numbers holds, in words; the others hold pixels."""


@dataclass(frozen=True)
class Crops:
    """Person crops and what is known of each.

    `table` has exactly the columns of `names.CROP_COLUMNS` in that order and a plain 0..N-1 index. `path` is relative
    to `root` (POSIX form) or absolute; `modality` is "visible" or "infrared". Everything else may be missing (NA):
    `camera`, `rig`, `track`, `identity` and `split` are text, `frame` is Int64, `time` is float64 in seconds, and the
    box (`names.BOX`) is float64 in pixels. Boxes are read where some crop has a rig, and are missing elsewhere.

    `layout` is one of `names.LAYOUTS`: a benchmark keeps its name, so that it is scored by its own protocol.

    Make one with `Crops.from_table`, which fills missing columns and refuses what it cannot use.
    """

    root: Path
    table: pd.DataFrame
    layout: str = names.OWN

    def __post_init__(self) -> None:
        if tuple(self.table.columns) != names.CROP_COLUMNS or not isinstance(self.table.index, pd.RangeIndex):
            raise ValueError(f"a table of crops has the columns {', '.join(names.CROP_COLUMNS)} and a plain index")
        if self.layout not in names.LAYOUTS:
            raise ValueError(f"unknown layout '{self.layout}'; one of {', '.join(names.LAYOUTS)}")

    @classmethod
    def from_table(cls, root: Path, table: pd.DataFrame, source: str, layout: str = names.OWN) -> Crops:
        """Check a raw table and complete it.

        Args:
            root: folder that relative paths start from.
            table: at least the columns `path` and `modality`; unknown columns are dropped.
            source: what to call the table in an error message, usually its file name.
            layout: one of `names.LAYOUTS`.

        Raises:
            DataError: a required column is missing, a modality or split is unknown, a number is none, or a path
                occurs twice. The message names the source and the first bad row, counted from 2 as in a CSV file.
        """
        for column in (names.PATH, names.MODALITY):
            if column not in table.columns:
                raise DataError(
                    f"{source}: no column '{column}'. A manifest needs the columns path and modality; "
                    f"found {', '.join(map(str, table.columns)) or 'none'}."
                )
        columns: dict[str, pd.Series] = {}
        nothing = pd.Series(pd.NA, index=table.index, dtype="string")
        for column in names.CROP_COLUMNS:
            # Without a rig nobody asks for boxes, and other tables may mean something else by width or height.
            unread = column in names.BOX and not columns[names.RIG].notna().any()
            raw = table[column] if column in table.columns and not unread else nothing
            columns[column] = _text(raw) if column in _TEXT_COLUMNS else _number(raw, column, source)
        columns[names.IDENTITY] = columns[names.IDENTITY].mask(columns[names.IDENTITY] == _NOBODY, pd.NA)
        checked = pd.DataFrame(columns).reset_index(drop=True)
        _refuse_unknown(checked, names.MODALITY, names.MODALITIES, source, required=True)
        _refuse_unknown(checked, names.SPLIT, names.SPLITS, source, required=False)
        _refuse_bad_paths(checked, source)
        return cls(root=Path(root), table=checked, layout=layout)

    def __len__(self) -> int:
        return len(self.table)

    def take(self, rows: Rows) -> Crops:
        """The given rows, in the given order, as a table of their own."""
        picked = self.table.iloc[np.flatnonzero(rows) if rows.dtype == bool else rows]
        return replace(self, table=picked.reset_index(drop=True))

    def rows_of(self, modality: str) -> np.ndarray:
        """Row numbers (int64, ascending) of one modality."""
        return np.flatnonzero((self.table[names.MODALITY] == modality).to_numpy(dtype=bool))

    def has(self, column: str) -> bool:
        """Whether any crop has a value in this column."""
        return bool(self.table[column].notna().any())

    def codes(self, column: str) -> np.ndarray:
        """A column as int64 codes: equal values get equal codes in sorted order of the values, missing gets -1."""
        return np.asarray(pd.factorize(self.table[column], sort=True)[0], dtype=np.int64)

    def files(self) -> list[Path]:
        """The file of every crop, in row order."""
        return [self.root / path for path in self.table[names.PATH]]

    def without_identities(self) -> Crops:
        """The same crops with the identity column emptied: what an unsupervised pipeline may see."""
        return self.with_identities_at(np.zeros(len(self), dtype=bool))

    def with_identities_at(self, kept: np.ndarray) -> Crops:
        """The same crops with the identities of some rows alone (bool, N)."""
        identity = self.table[names.IDENTITY].where(kept, pd.NA)
        return replace(self, table=self.table.assign(**{names.IDENTITY: identity}))

    def training_rows(self) -> np.ndarray:
        """Row numbers of the crops to train on: those of split "train", or all where no split is given."""
        if not self.has(names.SPLIT):
            return np.arange(len(self))
        return np.flatnonzero((self.table[names.SPLIT] == names.TRAIN).to_numpy(dtype=bool, na_value=False))

    def evaluation_rows(self) -> np.ndarray:
        """Row numbers of crops to score on: known identities in split test, query or gallery, or in all crops."""
        known = self.table[names.IDENTITY].notna()
        if self.has(names.SPLIT):
            known &= self.table[names.SPLIT].isin([names.TEST, names.QUERY, names.GALLERY])
        return np.flatnonzero(known.to_numpy(dtype=bool))

    def training(self) -> Crops:
        """The crops of `training_rows`."""
        return self.take(self.training_rows())

    def evaluation(self) -> Crops:
        """The crops of `evaluation_rows`."""
        return self.take(self.evaluation_rows())


def _text(column: pd.Series) -> pd.Series:
    """Text with surrounding space removed; empty becomes missing.

    Whole numbers that pandas holds as floats, because some are missing, are written without the ".0".
    """
    if pd.api.types.is_float_dtype(column):
        known = column.dropna()
        if ((known % 1 == 0) & (known.abs() < 2**53)).all():
            column = column.astype("Int64")
    text = column.astype("string").str.strip()
    return text.mask(text == "", pd.NA)


def _number(column: pd.Series, name: str, source: str) -> pd.Series:
    text = _text(column)
    numbers = pd.to_numeric(text, errors="coerce").astype("Float64")
    bad = (text.notna() & (numbers.isna() | ~np.isfinite(numbers.astype("float64")))).to_numpy(dtype=bool)
    if name == names.FRAME:
        whole = ((numbers % 1) == 0) & (numbers.abs() < 2**53)
        bad = bad | ~whole.fillna(True).to_numpy(dtype=bool)
    if name in (names.WIDTH, names.HEIGHT):
        bad = bad | (numbers <= 0).fillna(False).to_numpy(dtype=bool)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        kind = _NUMBERS.get(name, "a number of pixels")
        raise DataError(f"{source}: row {row + 2}: {name} '{text.iloc[row]}' is not {kind}.")
    return numbers.astype("Int64") if name == names.FRAME else numbers.astype("float64")


def _refuse_unknown(table: pd.DataFrame, column: str, known: tuple[str, ...], source: str, required: bool) -> None:
    bad = ~table[column].isin(known)
    if not required:
        bad &= table[column].notna()
    if not bad.any():
        return
    row = int(np.flatnonzero(bad.to_numpy(dtype=bool))[0])
    value = table[column].iloc[row]
    what = f"no {column}" if value is pd.NA else f"unknown {column} '{value}'"
    raise DataError(f"{source}: row {row + 2}: {what}; use one of {', '.join(known)}.")


def _refuse_bad_paths(table: pd.DataFrame, source: str) -> None:
    paths = table[names.PATH]
    missing = paths.isna().to_numpy(dtype=bool)
    if missing.any():
        raise DataError(f"{source}: row {int(np.flatnonzero(missing)[0]) + 2}: the path is empty.")
    double = paths.duplicated().to_numpy(dtype=bool)
    if double.any():
        row = int(np.flatnonzero(double)[0])
        raise DataError(f"{source}: row {row + 2}: the path '{paths.iloc[row]}' stands in the table twice; keep one.")
