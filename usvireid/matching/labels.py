"""PseudoLabels, the table of labels that clustering and matching hand to training, and its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from usvireid import names
from usvireid.clustering.result import Clusters
from usvireid.data.crops import Crops, Rows
from usvireid.data.tables import TableKind, read_table
from usvireid.errors import DataError
from usvireid.files import write_atomically

_LABELS = TableKind("a labels file", (names.PATH, names.IDENTITY), names.LABEL_COLUMNS, marks_missing=False)
_INTEGERS = (names.CLUSTER, names.SUB_CLUSTER, names.IDENTITY)


@dataclass(frozen=True)
class PseudoLabels:
    """One row per crop, in the order of the crops they were made for.

    Columns (`names.LABEL_COLUMNS`): `path`, `modality`; `cluster`, the coarse cluster within the modality, and
    `sub_cluster`, the part of it (or of the identity, where those are divided), both int64 with -1 for none;
    `identity`, the pseudo-identity that is trained on, shared across modalities (int64, -1: the crop is not trained
    on); `role`, core, border or outlier; `confidence` in [0, 1].

    Training reads `modality` and `identity`, and for centres of parts (MCCL) `cluster` and `sub_cluster`; a person who
    corrects labels by hand edits `identity`.
    """

    table: pd.DataFrame

    def __post_init__(self) -> None:
        if tuple(self.table.columns) != names.LABEL_COLUMNS:
            raise ValueError(f"pseudo-labels have the columns {', '.join(names.LABEL_COLUMNS)}")

    @classmethod
    def of_clusters(cls, crops: Crops, cluster: np.ndarray, role: np.ndarray, confidence: np.ndarray) -> PseudoLabels:
        """Labels before any matching: every cluster is an identity of its own modality.

        Args:
            crops: N crops.
            cluster: int64, N; cluster numbers within the crop's modality, -1 for outliers.
            role: text, N; core, border or outlier.
            confidence: float, N; in [0, 1].
        """
        identity = np.full(len(crops), names.NO_LABEL, dtype=np.int64)
        first_free = 0
        for modality in names.MODALITIES:
            rows = crops.rows_of(modality)
            kept = rows[cluster[rows] >= 0]
            identity[kept] = cluster[kept] + first_free
            first_free += int(cluster[kept].max(initial=-1)) + 1
        return cls(
            pd.DataFrame(
                {
                    names.PATH: crops.table[names.PATH],
                    names.MODALITY: crops.table[names.MODALITY],
                    names.CLUSTER: cluster.astype(np.int64),
                    names.SUB_CLUSTER: np.full(len(crops), names.NO_LABEL, dtype=np.int64),
                    names.IDENTITY: identity,
                    names.ROLE: pd.array(role, dtype="string"),
                    names.CONFIDENCE: confidence.astype(np.float32),
                }
            )
        )

    @classmethod
    def of_modalities(cls, crops: Crops, found: Mapping[str, Clusters]) -> PseudoLabels:
        """Labels before any matching, from the clusters of each modality's crops in their order.

        Args:
            crops: N crops.
            found: per modality, the clusters of its crops.
        """
        cluster = np.full(len(crops), names.NO_LABEL, dtype=np.int64)
        role = np.full(len(crops), names.OUTLIER, dtype=object)
        confidence = np.zeros(len(crops), dtype=np.float32)
        for modality, clusters in found.items():
            rows = crops.rows_of(modality)
            cluster[rows], role[rows], confidence[rows] = clusters.label, clusters.role, clusters.confidence
        return cls.of_clusters(crops, cluster, role, confidence)

    @classmethod
    def of_identities(cls, crops: Crops) -> PseudoLabels:
        """The known identities as labels; crops without one are outliers."""
        identity = crops.codes(names.IDENTITY)
        role = np.where(identity < 0, names.OUTLIER, names.CORE)
        labels = cls.of_clusters(crops, identity, role, (identity >= 0).astype(np.float32))
        return labels.replace(**{names.IDENTITY: identity})

    def __len__(self) -> int:
        return len(self.table)

    def count(self) -> int:
        """One more than the largest identity."""
        return int(self.column(names.IDENTITY).max(initial=-1)) + 1

    def column(self, name: str) -> np.ndarray:
        """A column as an array."""
        return self.table[name].to_numpy()

    def rows_of(self, modality: str) -> np.ndarray:
        """Row numbers (int64, ascending) of one modality."""
        return np.flatnonzero((self.table[names.MODALITY] == modality).to_numpy(dtype=bool))

    def take(self, rows: Rows) -> PseudoLabels:
        """The given rows as a table of their own."""
        picked = self.table.iloc[np.flatnonzero(rows) if rows.dtype == bool else rows]
        return PseudoLabels(picked.reset_index(drop=True))

    def replace(self, **columns: np.ndarray) -> PseudoLabels:
        """A copy with other values in the named columns."""
        unknown = set(columns) - set(names.LABEL_COLUMNS)
        if unknown:
            raise ValueError(f"no such label column: {', '.join(sorted(unknown))}")
        return PseudoLabels(self.table.assign(**columns))

    def identities_of(self, modality: str) -> np.ndarray:
        """The distinct identities that have crops in this modality (int64, ascending)."""
        identity = self.column(names.IDENTITY)[self.rows_of(modality)]
        return np.unique(identity[identity >= 0])

    def identities(self) -> np.ndarray:
        """The identities that have crops in either modality (int64, ascending)."""
        return np.union1d(*(self.identities_of(modality) for modality in names.MODALITIES))

    def shared_identities(self) -> np.ndarray:
        """The identities that have crops in both modalities (int64, ascending)."""
        visible, infrared = (self.identities_of(modality) for modality in names.MODALITIES)
        return np.intersect1d(visible, infrared)

    def write(self, path: Path) -> None:
        """Write the table as CSV, whole or not at all."""
        write_atomically(path, self.to_bytes())

    def to_bytes(self) -> bytes:
        """The table as the CSV file that `write` writes."""
        return self.table.to_csv(index=False, float_format="%.4f", lineterminator="\n").encode()

    @classmethod
    def read(cls, path: Path, crops: Crops, warn: Callable[[str], None] | None = None) -> PseudoLabels:
        """Read a labels file, possibly edited by hand, for the given crops.

        Rows may stand in any order; crops without a row get no label. Only `path` and `identity` have to be there.
        Rows of crops that are none of the given ones (a file that has gone or cannot be decoded any more) are left out;
        where they are more than half of the rows, the file is taken for one of other data and refused.

        Args:
            path: the file.
            crops: the crops to label.
            warn: told in one line how many rows were left out, where any were.

        Raises:
            ForeignLabels: more than half of the rows are of none of the crops.
            DataError: no file that can be read, not a CSV, a path that occurs twice, a modality that contradicts the
                crops, or a value that is not a label. The message names file and row.
        """
        if not path.exists():
            raise DataError(f"{path}: no such labels file; run `--stage cluster` first.")
        raw = read_table(path, _LABELS)
        known = raw[names.PATH].isin(crops.table[names.PATH]).to_numpy(dtype=bool)
        _refuse(raw[names.PATH].isna().to_numpy(dtype=bool), raw, path, names.PATH, "is empty; name a crop")
        if not known.all() or (raw.empty and len(crops)):
            unknown = _unknown(raw, known, path)
            if warn is not None:
                warn(f"{unknown}; left out, as they are gone from the data or cannot be read")
        return cls(_align(raw[known], crops, path))


class ForeignLabels(DataError):
    """Labels of other crops than those at hand."""


def _unknown(raw: pd.DataFrame, known: np.ndarray, path: Path) -> str:
    """Which rows name none of the crops, in words."""
    if raw.empty:
        raise ForeignLabels(f"{path}: the table has a header and no rows; cluster again with `--stage cluster`.")
    first = int(np.flatnonzero(~known)[0])
    unknown = (
        f"{path}: {int((~known).sum())} of {len(raw)} rows name no crop of the data "
        f"(the first is row {first + 2}: '{raw[names.PATH].iloc[first]}')"
    )
    if 2 * int(known.sum()) < len(raw):
        raise ForeignLabels(
            f"{unknown}, so these are the labels of other data; correct the paths, or cluster again with "
            "`--stage cluster`."
        )
    return unknown


def _align(raw: pd.DataFrame, crops: Crops, path: Path) -> pd.DataFrame:
    """The rows of a labels file brought into the order of the crops, checked."""
    position = pd.Index(crops.table[names.PATH]).get_indexer(pd.Index(raw[names.PATH]))
    _refuse(raw[names.PATH].duplicated().to_numpy(), raw, path, names.PATH, "has a row already; keep one")
    table = crops.table[[names.PATH, names.MODALITY]].copy()
    if names.MODALITY in raw.columns:
        differs = raw[names.MODALITY].fillna("").to_numpy() != table[names.MODALITY].to_numpy()[position]
        _refuse(differs, raw, path, names.MODALITY, "is not the modality of that crop in the data")
    for column in _INTEGERS:
        table[column] = np.full(len(crops), names.NO_LABEL, dtype=np.int64)
        if column in raw.columns:
            number = pd.to_numeric(raw[column], errors="coerce").astype("Float64")
            whole = ((number % 1) == 0) & (number >= names.NO_LABEL) & (number < 2**53)
            bad = raw[column].notna() & ~whole.fillna(False)
            _refuse(bad.to_numpy(dtype=bool), raw, path, column, "is not a whole number from -1 up")
            table.loc[position, column] = number.fillna(names.NO_LABEL).astype(np.int64).to_numpy()
    table[names.ROLE] = pd.array([names.OUTLIER] * len(crops), dtype="string")
    if names.ROLE in raw.columns:
        bad = raw[names.ROLE].notna() & ~raw[names.ROLE].isin(names.ROLES)
        _refuse(bad.to_numpy(dtype=bool), raw, path, names.ROLE, f"is none of {', '.join(names.ROLES)}")
        table.loc[position, names.ROLE] = raw[names.ROLE].fillna(names.OUTLIER).to_numpy()
    table[names.CONFIDENCE] = np.zeros(len(crops), dtype=np.float32)
    if names.CONFIDENCE in raw.columns:
        value = pd.to_numeric(raw[names.CONFIDENCE], errors="coerce").astype("Float64")
        bad = raw[names.CONFIDENCE].notna() & ~value.between(0, 1).fillna(False)
        _refuse(bad.to_numpy(dtype=bool), raw, path, names.CONFIDENCE, "is not a number from 0 to 1")
        table.loc[position, names.CONFIDENCE] = value.fillna(0).astype(np.float32).to_numpy()
    return table


def _refuse(bad: np.ndarray, raw: pd.DataFrame, path: Path, column: str, why: str) -> None:
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise DataError(f"{path}: row {int(raw.index[at]) + 2}: {column} '{raw[column].fillna('').iloc[at]}' {why}.")
