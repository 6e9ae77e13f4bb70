"""Does a part hold two people, and are two parts one person? What features say about parts of one modality."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usvireid import names
from usvireid.quality.crop_cues import centres_of
from usvireid.quality.parts import Parts

_ROUNDS = 6
_BLOCK = 1024


@dataclass(frozen=True)
class Halves:
    """The best division of each part into two (K parts).

    Attributes:
        second: bool, N; whether a crop is in the smaller half of its part.
        gap: float32, K; squared distance between the means of the halves; 0 for a part of one crop.
        within: float32, K; mean squared distance of the crops to the mean of their half; 0 for up to two crops.
        smaller: int64, K; crops in the smaller half.
    """

    second: np.ndarray
    gap: np.ndarray
    within: np.ndarray
    smaller: np.ndarray


def halves(values: np.ndarray, parts: Parts) -> Halves:
    """Divide every part in two by 2-means, begun with the crop farthest from the mean and the one farthest from that.

    Args:
        values: float32, N x D.
        parts: of these N crops.
    """
    second = np.zeros(len(values), dtype=bool)
    gap = np.zeros(len(parts), dtype=np.float32)
    within = np.zeros(len(parts), dtype=np.float32)
    smaller = np.zeros(len(parts), dtype=np.int64)
    for number, rows in enumerate(parts.members()):
        if len(rows) < 2:
            continue
        side, gap[number], within[number] = _two_means(values[rows])
        second[rows[side]] = True
        smaller[number] = side.sum()
    return Halves(second, gap, within, smaller)


def _two_means(values: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Which rows are in the smaller half, the distance of the halves and the mean distance within."""
    first = values[_squared(values, values.mean(axis=0)).argmax()]
    second = values[_squared(values, first).argmax()]
    side = np.zeros(len(values), dtype=bool)
    for _ in range(_ROUNDS):
        moved = _squared(values, second) < _squared(values, first)
        if not moved.any() or moved.all():
            # Rows that do not differ: one of them is as good as any other.
            moved = np.arange(len(values)) == len(values) - 1
        if (moved == side).all():
            break
        side = moved
        first, second = values[~side].mean(axis=0), values[side].mean(axis=0)
    within = np.where(side, _squared(values, second), _squared(values, first)).mean()
    gap = float(((first - second) ** 2).sum())
    return (side if 2 * side.sum() <= len(side) else ~side), gap, float(within)


def _squared(values: np.ndarray, point: np.ndarray) -> np.ndarray:
    difference = values - point
    return np.asarray(np.einsum("nd,nd->n", difference, difference))


@dataclass(frozen=True)
class Pairs:
    """Pairs of parts of one modality with different identities that could be one person (M of them).

    Attributes:
        one: int64, M; a part.
        other: int64, M; a part next to it; `one` is the smaller number.
        distance: float32, M; squared distance between their means.
        apart: bool, M; no camera has seen both; False too where cameras are not known.
    """

    one: np.ndarray
    other: np.ndarray
    distance: np.ndarray
    apart: np.ndarray

    def __len__(self) -> int:
        return len(self.one)


def nearest_pairs(values: np.ndarray, parts: Parts, camera: np.ndarray) -> Pairs:
    """Every part with its nearest of another identity in the modality, and with its nearest that shares no camera.

    People are split where one camera shows them unlike another, so pieces of one person tend to share no camera.

    Args:
        values: float32, N x D; unit rows.
        parts: of these N crops.
        camera: int64, N; code of the camera of each crop, -1 where it is not known.
    """
    centres, seen = centres_of(values, parts), _cameras_of(parts, camera)
    found: list[tuple[np.ndarray, ...]] = []
    for modality in range(len(names.MODALITIES)):
        numbers = parts.of_modality(modality)
        identity, mine, places = parts.identity[numbers], centres[numbers], seen[numbers]
        squares = np.einsum("kd,kd->k", mine, mine)
        for start in range(0, len(numbers), _BLOCK):
            block = slice(start, start + _BLOCK)
            distance = np.maximum(squares[block, None] + squares - 2 * mine[block] @ mine.T, 0)
            distance[identity[block, None] == identity] = np.inf
            apart = (places[block] @ places.T == 0) & places[block].any(axis=1)[:, None] & places.any(axis=1)
            found.append(_nearest(distance, apart, numbers[block], numbers))
            found.append(_nearest(np.where(apart, distance, np.inf), apart, numbers[block], numbers))
    if not found:
        nothing = np.zeros(0, dtype=np.int64)
        return Pairs(nothing, nothing, np.zeros(0, dtype=np.float32), np.zeros(0, dtype=bool))
    one, other, distances, aparts = (np.concatenate(column) for column in zip(*found, strict=True))
    pairs, first = np.unique(np.sort(np.stack((one, other)), axis=0), axis=1, return_index=True)
    return Pairs(pairs[0], pairs[1], distances[first].astype(np.float32), aparts[first])


def _cameras_of(parts: Parts, camera: np.ndarray) -> np.ndarray:
    """Which cameras have seen each part (float32 0 and 1, K x C)."""
    seen = np.zeros((len(parts), int(camera.max(initial=0)) + 1), dtype=np.float32)
    rows = np.flatnonzero((parts.part >= 0) & (camera >= 0))
    seen[parts.part[rows], camera[rows]] = 1
    return seen


def _nearest(
    distance: np.ndarray, apart: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The nearest column of every row that has one: row, column, distance, whether no camera has seen both."""
    at = np.arange(len(distance))
    best = distance.argmin(axis=1)
    known = np.isfinite(distance[at, best])
    return rows[known], columns[best[known]], distance[at, best][known], apart[at, best][known]


def spread_of(values: np.ndarray, parts: Parts) -> np.ndarray:
    """Mean squared distance of the crops of each part to its mean, with n - 1 for n (float32, K); 0 for one crop."""
    sizes = parts.sizes
    squares = np.einsum("kd,kd->k", centres_of(values, parts), centres_of(values, parts))
    return np.where(sizes > 1, np.maximum(1 - squares, 0) * sizes / np.maximum(sizes - 1, 1), 0).astype(np.float32)
