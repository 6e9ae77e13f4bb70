"""How well each crop sits in its part, by features or, without them, by what the labels say themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from usvireid import names
from usvireid.quality.parts import Parts

_BLOCK_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Seats:
    """Where crops sit among the parts of their modality; a row per crop, NaN and -1 where nothing can be said.

    Distances are squared Euclidean distances of unit features, 2 - 2 cos.

    Attributes:
        own: float32, N; distance to the nearest part of its own identity, the crop itself taken out of the centre; NaN
            for crops without an identity and for one that is alone.
        other: float32, N; distance to the nearest part of another identity; NaN where there is none.
        nearest: int64, N; that other part, -1 where there is none.
    """

    own: np.ndarray
    other: np.ndarray
    nearest: np.ndarray

    @property
    def silhouette(self) -> np.ndarray:
        """(other - own) / the larger of both (float32, N), from -1 to 1; NaN where one of them is unknown."""
        with np.errstate(invalid="ignore"):
            larger = np.maximum(np.maximum(self.own, self.other), np.finfo(np.float32).tiny)
            return np.asarray((self.other - self.own) / larger, dtype=np.float32)


def centres_of(values: np.ndarray, parts: Parts) -> np.ndarray:
    """The mean feature of each part (float32, K x D), not of unit length."""
    rows = np.flatnonzero(parts.part >= 0)
    shape = (len(parts), len(values))
    member = sparse.csr_array((np.ones(len(rows), dtype=np.float32), (parts.part[rows], rows)), shape=shape)
    return np.asarray(member @ values / np.maximum(parts.sizes, 1)[:, None], dtype=np.float32)


def seats(values: np.ndarray, parts: Parts) -> Seats:
    """Where every crop sits, in blocks of rows.

    Args:
        values: float32, N x D; unit rows.
        parts: of these N crops.
    """
    own = np.full(len(values), np.nan, dtype=np.float32)
    other = np.full(len(values), np.nan, dtype=np.float32)
    nearest = np.full(len(values), names.NO_LABEL, dtype=np.int64)
    centres, sizes = centres_of(values, parts), parts.sizes
    for modality in range(len(names.MODALITIES)):
        numbers = parts.of_modality(modality)
        rows = np.flatnonzero((parts.crop_modality == modality) & (parts.crop_identity >= 0))
        step = max(1, _BLOCK_BYTES // (4 * max(len(numbers), 1)))
        for start in range(0, len(rows) if len(numbers) else 0, step):
            block = rows[start : start + step]
            distance = _to_centres(values[block], centres[numbers])
            _leave_out(distance, parts.part[block], numbers, sizes)
            mine = parts.identity[numbers] == parts.crop_identity[block][:, None]
            apart = np.where(mine, np.inf, distance)
            best = apart.argmin(axis=1)
            at = np.arange(len(block))
            own[block] = _finite(np.where(mine, distance, np.inf).min(axis=1))
            other[block] = _finite(apart[at, best])
            nearest[block] = np.where(np.isfinite(apart[at, best]), numbers[best], names.NO_LABEL)
    return Seats(own, other, nearest)


def _to_centres(values: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Squared distances of unit rows to means (float32, n x K)."""
    squares = np.einsum("kd,kd->k", centres, centres)
    return np.asarray(np.maximum(1 + squares - 2 * values @ centres.T, 0), dtype=np.float32)


def _leave_out(distance: np.ndarray, part: np.ndarray, numbers: np.ndarray, sizes: np.ndarray) -> None:
    """Take each crop out of the centre of the part that holds it: the distance grows by (n / (n - 1))^2."""
    inside = np.flatnonzero(part >= 0)
    column = np.searchsorted(numbers, part[inside])
    size = sizes[part[inside]].astype(np.float64)
    with np.errstate(divide="ignore"):
        factor = np.where(size > 1, (size / np.maximum(size - 1, 1)) ** 2, np.inf)
    with np.errstate(invalid="ignore"):
        grown = distance[inside, column] * factor
    distance[inside, column] = np.where(size > 1, grown, np.inf)


def _finite(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.where(np.isfinite(values), values, np.nan), dtype=np.float32)
