"""k-reciprocal re-ranking of a gallery, on the sparse neighbourhood graph.

"Re-ranking Person Re-identification with k-reciprocal Encoding" (Zhong et al., CVPR 2017), with its usual settings: the
distance of a query and a gallery item is the mean of their k-reciprocal Jaccard distance among all queries and the
gallery, and of their squared Euclidean distance as a share of the query's largest. Ours: the weights of a crop's
neighbours are those of `neighbors.jaccard`, the softmax of the squared distances as they are; the paper's code divides
these by the crop's largest distance first.

It looks at all queries at once, which a search in a growing gallery cannot, so its numbers are rows of their own.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from usvireid.evaluation.metrics import DistanceRows
from usvireid.neighbors.jaccard import jaccard_graph
from usvireid.neighbors.knn import knn

K1 = 20
"""Divisible by 4, see `reranked`."""
K2 = 6
SHARE = 0.3
"""Of the squared distance in the mean (lambda)."""
SETTINGS = {"k1": K1, "k2": K2, "lambda": SHARE}
_ALL = float(np.nextafter(np.float32(1), np.float32(0)))
"""The largest Jaccard distance but 1, which is the distance of all pairs that are not in the graph."""
_ROWS = 2048
"""Rows of a block of products."""


def reranked(query: np.ndarray, gallery: np.ndarray) -> DistanceRows:
    """Re-ranked distances, a slice of queries at a time.

    Args:
        query: float32, Q x D, unit rows.
        gallery: float32, G x D, unit rows.
    """
    values = np.concatenate([query, gallery])
    # The paper counts k1 neighbours beside the crop itself; half of them is half of k1 + 1 too, rounded to even.
    graph = jaccard_graph(knn(values, K1 + 1), values, k1=K1 + 1, k2=K2, eps=_ALL)
    touched = sparse.csr_matrix(graph[: len(query), len(query) :])
    scale = SHARE / farthest(query, values)

    def distances(rows: slice) -> np.ndarray:
        mixed = squared_distances(query[rows], gallery) * scale[rows, None] + np.float32(1 - SHARE)
        near = touched[rows].tocoo()
        mixed[near.row, near.col] -= np.float32(1 - SHARE) * (1 - near.data)
        return mixed

    return distances


def squared_distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances of unit rows, float32, not below 0."""
    product: np.ndarray = one @ other.T
    product *= -2
    product += 2
    product[product < 0] = 0
    return product


def farthest(query: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The largest squared distance of each query to any of the values (float32, Q); 1 where all are 0."""
    largest = [
        squared_distances(query[start : start + _ROWS], values).max(axis=1) for start in range(0, len(query), _ROWS)
    ]
    found = np.concatenate(largest) if largest else np.empty(0, dtype=np.float32)
    return np.where(found > 0, found, np.float32(1))
