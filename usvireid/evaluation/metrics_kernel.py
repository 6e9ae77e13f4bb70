"""The loop over rankings. `metrics` says what is counted.

Nothing is sorted but the correct items of a query: what is counted of the others is only between which of these they
stand, and a search among a handful of places finds that.
"""

from __future__ import annotations

import numpy as np

from usvireid.neighbors.compiled import kernel


@kernel
def _order(distances: np.ndarray) -> np.ndarray:
    """Places of the distances in ascending order, equal ones as they stand."""
    return np.argsort(distances, kind="mergesort")


@kernel
def _before(distance: float, place: int, correct: np.ndarray, places: np.ndarray, count: int) -> int:
    """How many of the correct items, which stand in the order of (distance, place), come before an item."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if correct[middle] < distance or (correct[middle] == distance and places[middle] < place):
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def score_rows(
    distances: np.ndarray,
    dropped: np.ndarray,
    gallery: np.ndarray,
    gallery_identity: np.ndarray,
    query_identity: np.ndarray,
    identities: int,
    collapse: bool,
    first_hit: np.ndarray,
    precision: np.ndarray,
    penalty: np.ndarray,
    start: int,
    stop: int,
) -> None:
    """Fill first_hit, precision and penalty of the queries start..stop; those without a correct item stay as they are.

    Args:
        distances: float32, Q x U, numbers.
        dropped: bool, Q x U.
        gallery: int64, G; the columns of U that are the gallery, in its order.
        gallery_identity: int64, G, codes below `identities`.
        query_identity: int64, Q.
        identities: number of codes.
        collapse: count the first hit over distinct identities.
        first_hit: int64, Q.
        precision: float64, Q.
        penalty: float64, Q.
        start: first query.
        stop: the query after the last one.
    """
    near = np.empty(gallery.size, dtype=np.float32)
    at = np.empty(gallery.size, dtype=np.int64)
    wrong = np.empty(gallery.size + 1, dtype=np.int64)
    met = np.full(identities, -1, dtype=np.int64)
    for query in range(start, stop):
        own, count = query_identity[query], 0
        for place in range(gallery.size):
            if gallery_identity[place] == own and not dropped[query, gallery[place]]:
                near[count] = distances[query, gallery[place]]
                at[count] = place
                count += 1
        if count == 0:
            continue
        order = _order(near[:count])
        correct, places = near[:count][order], at[:count][order]
        wrong[: count + 1] = 0
        ahead = 0
        for place in range(gallery.size):
            column, identity = gallery[place], gallery_identity[place]
            if identity == own or dropped[query, column]:
                continue
            between = _before(distances[query, column], place, correct, places, count)
            wrong[between] += 1
            if between == 0 and met[identity] != query:
                met[identity] = query
                ahead += 1
        position, total = 0, 0.0
        for nth in range(count):
            position += wrong[nth] + 1
            total += (nth + 1) / position
        first_hit[query] = (ahead if collapse else wrong[0]) + 1
        precision[query] = total / count
        penalty[query] = count / position
