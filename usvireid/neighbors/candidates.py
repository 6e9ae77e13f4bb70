"""From a rounded search to the exact answer: what a back end has to deliver, and how its result is made certain.

A back end finds, for each row, the columns of smallest *score*, a squared distance with the rounding errors of matrix
products. How large such an error can be is known, so two scores that are further apart than twice the error are
in the right order. Candidates near the k-th score are measured again in the one common arithmetic; where more columns
than were searched could belong to the k nearest, that row is searched again without a limit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from usvireid.errors import UsvireidError
from usvireid.neighbors.compiled import kernel, over_rows, worker_count
from usvireid.neighbors.distances import UNIT_ROUNDOFF, order_keys, pair_distances, split_keys, squared_norms
from usvireid.neighbors.selection import reach_of

logger = logging.getLogger(__name__)

ScoreBlock = Callable[[np.ndarray, int, int], np.ndarray]
"""(rows, start, stop) -> float32 scores of the given rows against the columns start..stop."""

_LAST_KEY = np.uint64(0xFFFFFFFFFFFFFFFF)
_COLUMNS_PER_STEP = 1024
_FEW = 128


class ReducedPrecisionError(UsvireidError):
    """A search whose scores are less precise than it says, so that nothing can be concluded from them."""


@dataclass(frozen=True)
class Candidates:
    """Columns of small score of each row, in any order.

    Attributes:
        ids: integer, N x C, without repetition in a row.
        scores: float32, N x C.
        errors: float64, N: a score s can be off the squared distance by this and `relative` |s|.
        sizes: int32, N: how many columns of a row count, the first ones; None: all.
        limits: float32, N: every column that is not in a row has a score of more than this; None: the row holds the C
            columns of smallest score, and others may be equal to the largest of them.
        relative: the share of a score that it can be off by beside `errors`.
    """

    ids: np.ndarray
    scores: np.ndarray
    errors: np.ndarray
    sizes: np.ndarray | None = None
    limits: np.ndarray | None = None
    relative: float = 0.0

    def completed(self) -> Candidates:
        """The same with sizes and limits."""
        count, width = self.ids.shape
        sizes, limits = self.sizes, self.limits
        if sizes is None:
            sizes = np.full(count, width, dtype=np.int32)
        if limits is None and width == count:
            limits = np.full(count, np.inf, dtype=np.float32)
        elif limits is None:
            limits = np.nextafter(self.scores.max(axis=1), np.float32(-np.inf))
        return Candidates(self.ids, self.scores, self.errors, sizes, limits, self.relative)


def rounding_errors(lengths: np.ndarray, columns: int) -> np.ndarray:
    """How far a score |x|^2 + |y|^2 - 2<x, y> in float32 can be from the squared distance, for each row (float64, N).

    The textbook bounds for the inner product and the two norms, each summed in any order, with |y| at most the largest
    length of all rows; the last term is for products too small for float32.

    Args:
        lengths: of the rows, float64, N.
        columns: numbers in a row.
    """
    reach = (lengths + lengths.max(initial=0.0)) ** 2
    errors: np.ndarray = (1.5 * columns + 8) * UNIT_ROUNDOFF * reach + columns * 2.0**-125
    return errors


def nearest(
    values: np.ndarray, candidates: Candidates, k: int, scores: Callable[[], ScoreBlock], block_bytes: int
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest columns of every row, by (distance, id), exactly.

    Args:
        values: float32, N x D.
        candidates: rows of fewer than k columns, or that may miss one, are searched again.
        k: columns wanted, at most N.
        scores: makes the scores of any rows against any columns; called only where rows have to be searched again.
        block_bytes: bound on temporary memory, beside the candidates and the result.

    Returns:
        ids (int64, N x k) and squared distances (float32, N x k).

    Raises:
        ReducedPrecisionError: a score is farther from its distance than the candidates' errors say.
    """
    candidates = candidates.completed()
    count, width = candidates.ids.shape
    keys = np.empty((count, k), dtype=np.uint64)
    certain = np.empty(count, dtype=bool)
    step = max(1, block_bytes // (64 * width * worker_count()))

    def choose(start: int, stop: int) -> None:
        for low in range(start, stop, step):
            high = min(low + step, stop)
            keys[low:high], certain[low:high] = _among(values, candidates, k, low, high)

    over_rows(count, choose)
    again = np.flatnonzero(~certain)
    if len(again):
        logger.debug("%d of %d rows are searched again: near-equal distances at column %d", len(again), count, k)
        keys[again] = _among_all(values, again, k, scores(), block_bytes)
    distances, ids = split_keys(keys)
    return ids, distances


def nearest_of_rows(
    values: np.ndarray, rows: np.ndarray, k: int, scores: ScoreBlock, block_bytes: int
) -> tuple[np.ndarray, np.ndarray]:
    """The same for the given rows only (int64, R), without candidates: ids (R x k) and distances (R x k)."""
    distances, ids = split_keys(_among_all(values, rows, k, scores, block_bytes))
    return ids, distances


def _among(values: np.ndarray, candidates: Candidates, k: int, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorted keys (R x k) of the rows start..stop out of their candidates, and which are certain to miss nothing."""
    ids, scores, errors, sizes, limits = (
        part[start:stop]
        for part in (candidates.ids, candidates.scores, candidates.errors, candidates.sizes, candidates.limits)
        if part is not None
    )
    bounds, certain = np.zeros(len(ids) + 1, dtype=np.int64), np.empty(len(ids), dtype=bool)
    relative = candidates.relative
    rows, near_ids, near_scores = _near_kth(ids, scores, errors, relative, sizes, limits, k, bounds, certain)
    distances = pair_distances(values, rows + start, near_ids, threads=False)
    wrong = _first_wrong(distances, near_scores, rows, errors, relative)
    if wrong >= 0:
        allowed = errors[rows[wrong]] + relative * abs(float(near_scores[wrong]))
        _refuse(abs(float(distances[wrong]) - float(near_scores[wrong])), allowed)
    keys = np.empty((len(ids), k), dtype=np.uint64)
    _first_of_each(order_keys(distances, near_ids), bounds, keys)
    return keys, certain


@kernel
def _near_kth(
    ids: np.ndarray,
    scores: np.ndarray,
    errors: np.ndarray,
    relative: float,
    sizes: np.ndarray,
    limits: np.ndarray,
    k: int,
    bounds: np.ndarray,
    certain: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What may be among the k nearest of a row: row, id and score, row after row; `bounds`, `certain` are filled."""
    count, width = scores.shape
    rows = np.empty(count * width, dtype=np.int64)
    near_ids = np.empty(count * width, dtype=np.int64)
    near_scores = np.empty(count * width, dtype=np.float32)
    used = 0
    for row in range(count):
        found = scores[row, : sizes[row]]
        # Whatever is not in the row is then farther than k of those that are.
        sure = limits[row] * (1 - relative) - 2 * errors[row]
        sure /= 1 + relative if sure > 0 else 1 - relative
        certain[row] = (found <= sure).sum() >= k
        if certain[row]:
            reach = max(reach_of(found, k, -2 * errors[row]), 0.0)
            limit = min((reach * (1 + relative) + 2 * errors[row]) / (1 - relative), limits[row])
            for place in range(found.size):
                rows[used] = row
                near_ids[used] = ids[row, place]
                near_scores[used] = found[place]
                used += found[place] <= limit
        bounds[row + 1] = used
    return rows[:used], near_ids[:used], near_scores[:used]


@kernel
def _first_wrong(
    distances: np.ndarray, scores: np.ndarray, rows: np.ndarray, errors: np.ndarray, relative: float
) -> int:
    """The first pair whose score is farther from its distance than it can be, or -1."""
    for pair in range(len(rows)):
        score = np.float64(scores[pair])
        near = abs(np.float64(distances[pair]) - score) <= errors[rows[pair]] + relative * abs(score)
        if not near or not np.isfinite(score):
            return pair
    return -1


@kernel
def _first_of_each(found: np.ndarray, bounds: np.ndarray, keys: np.ndarray) -> None:
    """The smallest keys of each row (found[bounds[row]:bounds[row + 1]]), ascending.

    Of few keys, a key's place is the number of smaller ones: that is faster than sorting. No key stands there twice.
    """
    for row in range(len(keys)):
        mine = found[bounds[row] : bounds[row + 1]]
        if mine.size > _FEW:
            mine.sort()
            keys[row] = mine[: keys.shape[1]]
            continue
        for at in range(mine.size):
            place = 0
            for other in range(mine.size):
                place += mine[other] < mine[at]
            if place < keys.shape[1]:
                keys[row, place] = mine[at]


def _refuse(off: float, error: float) -> None:
    raise ReducedPrecisionError(
        f"k-NN: a distance is off by {off:.2g} where its arithmetic allows {error:.2g}; something "
        "switches on reduced precision (NVIDIA_TF32_OVERRIDE=1?): unset it, or use the back end torch-cpu."
    )


def _among_all(values: np.ndarray, rows: np.ndarray, k: int, score: ScoreBlock, block_bytes: int) -> np.ndarray:
    """Sorted keys (R x k) out of all columns; each thread has rows of its own."""
    errors = rounding_errors(np.sqrt(squared_norms(values)), values.shape[1])[rows]
    keys = np.empty((len(rows), k), dtype=np.uint64)
    step = max(1, block_bytes // (64 * _COLUMNS_PER_STEP * worker_count()))

    def search(start: int, stop: int) -> None:
        for low in range(start, stop, step):
            part = slice(low, min(low + step, stop))
            keys[part] = _among_all_of_block(values, rows[part], k, errors[part], score)

    over_rows(len(rows), search)
    return keys


def _among_all_of_block(
    values: np.ndarray, rows: np.ndarray, k: int, errors: np.ndarray, score: ScoreBlock
) -> np.ndarray:
    best = np.full((len(rows), k), _LAST_KEY, dtype=np.uint64)
    for start in range(0, len(values), _COLUMNS_PER_STEP):
        scores = score(rows, start, min(start + _COLUMNS_PER_STEP, len(values)))
        full = best[:, -1] != _LAST_KEY
        worst, worst_ids = split_keys(best[:, -1])
        near = scores <= np.where(full, worst + errors, np.inf)[:, None]
        # Nothing is nearer than 0: a row full of duplicates could only take smaller ids, and those are past.
        near[full & (worst == 0) & (worst_ids < start)] = False
        at, column = np.nonzero(near)
        ids = column + start
        found = order_keys(pair_distances(values, rows[at], ids, threads=False), ids)
        _insert(best, found, np.searchsorted(at, np.arange(len(rows) + 1)))
    return best


@kernel
def _insert(best: np.ndarray, found: np.ndarray, bounds: np.ndarray) -> None:
    """Insert the keys found for each row (found[bounds[row]:bounds[row + 1]]) into its sorted list of the best."""
    last = best.shape[1] - 1
    for row in range(len(best)):
        for at in range(bounds[row], bounds[row + 1]):
            key = found[at]
            if key >= best[row, last]:
                continue
            place = last
            while place > 0 and best[row, place - 1] > key:
                best[row, place] = best[row, place - 1]
                place -= 1
            best[row, place] = key
