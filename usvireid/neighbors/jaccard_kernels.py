"""The loops of the k-reciprocal Jaccard distance. `jaccard` says what they compute.

Each computes the rows start..stop and returns or fills what belongs to them. Tables of rows of unequal length are three
arrays: sizes (int64, a row each), then the columns (int32, in any order within a row) and entries of all rows.

Weights and their sums are float64. Two crops that share nothing but 4 of k2 = 6 first neighbours, for instance, have
S = 2/3 and a distance of 1/2 exactly. Such pairs are common and 1/2 is an eps people choose; in float32 the rounding of
the sum would decide by chance whether they are neighbours. In float64 its error vanishes when the distance is rounded.
"""

from __future__ import annotations

import numpy as np

from usvireid.neighbors.compiled import kernel, reordering_kernel

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]

_SMALLEST_WEIGHT = 2.0**-1022
"""The smallest number that float64 holds in full precision."""
_ROUNDING = 1e-12
"""More than the error of a sum in float64; a smaller distance, as of equal crops, is 0."""


@kernel
def _sort(columns: np.ndarray) -> None:
    """Ascending, in place; a function of its own because the library's sort is long to compile."""
    columns.sort()


@kernel
def _holds(ranks: np.ndarray, row: int) -> int:
    """1 where a row is among the ranks, else 0; without a branch, for the vector units."""
    found = np.int32(0)
    for column in range(ranks.size):
        found |= np.int32(ranks[column] == np.int32(row))
    return int(found)


@kernel
def reciprocal(ranks: np.ndarray, ids: np.ndarray, sizes: np.ndarray, start: int, stop: int) -> None:
    """Keep of each row of ranks the ids that have the row among theirs, in their order."""
    width = ranks.shape[1]
    for row in range(start, stop):
        size = 0
        for column in range(width):
            other = ranks[row, column]
            ids[row, size] = other
            size += _holds(ranks[other], row)
        sizes[row] = size


@kernel
def _with_room(array: np.ndarray, used: int, wanted: int) -> np.ndarray:
    """The array, or a longer copy where `wanted` more entries do not fit."""
    if used + wanted <= array.size:
        return array
    longer = np.empty(max(2 * array.size, used + wanted), dtype=array.dtype)
    longer[:used] = array[:used]
    return longer


@reordering_kernel
def _products(own: np.ndarray, values: np.ndarray, columns: np.ndarray, out: np.ndarray) -> None:
    """Inner products of a row in float64 with others; four at a time, so that the processor waits for memory less.

    Where there are fewer, one of them fills the gaps: what is compiled for another number might round differently.
    """
    for at in range(0, columns.size, 4):
        last = min(at + 3, columns.size - 1)
        one, two = values[columns[at]], values[columns[min(at + 1, last)]]
        three, four = values[columns[min(at + 2, last)]], values[columns[last]]
        total_one = total_two = total_three = total_four = 0.0
        for d in range(own.size):
            total_one += own[d] * np.float64(one[d])
            total_two += own[d] * np.float64(two[d])
            total_three += own[d] * np.float64(three[d])
            total_four += own[d] * np.float64(four[d])
        out[last] = total_four
        out[min(at + 2, last)] = total_three
        out[min(at + 1, last)] = total_two
        out[at] = total_one


@kernel
def _expand(
    row: int,
    near: np.ndarray,
    near_sizes: np.ndarray,
    half: np.ndarray,
    half_sizes: np.ndarray,
    mark: np.ndarray,
    members: np.ndarray,
) -> int:
    """Write E(row) into `members`; returns its size. `mark` tells near members (2 row) from added ones."""
    own, added = 2 * row, 2 * row + 1
    size = int(near_sizes[row])
    for column in range(size):
        members[column] = near[row, column]
        mark[near[row, column]] = own
    for column in range(near_sizes[row]):
        candidate = near[row, column]
        common = 0
        for other in range(half_sizes[candidate]):
            common += mark[half[candidate, other]] == own
        if 3 * common > 2 * half_sizes[candidate]:
            for other in range(half_sizes[candidate]):
                member = half[candidate, other]
                if mark[member] < own:
                    mark[member] = added
                    members[size] = member
                    size += 1
    return size


@kernel
def memberships(
    near: np.ndarray,
    near_sizes: np.ndarray,
    half: np.ndarray,
    half_sizes: np.ndarray,
    values: np.ndarray,
    start: int,
    stop: int,
) -> Rows:
    """V before it is averaged: the softmax over E(i) of -(2 - 2 <f_i, f_e>)."""
    mark = np.full(len(near), -1, dtype=np.int64)
    most = near.shape[1] * (1 + half.shape[1])
    sizes = np.empty(stop - start, dtype=np.int64)
    columns = np.empty(64 * (stop - start), dtype=np.int32)
    entries = np.empty(64 * (stop - start), dtype=np.float64)
    members = np.empty(most, dtype=np.int32)
    own = np.empty(values.shape[1], dtype=np.float64)
    used = 0
    for row in range(start, stop):
        size = _expand(row, near, near_sizes, half, half_sizes, mark, members)
        columns = _with_room(columns, used, size)
        entries = _with_room(entries, used, size)
        largest = -np.inf
        own[:] = values[row]
        _products(own, values, members[:size], entries[used : used + size])
        for at in range(size):
            columns[used + at] = members[at]
            entries[used + at] = 2 * entries[used + at] - 2
            largest = max(largest, entries[used + at])
        total = 0.0
        for at in range(used, used + size):
            entries[at] = np.exp(entries[at] - largest)
            total += entries[at]
        for at in range(used, used + size):
            entries[at] /= total
        sizes[row - start] = size
        used += size
    return sizes, columns[:used], entries[:used]


@kernel
def mean_memberships(
    bounds: np.ndarray, columns: np.ndarray, entries: np.ndarray, first: np.ndarray, start: int, stop: int
) -> Rows:
    """The mean of the rows first[i], summed in that order."""
    count, width = len(bounds) - 1, first.shape[1]
    total = np.zeros(count, dtype=np.float64)
    mark = np.full(count, -1, dtype=np.int64)
    sizes = np.empty(stop - start, dtype=np.int64)
    mean_columns = np.empty(96 * (stop - start), dtype=np.int32)
    mean_entries = np.empty(96 * (stop - start), dtype=np.float64)
    used = 0
    for row in range(start, stop):
        size = 0
        for nth in range(width):
            source = first[row, nth]
            mean_columns = _with_room(mean_columns, used + size, bounds[source + 1] - bounds[source])
            for at in range(bounds[source], bounds[source + 1]):
                column = columns[at]
                if mark[column] != row:
                    mark[column] = row
                    total[column] = 0
                    mean_columns[used + size] = column
                    size += 1
                total[column] += entries[at]
        mean_entries = _with_room(mean_entries, used, size)
        kept = used
        for at in range(used, used + size):
            mean = total[mean_columns[at]] / width
            # Weights that vanish add nothing; without them every shared column leaves a mark in `distances`.
            if mean >= _SMALLEST_WEIGHT:
                mean_columns[kept] = mean_columns[at]
                mean_entries[kept] = mean
                kept += 1
        size = kept - used
        sizes[row - start] = size
        used += size
    return sizes, mean_columns[:used], mean_entries[:used]


@kernel
def turn(
    bounds: np.ndarray, columns: np.ndarray, entries: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A square table by columns: bounds, rows (ascending in a column), entries; and the place of each in its column."""
    count = len(bounds) - 1
    turned_bounds = np.zeros(count + 1, dtype=np.int64)
    place = np.empty(len(columns), dtype=np.int32)
    for at in range(len(columns)):
        place[at] = turned_bounds[columns[at] + 1]
        turned_bounds[columns[at] + 1] += 1
    for column in range(count):
        turned_bounds[column + 1] += turned_bounds[column]
    rows = np.empty(len(columns), dtype=np.int32)
    turned_entries = np.empty(len(columns), dtype=np.float64)
    for row in range(count):
        for at in range(bounds[row], bounds[row + 1]):
            turned_at = turned_bounds[columns[at]] + place[at]
            rows[turned_at] = row
            turned_entries[turned_at] = entries[at]
    return turned_bounds, rows, turned_entries, place


@kernel
def _add_overlaps(
    overlap: np.ndarray,
    touched: np.ndarray,
    met: int,
    entry: float,
    others: np.ndarray,
    theirs: np.ndarray,
    start: int,
    stop: int,
) -> int:
    """Add min(entry, theirs) to the overlap of others[start:stop]; those met first go to `touched`, one place longer.

    The innermost loop of all: it has no branch, unsigned indices spare the test for negative ones, and slices would
    take as long to make as a list of usual length takes to go through.
    """
    for at in range(np.uint64(start), np.uint64(stop)):
        other = np.uint32(others[at])
        before = overlap[other]
        touched[np.uint64(met)] = others[at]
        met += 1 if before == 0 else 0
        overlap[other] = before + (entry if entry < theirs[at] else theirs[at])
    return met


@kernel
def _distance(shared: float) -> np.float32:
    distance = 1 - shared / (2 - shared)
    return np.float32(distance if distance > _ROUNDING else 0.0)


@kernel
def distances(
    bounds: np.ndarray,
    columns: np.ndarray,
    entries: np.ndarray,
    turned_bounds: np.ndarray,
    turned_rows: np.ndarray,
    turned_entries: np.ndarray,
    place: np.ndarray,
    eps: np.float32,
    start: int,
    stop: int,
) -> Rows:
    """Jaccard distances of at most eps between rows of V (given by rows and by columns) and the rows after them.

    The shared columns of a pair are added in the order of the earlier row.
    """
    count = len(bounds) - 1
    # What S is at a distance of eps, less more than all rounding.
    least = 2 * (1 - np.float64(eps)) / (2 - np.float64(eps)) - 1e-6
    overlap = np.zeros(count, dtype=np.float64)
    touched = np.empty(count + 1, dtype=np.int32)
    sizes = np.empty(stop - start, dtype=np.int64)
    near_columns = np.empty(32 * (stop - start), dtype=np.int32)
    near_entries = np.empty(32 * (stop - start), dtype=np.float32)
    used = 0
    for row in range(start, stop):
        met = 0
        for at in range(bounds[row], bounds[row + 1]):
            entry, column = entries[at], columns[at]
            after, end = turned_bounds[column] + place[at] + 1, turned_bounds[column + 1]
            met = _add_overlaps(overlap, touched, met, entry, turned_rows, turned_entries, after, end)
        near_columns = _with_room(near_columns, used, met)
        size = 0
        for at in range(met):
            other = touched[at]
            # Few get as far as the division.
            if overlap[other] >= least and _distance(overlap[other]) <= eps:
                near_columns[used + size] = other
                size += 1
            else:
                overlap[other] = 0
        _sort(near_columns[used : used + size])
        near_entries = _with_room(near_entries, used, size)
        for at in range(used, used + size):
            near_entries[at] = _distance(overlap[near_columns[at]])
            overlap[near_columns[at]] = 0
        sizes[row - start] = size
        used += size
    return sizes, near_columns[:used].copy(), near_entries[:used].copy()


@kernel
def mirror(bounds: np.ndarray, columns: np.ndarray, entries: np.ndarray) -> Rows:
    """The whole of a symmetric table of which the part right of the diagonal is given; the diagonal becomes 0."""
    count = len(bounds) - 1
    left = np.zeros(count, dtype=np.int64)
    for at in range(len(columns)):
        left[columns[at]] += 1
    whole_bounds = np.zeros(count + 1, dtype=np.int64)
    for row in range(count):
        whole_bounds[row + 1] = whole_bounds[row] + left[row] + 1 + bounds[row + 1] - bounds[row]
    whole_columns = np.empty(whole_bounds[count], dtype=np.int32)
    whole_entries = np.empty(whole_bounds[count], dtype=np.float32)
    free = whole_bounds[:count].copy()
    for row in range(count):
        # What stands left of the diagonal has been written by the rows before.
        whole_columns[free[row]] = row
        whole_entries[free[row]] = 0
        free[row] += 1
        for at in range(bounds[row], bounds[row + 1]):
            whole_columns[free[row]] = columns[at]
            whole_entries[free[row]] = entries[at]
            free[row] += 1
            other = columns[at]
            whole_columns[free[other]] = row
            whole_entries[free[other]] = entries[at]
            free[other] += 1
    return whole_bounds, whole_columns, whole_entries
