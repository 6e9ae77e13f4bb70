"""HDBSCAN on a sparse graph of distances."""

from __future__ import annotations

import numpy as np
from hdbscan import HDBSCAN
from scipy import sparse
from scipy.sparse import csgraph

from usvireid import names
from usvireid.clustering.result import Clusters

SMALLEST_DISTANCE = 1e-3
"""Nearer crops count as this far apart: HDBSCAN works with 1 / distance, and duplicates have distance 0."""
_BEYOND = 1.001
"""Pairs that are no entry of the graph lie this much beyond its largest distance. (With a far larger distance the
hierarchy has one enormous step in it, and everything below the step collapses into one cluster.)"""
_TIE_BREAK = 1e-9
_CORE_SHARE = 0.5
_TREE = np.dtype([("parent", np.intp), ("child", np.intp), ("lambda_val", np.float64), ("child_size", np.intp)])


def hdbscan(graph: sparse.csr_matrix, *, min_cluster_size: int, min_samples: int) -> Clusters:
    """Clusters of varying density, without an eps, from the hierarchy of all densities (excess of mass).

    Clusters are numbered in the order of their first crop. The confidence is the strength with which a crop belongs to
    its cluster (`probabilities_`); a crop is core where that is at least 0.5 and border elsewhere (ours).
    `outlier_score` (GLOSH) and `persistence` are those of the hdbscan package.

    Args:
        graph: float32, N x N, symmetric, the diagonal present (`jaccard_graph`). What is no entry counts as slightly
            farther than the farthest entry, so the graph may fall into parts.
        min_cluster_size: at least 2.
        min_samples: crops within the core distance, the crop itself counted as in `dbscan`; at least 1.

    Raises:
        ValueError: a setting is out of range, or the graph is not square.
    """
    found = _fitted(graph, min_cluster_size, min_samples)
    if found is None:
        count = graph.shape[0]
        none = np.zeros(count, dtype=np.float32)
        role = np.full(count, names.OUTLIER, dtype=object)
        return Clusters(np.full(count, names.NO_LABEL, dtype=np.int64), role, none, none, none[:0])
    label, order = _in_order(found.labels_.astype(np.int64))
    confidence = np.clip(found.probabilities_, 0, 1).astype(np.float32)
    role = np.where(confidence >= _CORE_SHARE, names.CORE, names.BORDER).astype(object)
    role[label == names.NO_LABEL] = names.OUTLIER
    confidence[label == names.NO_LABEL] = 0
    return Clusters(
        label=label,
        role=role,
        confidence=confidence,
        outlier_score=np.clip(np.nan_to_num(found.outlier_scores_), 0, 1).astype(np.float32),
        persistence=np.clip(np.asarray(found.cluster_persistence_)[order], 0, 1).astype(np.float32),
    )


def condensed_tree(graph: sparse.csr_matrix, *, min_cluster_size: int, min_samples: int) -> np.ndarray:
    """The hierarchy of all densities, from which `hdbscan` with the same arguments selects its clusters.

    It begins with one branch, of all crops. As the distance up to which crops belong together shrinks, crops leave
    their branch one by one, and where a branch falls into two of `min_cluster_size` crops or more, two new ones begin.
    A branch in which none begins is a leaf.

    Args:
        graph: as for `hdbscan`.
        min_cluster_size: crops of a branch, at least 2.
        min_samples: as for `hdbscan`.

    Returns:
        The table of the hdbscan package (`CondensedTree.to_numpy`), a structured array with a row for everything that
        leaves a branch: `parent`, the number of the branch, N or more, N being the first; `child`, a crop from 0 to
        N - 1 or a new branch; `lambda_val`, 1 / the distance at which it leaves; `child_size`, its crops. Without rows
        where there are fewer than `min_cluster_size` crops.

    Raises:
        ValueError: as `hdbscan`.
    """
    found = _fitted(graph, min_cluster_size, min_samples)
    if found is None:
        return np.empty(0, dtype=_TREE)
    tree: np.ndarray = found.condensed_tree_.to_numpy()
    return tree


def _fitted(graph: sparse.csr_matrix, min_cluster_size: int, min_samples: int) -> HDBSCAN | None:
    """What the package makes of the graph; None where there are too few crops for a cluster."""
    if min_cluster_size < 2 or min_samples < 1:
        raise ValueError(
            f"min_cluster_size must be at least 2 and min_samples at least 1, got {min_cluster_size} and {min_samples}"
        )
    if graph.ndim != 2 or graph.shape[0] != graph.shape[1]:
        raise ValueError(f"a distance graph is square, got {graph.shape}")
    if graph.shape[0] < min_cluster_size:
        return None
    # The spanning tree holds all that HDBSCAN needs, and with one sample the package takes its edges as they are.
    tree = _spanning_tree(graph, min_samples)
    return HDBSCAN(min_cluster_size=min_cluster_size, min_samples=1, metric="precomputed").fit(tree)


def _spanning_tree(graph: sparse.csr_matrix, min_samples: int) -> sparse.csr_matrix:
    """The minimum spanning tree of the mutual reachability distances, symmetric, float64.

    The reachability makes many ties; the distance itself breaks them, so that the tree does not depend on the order of
    the crops. The parts of a graph that falls apart are chained at a distance beyond its largest.
    """
    count = graph.shape[0]
    beyond = max(float(graph.data.max(initial=0)), SMALLEST_DISTANCE) * _BEYOND
    core = _core_distances(graph, min_samples, beyond)
    rows = np.repeat(np.arange(count), np.diff(graph.indptr))
    columns = graph.indices.astype(np.int64)
    upper = rows < columns
    rows, columns = rows[upper], columns[upper]
    distance = graph.data[upper].astype(np.float64)
    reach = np.maximum(np.maximum(core[rows], core[columns]), np.maximum(distance, SMALLEST_DISTANCE))
    edges = sparse.csr_matrix((reach + _TIE_BREAK * distance, (rows, columns)), shape=graph.shape)
    tree = csgraph.minimum_spanning_tree(edges).tocoo()
    parts, part = csgraph.connected_components(edges, directed=False)
    first = np.unique(part, return_index=True)[1]
    rows = np.concatenate([tree.row, first[:-1]])
    columns = np.concatenate([tree.col, first[1:]])
    weights = np.concatenate([tree.data, np.full(parts - 1, beyond)])
    both = (np.concatenate([weights, weights]), (np.concatenate([rows, columns]), np.concatenate([columns, rows])))
    return sparse.csr_matrix(both, shape=graph.shape)


def _core_distances(graph: sparse.csr_matrix, min_samples: int, beyond: float) -> np.ndarray:
    """Distance to the `min_samples`-th nearest entry of each row, `beyond` where it has fewer (float64)."""
    sizes = np.diff(graph.indptr)
    rows = np.repeat(np.arange(graph.shape[0]), sizes)
    ordered = graph.data[np.lexsort((graph.data, rows))]
    core = np.full(graph.shape[0], beyond)
    enough = sizes >= min_samples
    core[enough] = ordered[graph.indptr[:-1][enough] + min_samples - 1]
    return core


def _in_order(label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The labels renumbered by the first crop of each cluster, and which old number each new one had."""
    old, first = np.unique(label[label >= 0], return_index=True)
    order = old[np.argsort(first)]
    new = np.full(len(order) + 1, names.NO_LABEL, dtype=np.int64)
    new[order] = np.arange(len(order))
    return new[label], order
