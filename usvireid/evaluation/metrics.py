"""Rank-k, mAP and mINP of a retrieval, exact, in blocks of queries.

Definitions. The gallery of a query is ranked by ascending distance; equal distances stand in the order of the gallery
rows, so a result never depends on a sort. Items that the protocol drops for this query leave the ranking before
anything is counted. With n correct items at the 1-based positions p_1 < ... < p_n:

- average precision AP = mean over i of i / p_i (no interpolation, no trapezoids);
- inverse negative penalty INP = n / p_n (Ye et al., "Deep Learning for Person Re-identification: A Survey and
  Outlook");
- the query is a hit at rank k when p_1 <= k. In the collapsed form (protocol of SYSU-MM01) p_1 is the position in the
  list of distinct identities, each at its first occurrence; AP and INP always use the list that is not collapsed.

A query without a correct item in its gallery counts in no mean and no divisor; such queries are counted apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from usvireid.evaluation.metrics_kernel import score_rows
from usvireid.neighbors.compiled import over_rows

DroppedRows = Callable[[slice], np.ndarray]
"""For a block of query rows: bool, block x G, true where the gallery item is dropped for the query."""

DistanceRows = Callable[[slice], np.ndarray]
"""For a slice of query rows: float32, block x G, smaller is nearer."""

_BLOCK_CELLS = 16_000_000
"""Cells (queries x gallery) of one block; about 10 bytes each at the peak."""


@dataclass(frozen=True)
class QueryScores:
    """What each of Q queries reached.

    Attributes:
        first_hit: int64, Q; 1-based rank of the first correct item (of its identity, where collapsed), 0 for none.
        average_precision: float64, Q; 0 where there is no correct item.
        inverse_penalty: float64, Q; 0 where there is no correct item.
    """

    first_hit: np.ndarray
    average_precision: np.ndarray
    inverse_penalty: np.ndarray

    def __len__(self) -> int:
        return len(self.first_hit)

    @property
    def scored(self) -> np.ndarray:
        """Bool, Q; the queries that have a correct item and therefore count."""
        return np.asarray(self.first_hit > 0)

    def cmc(self, ranks: Sequence[int]) -> list[float] | None:
        """Share of the scored queries that are a hit at each rank; None where no query is scored."""
        first = self.first_hit[self.scored]
        return [float(np.mean(first <= rank)) for rank in ranks] if len(first) else None

    def mean_average_precision(self) -> float | None:
        """MAP over the scored queries; None where there is none."""
        return float(self.average_precision[self.scored].mean()) if self.scored.any() else None

    def mean_inverse_penalty(self) -> float | None:
        """MINP over the scored queries; None where there is none."""
        return float(self.inverse_penalty[self.scored].mean()) if self.scored.any() else None


def score_distances(
    distances: np.ndarray,
    query_identity: np.ndarray,
    gallery_identity: np.ndarray,
    *,
    dropped: np.ndarray | None = None,
    collapse: bool = False,
) -> QueryScores:
    """Score queries whose distances to the gallery are known.

    Args:
        distances: Q x G, smaller is nearer; taken as float32.
        query_identity: integers, Q, 0 or more.
        gallery_identity: integers, G, 0 or more.
        dropped: bool, Q x G; items that leave the ranking of a query. None drops nothing.
        collapse: count ranks over distinct identities, as SYSU-MM01 and LLCM do, instead of over images.

    Raises:
        ValueError: shapes that do not fit, a distance that is not a number, or a negative identity.
    """
    return score_blocks(
        lambda rows: distances[rows],
        query_identity,
        gallery_identity,
        dropped=None if dropped is None else lambda rows: dropped[rows],
        collapse=collapse,
    )


def cosine_distances(query: np.ndarray, gallery: np.ndarray) -> DistanceRows:
    """Distances that rank as cosine similarity does: its negative, for a slice of the query rows at a time.

    Args:
        query: float32, Q x D, unit rows.
        gallery: float32, G x D, unit rows.
    """

    def distances(rows: slice) -> np.ndarray:
        product: np.ndarray = query[rows] @ gallery.T
        product *= -1
        return product

    return distances


def score_blocks(
    distances: DistanceRows,
    query_identity: np.ndarray,
    gallery_identity: np.ndarray,
    *,
    dropped: DroppedRows | None = None,
    collapse: bool = False,
) -> QueryScores:
    """Score queries whose distances are made a block at a time.

    The other arguments and the errors are those of `score_distances`.
    """
    everything = (np.arange(len(gallery_identity)),)
    return score_trials(distances, query_identity, gallery_identity, everything, dropped=dropped, collapse=collapse)[0]


def score_trials(
    distances: DistanceRows,
    query_identity: np.ndarray,
    pool_identity: np.ndarray,
    galleries: Sequence[np.ndarray],
    *,
    dropped: DroppedRows | None = None,
    collapse: bool = False,
) -> list[QueryScores]:
    """Score the same queries against several galleries that are drawn from one pool.

    The distances to the pool are made once, a block of queries at a time, however many galleries there are.

    Args:
        distances: for a slice of query rows, float32, block x U.
        query_identity: integers, Q, 0 or more.
        pool_identity: integers, U, 0 or more.
        galleries: for each trial the rows of the pool that are its gallery, in the order that breaks ties.
        dropped: for a slice of query rows, bool, block x U. None drops nothing.
        collapse: count ranks over distinct identities instead of over images.

    Returns:
        The scores of each gallery.

    Raises:
        ValueError: as `score_distances`.
    """
    query_identity, pool_identity = _codes(query_identity, pool_identity)
    queries, pool = len(query_identity), len(pool_identity)
    block = max(1, _BLOCK_CELLS // max(1, pool))
    results = [QueryScores(np.zeros(queries, dtype=np.int64), np.zeros(queries), np.zeros(queries)) for _ in galleries]
    for start in range(0, queries, block):
        rows = slice(start, min(start + block, queries))
        shape = (rows.stop - rows.start, pool)
        near = _checked_distances(distances(rows), shape)
        away = np.zeros(shape, dtype=np.bool_) if dropped is None else _checked_shape(dropped(rows), shape, "dropped")
        for gallery, result in zip(galleries, results, strict=True):
            _score_block(near, away, gallery, pool_identity, query_identity[rows], collapse, _part(result, rows))
    return results


def _codes(query_identity: np.ndarray, pool_identity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Identities as consecutive codes, so that the collapsed count can index by them."""
    lowest = min(query_identity.min(initial=0), pool_identity.min(initial=0))
    if lowest < 0:
        raise ValueError("identities must be 0 or more; leave crops of unknown identity out")
    both = np.concatenate([np.asarray(pool_identity), np.asarray(query_identity)])
    codes = np.unique(both, return_inverse=True)[1].astype(np.int64).ravel()
    return codes[len(pool_identity) :], codes[: len(pool_identity)]


def _checked_distances(distances: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    near = np.ascontiguousarray(_checked_shape(distances, shape, "distances"), dtype=np.float32)
    if np.isnan(near).any():
        raise ValueError("a distance is not a number")
    return near


def _checked_shape(array: np.ndarray, shape: tuple[int, int], what: str) -> np.ndarray:
    if array.shape != shape:
        raise ValueError(f"{what} of these queries must be {shape[0]} x {shape[1]}, got {array.shape}")
    return np.ascontiguousarray(array)


def _part(scores: QueryScores, rows: slice) -> QueryScores:
    """Some of the queries, on the same memory."""
    return QueryScores(scores.first_hit[rows], scores.average_precision[rows], scores.inverse_penalty[rows])


def _score_block(
    near: np.ndarray,
    away: np.ndarray,
    gallery: np.ndarray,
    pool_identity: np.ndarray,
    query_identity: np.ndarray,
    collapse: bool,
    result: QueryScores,
) -> None:
    """Fill `result`, the scores of the queries of a block in one gallery."""
    columns = np.ascontiguousarray(gallery, dtype=np.int64)
    identity = pool_identity[columns]
    codes = 1 + int(identity.max(initial=-1))
    filled = (result.first_hit, result.average_precision, result.inverse_penalty)
    over_rows(
        len(near),
        lambda start, stop: score_rows(
            near, away, columns, identity, query_identity, codes, collapse, *filled, start, stop
        ),
    )
