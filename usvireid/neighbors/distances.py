"""The one arithmetic in which distances are reported, and the order that follows from it."""

from __future__ import annotations

import numpy as np

from usvireid.neighbors.compiled import over_rows, reordering_kernel

UNIT_ROUNDOFF = 2.0**-24
"""Largest relative error of one float32 operation."""


def pair_distances(values: np.ndarray, rows: np.ndarray, columns: np.ndarray, *, threads: bool = True) -> np.ndarray:
    """Squared Euclidean distances of pairs of rows, summed in float64 and rounded once.

    Every reported distance comes out of this one compiled loop, so that a pair has the same bits whichever search
    found it and from whichever side, and rows that are equal have distance 0 exactly.

    Args:
        values: float32, N x D.
        rows: integers, P; one end of each pair.
        columns: integers, P; the other end.
        threads: whether to spread the pairs over threads; not for callers that are one of several.

    Returns:
        float32, P.
    """
    rows, columns = rows.astype(np.int64, copy=False), columns.astype(np.int64, copy=False)
    out = np.empty(len(rows), dtype=np.float32)
    if threads:
        over_rows(len(rows), lambda start, stop: _pair_distances(values, rows, columns, out, start, stop))
    else:
        _pair_distances(values, rows, columns, out, 0, len(rows))
    return out


@reordering_kernel
def _pair_distances(
    values: np.ndarray, rows: np.ndarray, columns: np.ndarray, out: np.ndarray, start: int, stop: int
) -> None:
    """Four pairs of a row at a time, so that the processor waits for memory less.

    Where there are fewer, one of them fills the gaps: what is compiled for another number might round differently.
    """
    own = np.empty(values.shape[1], dtype=np.float64)
    row = -1
    pair = start
    while pair < stop:
        if rows[pair] != row:
            row = rows[pair]
            own[:] = values[row]
        size = 1
        while size < 4 and pair + size < stop and rows[pair + size] == row:
            size += 1
        last = pair + size - 1
        one, two = values[columns[pair]], values[columns[min(pair + 1, last)]]
        three, four = values[columns[min(pair + 2, last)]], values[columns[last]]
        total_one = total_two = total_three = total_four = 0.0
        for d in range(own.size):
            difference = own[d] - np.float64(one[d])
            total_one += difference * difference
            difference = own[d] - np.float64(two[d])
            total_two += difference * difference
            difference = own[d] - np.float64(three[d])
            total_three += difference * difference
            difference = own[d] - np.float64(four[d])
            total_four += difference * difference
        out[last] = np.float32(total_four)
        out[min(pair + 2, last)] = np.float32(total_three)
        out[min(pair + 1, last)] = np.float32(total_two)
        out[pair] = np.float32(total_one)
        pair += size


def order_keys(distances: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Keys (uint64) that sort as (distance, id): the bits of a float32 >= 0 sort as the number does."""
    bits = np.ascontiguousarray(distances, dtype=np.float32).view(np.uint32)
    return (bits.astype(np.uint64) << np.uint64(32)) | ids.astype(np.uint64)


def split_keys(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distances (float32) and ids (int64) of `order_keys`."""
    distances = (keys >> np.uint64(32)).astype(np.uint32).view(np.float32)
    return distances, (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)


def squared_norms(values: np.ndarray) -> np.ndarray:
    """Squared lengths of the rows (float32, N x D), float64."""
    out = np.empty(len(values), dtype=np.float64)
    over_rows(len(values), lambda start, stop: _squared_norms(values, out, start, stop))
    return out


@reordering_kernel
def _squared_norms(values: np.ndarray, out: np.ndarray, start: int, stop: int) -> None:
    for row in range(start, stop):
        one = values[row]
        total = 0.0
        for d in range(one.size):
            total += np.float64(one[d]) * np.float64(one[d])
        out[row] = total
