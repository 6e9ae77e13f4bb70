"""The columns of every row that may be among its k nearest, and the compiled loop that offers a block of products.

With scores that are off by at most an error e, whatever is among the k nearest has a score of at most the k-th smallest
plus 2e. So that is the limit for columns that come later, and each time a row is full, what has meanwhile turned out to
be above it is dropped: an addition is cheap, and a selection comes rarely.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usvireid.neighbors.candidates import Candidates
from usvireid.neighbors.compiled import kernel, over_rows
from usvireid.neighbors.selection import reach_of

_STRIP = 1024
"""Products of a row that are scored together; a multiple of the 8 marks that are looked at together."""


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
        limits: float32, N; columns that a row was offered and does not hold have larger scores. Infinity while a row
            was never full, -infinity where it was given up.
        errors: float64, N; how far a score of the row can be from the squared distance.
    """

    k: int
    scores: np.ndarray
    ids: np.ndarray
    sizes: np.ndarray
    limits: np.ndarray
    errors: np.ndarray

    @classmethod
    def empty(cls, k: int, errors: np.ndarray) -> Pool:
        """Nothing yet."""
        count, room = len(errors), room_for(k)
        return cls(
            k,
            np.empty((count, room), dtype=np.float32),
            np.empty((count, room), dtype=np.int32),
            np.zeros(count, dtype=np.int32),
            np.full(count, np.inf, dtype=np.float32),
            errors,
        )

    def offer(self, products: np.ndarray, norms: np.ndarray, top: int, left: int) -> None:
        """Offer the columns of a block to its rows and, off the diagonal, the rows to its columns.

        Nothing else may use these rows and columns meanwhile.

        Args:
            products: inner products, R x C; float32, or uint16: the bits of bfloat16.
            norms: squared lengths of all rows, float32.
            top: the first row of the block.
            left: its first column; equal to `top` for a block on the diagonal, which is square.
        """
        bits, shift = (products, 16) if products.dtype == np.uint16 else (products.view(np.uint32), 0)
        _offer(bits, np.uint32(shift), norms, top, left, *self._arrays)

    @property
    def found(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Scores, ids, sizes and limits."""
        return self.scores, self.ids, self.sizes, self.limits

    def add(self, scores: np.ndarray, ids: np.ndarray, sizes: np.ndarray, limits: np.ndarray) -> None:
        """Take what another pool for the same rows has `found` among other columns."""
        over_rows(len(sizes), lambda start, stop: _add(scores, ids, sizes, limits, *self._arrays, start, stop))

    def candidates(self) -> Candidates:
        """What there is, as a search delivers it."""
        return Candidates(self.ids, self.scores, self.errors, self.sizes, self.limits)

    @property
    def _arrays(self) -> tuple[int, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        return self.k, self.scores, self.ids, self.sizes, self.limits, self.errors


@kernel
def _limit(scores: np.ndarray, k: int, error: float) -> np.float32:
    """What a score must not exceed, given some scores of the row, at least k."""
    exact = reach_of(scores, k, -2 * error) + 2 * error
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
    errors: np.ndarray,
) -> None:
    """Drop what is above the limit by now."""
    size = sizes[row]
    limit = min(limits[row], _limit(scores[row, :size], k, errors[row]))
    kept = 0
    for place in range(size):
        score = scores[row, place]
        scores[row, kept] = score
        ids[row, kept] = ids[row, place]
        kept += score <= limit
    sizes[row] = kept
    limits[row] = limit if kept <= most_near(k) else np.float32(-np.inf)


@kernel
def _widen(products: np.ndarray, shift: np.uint32, bits: np.ndarray) -> None:
    for c in range(bits.size):
        bits[c] = np.uint32(products[c]) << shift


@kernel
def _score(products: np.ndarray, own: np.float32, norms: np.ndarray, scores: np.ndarray) -> None:
    for c in range(scores.size):
        scores[c] = own + norms[c] - np.float32(2) * products[c]


@kernel
def _mark(scores: np.ndarray, limit: np.float32, limits: np.ndarray, marks: np.ndarray) -> None:
    """1 where a score is within the limit of the row, plus 2 where it is within that of its column."""
    for c in range(marks.size):
        marks[c] = np.uint8(scores[c] <= limit) | np.uint8(scores[c] <= limits[c]) << np.uint8(1)


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
def _offer(
    products: np.ndarray,
    shift: np.uint32,
    norms: np.ndarray,
    top: int,
    left: int,
    k: int,
    scores: np.ndarray,
    ids: np.ndarray,
    sizes: np.ndarray,
    limits: np.ndarray,
    errors: np.ndarray,
) -> None:
    """`Pool.offer`; shifted to the left, the products are the bits of float32 numbers.

    What has a loop of its own has no branch that depends on the numbers, for the vector units. Taking a column is
    written out twice: a call here would cost ten times what it does.
    """
    count, room = products.shape[1], scores.shape[1]
    theirs = limits[left : left + count] if left != top else np.full(count, -np.inf, dtype=np.float32)
    bits = np.empty(_STRIP, dtype=np.uint32)
    product = bits.view(np.float32)
    score = np.empty(_STRIP, dtype=np.float32)
    marks = np.zeros(_STRIP, dtype=np.uint8)
    for_row, for_columns = np.empty(_STRIP + 1, dtype=np.int32), np.empty(_STRIP + 1, dtype=np.int32)
    for r in range(products.shape[0]):
        row = top + r
        for first in range(0, count, _STRIP):
            size = min(_STRIP, count - first)
            _widen(products[r, first : first + size], shift, bits[:size])
            _score(product[:size], norms[row], norms[left + first : left + first + size], score[:size])
            if limits[row] == np.inf and size >= k:
                limits[row] = _limit(score[:size], k, errors[row])
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
                    if place + 1 == room:
                        _prune(row, k, scores, ids, sizes, limits, errors)
            for at in range(others):
                c = for_columns[at]
                column = left + first + c
                place = sizes[column]
                scores[column, place] = score[c]
                ids[column, place] = row
                sizes[column] = place + 1
                if place + 1 == room:
                    _prune(column, k, scores, ids, sizes, limits, errors)


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
    errors: np.ndarray,
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
                    _prune(row, k, scores, ids, sizes, limits, errors)
