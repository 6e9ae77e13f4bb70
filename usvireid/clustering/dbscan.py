"""DBSCAN on a sparse graph of distances."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from usvireid import names
from usvireid.clustering.result import Clusters
from usvireid.neighbors.compiled import kernel


def dbscan(graph: sparse.csr_matrix, *, eps: float, min_samples: int) -> Clusters:
    """Density-based clusters of a distance graph, equal to scikit-learn's DBSCAN on the full matrix.

    Clusters are numbered in the order of their first core crop; a border crop is in the first that reaches it. A core
    crop has at least `min_samples` crops within eps, itself counted. The confidence (ours) of a crop is 1 minus its
    mean distance to the crops that hold it in the cluster: those of the same cluster within eps, where it or they are
    core. A crop alone in its cluster has 0.

    Args:
        graph: float32, N x N, symmetric; every pair within eps is an entry, zeros included (`jaccard_graph`). It may
            hold larger distances too.
        eps: largest distance of neighbours, at least 0.
        min_samples: at least 1.

    Raises:
        ValueError: eps or min_samples out of range, or the graph is not square.
    """
    if not eps >= 0 or min_samples < 1:
        raise ValueError(f"eps must be at least 0 and min_samples at least 1, got {eps} and {min_samples}")
    if graph.ndim != 2 or graph.shape[0] != graph.shape[1]:
        raise ValueError(f"a distance graph is square, got {graph.shape}")
    if graph.shape[0] == 0:
        empty = np.empty(0)
        return Clusters(empty.astype(np.int64), empty.astype(object), empty.astype(np.float32))
    near = within(graph, eps)
    core = np.diff(near.indptr) >= min_samples
    label = _spread(near.indptr, near.indices, core)
    role = np.full(len(label), names.BORDER, dtype=object)
    role[core] = names.CORE
    role[label == names.NO_LABEL] = names.OUTLIER
    return Clusters(label=label, role=role, confidence=holding_confidence(near, label, core))


@kernel
def _spread(bounds: np.ndarray, columns: np.ndarray, core: np.ndarray) -> np.ndarray:
    """Labels (int64, N): from each core crop that has none yet, to all that core crops lead to."""
    label = np.full(core.size, -1, dtype=np.int64)
    waiting = np.empty(core.size, dtype=np.int64)
    clusters = 0
    for first in range(core.size):
        if not core[first] or label[first] >= 0:
            continue
        label[first] = clusters
        waiting[0] = first
        size = 1
        while size:
            size -= 1
            crop = waiting[size]
            for at in range(bounds[crop], bounds[crop + 1]):
                other = columns[at]
                if label[other] < 0:
                    label[other] = clusters
                    if core[other]:
                        waiting[size] = other
                        size += 1
        clusters += 1
    return label


def within(graph: sparse.csr_matrix, eps: float) -> sparse.csr_matrix:
    """The entries of at most eps, compared in the graph's own precision; explicit zeros stay."""
    keep = graph.data <= graph.dtype.type(eps)
    if keep.all():
        return graph
    kept = np.zeros(len(keep) + 1, dtype=graph.indptr.dtype)
    np.cumsum(keep, out=kept[1:])
    return sparse.csr_matrix((graph.data[keep], graph.indices[keep], kept[graph.indptr]), shape=graph.shape)


def holding_confidence(near: sparse.csr_matrix, label: np.ndarray, core: np.ndarray) -> np.ndarray:
    """1 minus the mean distance over the entries that hold a crop in its cluster (float32, N).

    Args:
        near: the entries within eps.
        label: int64, N.
        core: bool, N.
    """
    rows = np.repeat(np.arange(len(label)), np.diff(near.indptr))
    columns = near.indices
    holds = (label[rows] == label[columns]) & (label[rows] >= 0) & (core[rows] | core[columns]) & (rows != columns)
    number = np.bincount(rows[holds], minlength=len(label))
    total = np.bincount(rows[holds], weights=near.data[holds], minlength=len(label))
    mean = np.divide(total, number, out=np.ones(len(label)), where=number > 0)
    confidence: np.ndarray = np.clip(1 - mean, 0, 1).astype(np.float32)
    return confidence
