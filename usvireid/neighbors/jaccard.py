"""The k-reciprocal Jaccard distance of all pairs that are near enough to matter, exact and sparse.

HIL, released code, after "Re-ranking Person Re-identification with k-reciprocal Encoding". The definition is theirs;
the sparse form is ours: pairs that share no column of V have distance 1, so only touched pairs are computed.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from usvireid.neighbors import jaccard_kernels as kernels
from usvireid.neighbors.compiled import over_rows
from usvireid.neighbors.knn import Neighbors

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]
"""A sparse table of rows: bounds (int64, N + 1), columns (int32), entries (float64 weights or float32 distances)."""


def jaccard_graph(neighbors: Neighbors, values: np.ndarray, *, k1: int, k2: int, eps: float) -> sparse.csr_matrix:
    """All pairs of rows with a k-reciprocal Jaccard distance of at most eps.

    With R the neighbours and h = k1 / 2 rounded half to even:

    - recip(i, w) are the f in the first w columns of R[i] that have i in the first w columns of R[f];
    - E(i) is recip(i, k1) with every recip(c, h + 1), c in recip(i, k1), of which more than 2/3 are in recip(i, k1);
    - V[i] is the softmax over E(i) of -(2 - 2 <f_i, f_e>), then replaced by the mean of V[j] over the first k2
      columns j of R[i];
    - S(i, j) is the sum over the columns of min(V[i], V[j]), and the distance is 1 - S / (2 - S), not below 0.

    Args:
        neighbors: N rows, at least min(k1, N) columns; further columns are ignored.
        values: float32 or float16, N x D; the rows the neighbours were found for, meant to be of unit length.
        k1: columns of R, the row itself counted, at least 1; about twice the images of one person and modality.
        k2: columns of R that V is averaged over, at least 1.
        eps: largest distance kept, 0 <= eps < 1.

    Returns:
        float32, N x N, symmetric bit for bit, indices sorted, the diagonal present; a distance of 0 is an explicit
        entry. The bits do not depend on the number of threads. Weights and sums are float64 and rounded once, at the
        end, so that a distance which is eps exactly counts as such.

    Raises:
        ValueError: k1, k2 or eps out of range, or neighbors and values that do not belong together.
    """
    ranks = _checked_ranks(neighbors, values, k1, k2, eps)
    count = len(values)
    if count == 0:
        return sparse.csr_matrix((0, 0), dtype=np.float32)
    values = np.ascontiguousarray(values, dtype=np.float32)
    memberships = _mean_memberships(_memberships(ranks, values, k1), ranks[:, :k2])
    bounds, columns, entries = kernels.mirror(*_distances(memberships, eps))
    index = np.int32 if bounds[-1] <= np.iinfo(np.int32).max else np.int64
    graph = sparse.csr_matrix((count, count), dtype=np.float32)
    graph.data, graph.indices, graph.indptr = entries, columns.astype(index, copy=False), bounds.astype(index)
    graph.has_sorted_indices = True
    return graph


def _checked_ranks(neighbors: Neighbors, values: np.ndarray, k1: int, k2: int, eps: float) -> np.ndarray:
    """The first min(k1, N) columns of the neighbours as int32."""
    if k1 < 1 or k2 < 1:
        raise ValueError(f"k1 and k2 must be at least 1, got {k1} and {k2}")
    if not 0 <= eps < 1:
        raise ValueError(f"eps must be from 0 to below 1, got {eps}: all pairs that share nothing have distance 1")
    if values.ndim != 2 or len(values) != len(neighbors):
        raise ValueError(f"{len(neighbors)} rows of neighbors do not belong to values of shape {values.shape}")
    width = min(k1, len(values))
    if neighbors.width < width:
        raise ValueError(f"k1 = {k1} needs {width} neighbor columns, got {neighbors.width}")
    return np.ascontiguousarray(neighbors.ids[:, :width], dtype=np.int32)


def _memberships(ranks: np.ndarray, values: np.ndarray, k1: int) -> Rows:
    """V before it is averaged."""
    count, width = ranks.shape
    half_width = min(round(k1 / 2) + 1, width)
    near = _reciprocal(ranks)
    half = _reciprocal(np.ascontiguousarray(ranks[:, :half_width]))
    return _joined(over_rows(count, lambda start, stop: kernels.memberships(*near, *half, values, start, stop)))


def _reciprocal(ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """recip(i, columns of ranks): ids (int32, N x columns, as ranked) and how many of them count (int32, N)."""
    ids = np.empty_like(ranks)
    sizes = np.empty(len(ranks), dtype=np.int32)
    over_rows(len(ranks), lambda start, stop: kernels.reciprocal(ranks, ids, sizes, start, stop))
    return ids, sizes


def _mean_memberships(memberships: Rows, first: np.ndarray) -> Rows:
    """V[i] replaced by the mean of V[j] over the ids j of first[i]."""
    return _joined(
        over_rows(len(first), lambda start, stop: kernels.mean_memberships(*memberships, first, start, stop))
    )


def _distances(memberships: Rows, eps: float) -> Rows:
    """The part of the graph right of the diagonal."""
    turned = kernels.turn(*memberships)
    count, limit = len(memberships[0]) - 1, np.float32(eps)
    return _joined(over_rows(count, lambda start, stop: kernels.distances(*memberships, *turned, limit, start, stop)))


def _joined(parts: list[Rows]) -> Rows:
    """Consecutive ranges of rows (sizes, columns, entries) as one table."""
    sizes, columns, entries = (np.concatenate([part[field] for part in parts]) for field in range(3))
    bounds = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=bounds[1:])
    return bounds, columns, entries
