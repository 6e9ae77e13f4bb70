"""The columns of every row that may be among its k nearest, and the compiled loops that offer them a block of scores.

Whatever is among the k nearest has a score of at most the k-th smallest, and what it may be off by twice over. So that
is the limit for columns that come later, and each time a row is full, what has meanwhile turned out to be above it is
dropped: an addition is cheap, and a selection comes rarely.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usvireid.neighbors.candidates import Candidates
from usvireid.neighbors.compiled import kernel, over_rows
from usvireid.neighbors.selection import reach_of

_STRIP = 1024
"""Scores of a row that are looked at together; a multiple of the 8 marks that are looked at together."""
_NOTHING = np.int16(-(2**15))
"""The cut of a row that was given up: no bits are below it."""


def room_for(k: int) -> int:
    """Columns that a row has room for."""
    return 4 * (k + 16)


@kernel
def most_near(k: int) -> int:
    """Columns within the limit that leave enough room for others; a row with more is given up."""
    return 3 * (k + 16)


@dataclass(frozen=True)
class Pool:
    """Columns of each of N rows, R = `room_for(k)` at most.

    Attributes:
        k: neighbours wanted, at most N.
        scores: float32, N x R; the first `sizes` of a row count.
        ids: int32, N x R; the columns.
        sizes: int32, N.
        limits: float32, N, at least 0; columns that a row was offered and does not hold have larger scores. Infinity
            while nothing is known, -infinity where a row was given up.
        cuts: int16, N; the bits of a score in bfloat16 that is within the limit are below.
        errors: float64, N; a score s can be off the squared distance by this and `relative` |s|.
        relative: the share of a score that it can be off by beside that.
    """

    k: int
    scores: np.ndarray
    ids: np.ndarray
    sizes: np.ndarray
    limits: np.ndarray
    cuts: np.ndarray
    errors: np.ndarray
    relative: float

    @classmethod
    def empty(cls, k: int, errors: np.ndarray, relative: float = 0.0) -> Pool:
        """Nothing yet."""
        count, room = len(errors), room_for(k)
        return cls(
            k,
            np.empty((count, room), dtype=np.float32),
            np.empty((count, room), dtype=np.int32),
            np.zeros(count, dtype=np.int32),
            np.full(count, np.inf, dtype=np.float32),
            np.full(count, cut_of(np.float32(np.inf)), dtype=np.int16),
            errors,
            relative,
        )

    def offer_products(self, products: np.ndarray, norms: np.ndarray, top: int, left: int) -> None:
        """Offer the columns of a block to its rows and, off the diagonal, the rows to its columns.

        Nothing else may use these rows and columns meanwhile.

        Args:
            products: inner products, float32, R x C.
            norms: squared lengths of all rows, float32.
            top: the first row of the block.
            left: its first column; equal to `top` for a block on the diagonal, which is square.
        """
        _offer_products(products, norms, top, left, *self._arrays)

    def offer_distances(self, bits: np.ndarray, top: int, left: int) -> None:
        """The same with scores instead of products: int16, R x C, the bits of numbers of bfloat16."""
        _offer_distances(bits, top, left, *self._arrays)

    @property
    def found(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Scores, ids, sizes and limits."""
        return self.scores, self.ids, self.sizes, self.limits

    def add(self, scores: np.ndarray, ids: np.ndarray, sizes: np.ndarray, limits: np.ndarray) -> None:
        """Take what another pool for the same rows has `found` among other columns."""
        over_rows(len(sizes), lambda start, stop: _add(scores, ids, sizes, limits, *self._arrays, start, stop))

    def candidates(self) -> Candidates:
        """What there is, as a search delivers it."""
        return Candidates(self.ids, self.scores, self.errors, self.sizes, self.limits, self.relative)

    @property
    def _arrays(self) -> _Arrays:
        return self.k, self.scores, self.ids, self.sizes, self.limits, self.cuts, self.errors, self.relative


_Arrays = tuple[int, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]


@kernel
def cut_of(limit: np.float32) -> np.int16:
    """One more than the bits of the largest bfloat16 that is not above a limit (at least 0, or -infinity: nothing is).

    Bits of positive numbers sort as the numbers do, as integers; those of negative ones are negative.
    """
    if limit < 0:
        return _NOTHING
    number = np.empty(1, dtype=np.float32)
    number[0] = limit
    return np.int16((number.view(np.int32)[0] >> 16) + 1)


@kernel
def _limit(scores: np.ndarray, k: int, error: float, relative: float) -> np.float32:
    """What a score must not exceed, given some scores of the row, at least k.

    The k-th nearest is at most as far as the k-th smallest score s and its error: d = s + e + r s. A column that is not
    farther has a score t with t - e - r t <= d.
    """
    reach = max(reach_of(scores, k, -2 * error), 0.0)
    exact = (reach * (1 + relative) + 2 * error) / (1 - relative)
    limit = np.float32(exact)
    return limit if limit >= exact else np.nextafter(limit, np.float32(np.inf))


@kernel
def _prune(
    row: int,
    k: int,
    scores: np.ndarray,
    ids: np.ndarray,
    sizes: np.ndarray,
    limits: np.ndarray,
    cuts: np.ndarray,
    errors: np.ndarray,
    relative: float,
) -> None:
    """Drop what is above the limit by now."""
    size = sizes[row]
    limit = min(limits[row], _limit(scores[row, :size], k, errors[row], relative))
    kept = 0
    for place in range(size):
        score = scores[row, place]
        scores[row, kept] = score
        ids[row, kept] = ids[row, place]
        kept += score <= limit
    sizes[row] = kept
    limits[row] = limit if kept <= most_near(k) else np.float32(-np.inf)
    cuts[row] = cut_of(limits[row])


@kernel
def _score(products: np.ndarray, own: np.float32, norms: np.ndarray, scores: np.ndarray) -> None:
    for c in range(scores.size):
        scores[c] = own + norms[c] - np.float32(2) * products[c]


@kernel
def _widen(short: np.ndarray, bits: np.ndarray) -> None:
    """bfloat16 (int16) to float32 (int32), both as bits."""
    for c in range(bits.size):
        bits[c] = np.int32(short[c]) << np.int32(16)


@kernel
def _mark(scores: np.ndarray, limit: np.float32, limits: np.ndarray, marks: np.ndarray) -> None:
    """1 where a score is within the limit of the row, plus 2 where it is within that of its column."""
    for c in range(marks.size):
        marks[c] = np.uint8(scores[c] <= limit) | np.uint8(scores[c] <= limits[c]) << np.uint8(1)


@kernel
def _mark_bits(bits: np.ndarray, cut: np.int16, cuts: np.ndarray, marks: np.ndarray) -> None:
    """The same by the bits of bfloat16."""
    for c in range(marks.size):
        marks[c] = np.uint8(bits[c] < cut) | np.uint8(bits[c] < cuts[c]) << np.uint8(1)


@kernel
def _collect(marks: np.ndarray, for_row: np.ndarray, for_columns: np.ndarray) -> tuple[int, int]:
    """Where marks of 1 and of 2 are, and how many; few are, so eight are passed over at once where none is."""
    eight = marks.view(np.uint64)
    mine = theirs = 0
    for word in range(eight.size):
        if eight[word] != 0:
            for c in range(8 * word, 8 * word + 8):
                for_row[mine] = c
                mine += marks[c] & 1
                for_columns[theirs] = c
                theirs += marks[c] >> 1
    return mine, theirs


@kernel
def _offer_products(
    products: np.ndarray,
    norms: np.ndarray,
    top: int,
    left: int,
    k: int,
    scores: np.ndarray,
    ids: np.ndarray,
    sizes: np.ndarray,
    limits: np.ndarray,
    cuts: np.ndarray,
    errors: np.ndarray,
    relative: float,
) -> None:
    """`Pool.offer_products`. What has a loop of its own has no branch, for the vector units."""
    count = products.shape[1]
    theirs = limits[left : left + count] if left != top else np.full(count, -np.inf, dtype=np.float32)
    score = np.empty(_STRIP, dtype=np.float32)
    marks = np.zeros(_STRIP, dtype=np.uint8)
    for_row, for_columns = np.empty(_STRIP + 1, dtype=np.int32), np.empty(_STRIP + 1, dtype=np.int32)
    for r in range(products.shape[0]):
        row = top + r
        for first in range(0, count, _STRIP):
            size = min(_STRIP, count - first)
            own = norms[row]
            _score(products[r, first : first + size], own, norms[left + first : left + first + size], score[:size])
            if limits[row] == np.inf and size >= k:
                limits[row] = _limit(score[:size], k, errors[row], relative)
            _mark(score[:size], limits[row], theirs[first : first + size], marks[:size])
            marks[size:] = 0
            mine, others = _collect(marks, for_row, for_columns)
            for at in range(mine):
                c = for_row[at]
                if score[c] <= limits[row]:
                    place = sizes[row]
                    scores[row, place] = score[c]
                    ids[row, place] = left + first + c
                    sizes[row] = place + 1
                    if place + 1 == scores.shape[1]:
                        _prune(row, k, scores, ids, sizes, limits, cuts, errors, relative)
            for at in range(others):
                c = for_columns[at]
                column = left + first + c
                place = sizes[column]
                scores[column, place] = score[c]
                ids[column, place] = row
                sizes[column] = place + 1
                if place + 1 == scores.shape[1]:
                    _prune(column, k, scores, ids, sizes, limits, cuts, errors, relative)


@kernel
def _offer_distances(
    given: np.ndarray,
    top: int,
    left: int,
    k: int,
    scores: np.ndarray,
    ids: np.ndarray,
    sizes: np.ndarray,
    limits: np.ndarray,
    cuts: np.ndarray,
    errors: np.ndarray,
    relative: float,
) -> None:
    """`Pool.offer_distances`. Only what is taken becomes float32.

    What is done to a row and to a column is written out, here and above: a call would cost ten times what it does.
    """
    count = given.shape[1]
    theirs = cuts[left : left + count] if left != top else np.full(count, _NOTHING, dtype=np.int16)
    bits = np.empty(_STRIP, dtype=np.int32)
    score = bits.view(np.float32)
    marks = np.zeros(_STRIP, dtype=np.uint8)
    for_row, for_columns = np.empty(_STRIP + 1, dtype=np.int32), np.empty(_STRIP + 1, dtype=np.int32)
    for r in range(given.shape[0]):
        row = top + r
        for first in range(0, count, _STRIP):
            size = min(_STRIP, count - first)
            strip = given[r, first : first + size]
            if limits[row] == np.inf and size >= k:
                _widen(strip, bits[:size])
                limits[row] = _limit(score[:size], k, errors[row], relative)
                cuts[row] = cut_of(limits[row])
            _mark_bits(strip, cuts[row], theirs[first : first + size], marks[:size])
            marks[size:] = 0
            mine, others = _collect(marks, for_row, for_columns)
            for at in range(mine):
                c = for_row[at]
                bits[0] = np.int32(strip[c]) << np.int32(16)
                if score[0] <= limits[row]:
                    place = sizes[row]
                    scores[row, place] = score[0]
                    ids[row, place] = left + first + c
                    sizes[row] = place + 1
                    if place + 1 == scores.shape[1]:
                        _prune(row, k, scores, ids, sizes, limits, cuts, errors, relative)
            for at in range(others):
                c = for_columns[at]
                column = left + first + c
                bits[0] = np.int32(strip[c]) << np.int32(16)
                place = sizes[column]
                scores[column, place] = score[0]
                ids[column, place] = row
                sizes[column] = place + 1
                if place + 1 == scores.shape[1]:
                    _prune(column, k, scores, ids, sizes, limits, cuts, errors, relative)


@kernel
def _add(
    their_scores: np.ndarray,
    their_ids: np.ndarray,
    their_sizes: np.ndarray,
    their_limits: np.ndarray,
    k: int,
    scores: np.ndarray,
    ids: np.ndarray,
    sizes: np.ndarray,
    limits: np.ndarray,
    cuts: np.ndarray,
    errors: np.ndarray,
    relative: float,
    start: int,
    stop: int,
) -> None:
    for row in range(start, stop):
        limits[row] = min(limits[row], their_limits[row])
        for at in range(their_sizes[row]):
            if their_scores[row, at] <= limits[row]:
                place = sizes[row]
                scores[row, place] = their_scores[row, at]
                ids[row, place] = their_ids[row, at]
                sizes[row] = place + 1
                if place + 1 == scores.shape[1]:
                    _prune(row, k, scores, ids, sizes, limits, cuts, errors, relative)
