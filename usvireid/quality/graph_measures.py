"""How clusters look on the graph they were found on, without any truth. Ours, on textbook definitions.

A sparse graph holds the pairs nearer than its reach; all other pairs count as at distance 1, the largest there is. So
every mean below is over all pairs, not only over those that the graph holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

from usvireid import names
from usvireid.clustering.advice import advise
from usvireid.clustering.cluster import keeping_to
from usvireid.clustering.constrained import keep_to
from usvireid.clustering.constraints import Constraints
from usvireid.clustering.hdbscan import hdbscan
from usvireid.clustering.result import Clusters

SMALLER, LARGER = 0.9, 1.1
"""Shares of eps at which the same graph is clustered again."""
LARGEST = 0.999
"""No eps beyond this is tried: pairs that are not in the graph have distance 1."""

_MANY_OUTLIERS, _SENSITIVE, _SWOLLEN = 0.3, 0.75, 0.25


@dataclass(frozen=True)
class GraphMeasures:
    """Measures of the clusters of one modality on their graph; None where there is nothing to measure.

    Attributes:
        silhouette: mean over the clustered crops of (b - a) / max(a, b), from -1 to 1; a is the mean distance to the
            other crops of the own cluster, b the smallest mean distance to the crops of another cluster. A crop alone
            in its cluster has 0. None with fewer than two clusters.
        compactness: mean of a over the crops that are not alone; None without any.
        margin: mean of b - a over the same crops; None with fewer than two clusters.
        smaller_eps_agreement: adjusted Rand index against the clusters of the same graph at 0.9 eps, outliers counted
            as clusters of their own; None for a method without eps.
        larger_eps_agreement: the same at 1.1 eps.
        hdbscan_agreement: the same against HDBSCAN on the same graph; None where it was not asked for, or where the
            clusters are HDBSCAN's.
        advised_eps: the eps that `clustering.advice` finds best; None where nothing looked wrong, or eps is automatic.
    """

    silhouette: float | None
    compactness: float | None
    margin: float | None
    smaller_eps_agreement: float | None
    larger_eps_agreement: float | None
    hdbscan_agreement: float | None
    advised_eps: float | None


def measure_graph(
    graph: sparse.csr_matrix,
    found: Clusters,
    *,
    eps: float | None,
    automatic: bool,
    min_samples: int,
    constraints: Constraints | None = None,
    dear: bool = True,
) -> GraphMeasures:
    """Measure the clusters of one modality.

    Args:
        graph: float32, N x N, of `jaccard_graph`.
        found: the clusters of the N crops.
        eps: that they were made with; None for a method without one.
        automatic: eps was chosen from the graph, so that advice on another would say the same.
        min_samples: as for the clustering.
        constraints: what was known about the N crops.
        dear: also cluster with HDBSCAN, and look for a better eps where these clusters look wrong.
    """
    own, other = mean_distances(graph, found.label)
    silhouette, margin = _silhouette(own, other), _mean((other - own)[np.isfinite(own)])
    at = keeping_to(graph, min_samples, constraints)[1]
    smaller = larger = by_density = None
    if eps is not None:
        smaller = agreement(found, at(SMALLER * eps))
        larger = agreement(found, at(min(LARGER * eps, LARGEST)))
        if dear:
            by_density = agreement(found, _hdbscan(graph, min_samples, constraints))
    advised = None
    if dear and eps is not None and not automatic and _looks_wrong(found, smaller, larger):
        advised = advise(keeping_to(graph, min_samples, constraints)[0]).eps
    return GraphMeasures(
        silhouette=silhouette,
        compactness=_mean(own[np.isfinite(own)]),
        margin=margin,
        smaller_eps_agreement=smaller,
        larger_eps_agreement=larger,
        hdbscan_agreement=by_density,
        advised_eps=advised,
    )


def mean_distances(graph: sparse.csr_matrix, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean distance of every crop to its own and to the nearest other cluster; pairs that are no entry have distance 1.

    Args:
        graph: float32, N x N, symmetric.
        label: int64, N; clusters from 0 without a gap, -1 for outliers.

    Returns:
        float64, N each: to the other crops of its own cluster, NaN where there are none and for outliers; and the
        smallest mean to the crops of another cluster, NaN for outliers and where there is no other cluster.
    """
    count, clusters = len(label), int(label.max(initial=-1)) + 1
    own, other = np.full(count, np.nan), np.full(count, np.nan)
    size = np.bincount(label[label >= 0], minlength=clusters)
    rows = np.repeat(np.arange(count), np.diff(graph.indptr))
    columns = graph.indices
    kept = (label[rows] >= 0) & (label[columns] >= 0) & (rows != columns)
    rows, target = rows[kept], label[columns[kept]]
    nearness = sparse.csr_matrix(
        ((1.0 - graph.data[kept].astype(np.float64)), (rows, target)), shape=(count, max(clusters, 1))
    )
    nearness.sum_duplicates()
    entry_row = np.repeat(np.arange(count), np.diff(nearness.indptr))
    mine = label[entry_row] == nearness.indices
    inside = np.flatnonzero(label >= 0)
    total = np.zeros(count)
    total[entry_row[mine]] = nearness.data[mine]
    several = inside[size[label[inside]] > 1]
    own[several] = 1.0 - total[several] / (size[label[several]] - 1)
    if clusters > 1:
        best = np.zeros(count)
        np.maximum.at(best, entry_row[~mine], nearness.data[~mine] / size[nearness.indices[~mine]])
        other[inside] = 1.0 - best[inside]
    return own, other


def agreement(one: Clusters, other: Clusters) -> float | None:
    """Adjusted Rand index of two clusterings of the same crops, outliers as own clusters; None below 2 crops."""
    if len(one) < 2:
        return None
    return float(adjusted_rand_score(_without_outliers(one.label), _without_outliers(other.label)))


def _without_outliers(label: np.ndarray) -> np.ndarray:
    return np.where(label == names.NO_LABEL, label.max(initial=-1) + 1 + np.arange(len(label)), label)


def _silhouette(own: np.ndarray, other: np.ndarray) -> float | None:
    known = np.isfinite(other)
    larger = np.maximum(np.nan_to_num(own[known], nan=1.0), other[known])
    share = np.divide(other[known] - own[known], larger, out=np.zeros(int(known.sum())), where=larger > 0)
    return _mean(np.nan_to_num(share, nan=0.0))


def _mean(values: np.ndarray) -> float | None:
    return float(values[np.isfinite(values)].mean()) if np.isfinite(values).any() else None


def _hdbscan(graph: sparse.csr_matrix, min_samples: int, constraints: Constraints | None) -> Clusters:
    least = max(2, min_samples)
    found = hdbscan(graph, min_cluster_size=least, min_samples=min_samples)
    if constraints is None or constraints.trivial:
        return found
    return keep_to(found, graph, constraints, least)


def _looks_wrong(found: Clusters, smaller: float | None, larger: float | None) -> bool:
    if not len(found):
        return False
    sensitive = any(share is not None and share < _SENSITIVE for share in (smaller, larger))
    swollen = int(found.sizes.max(initial=0)) > _SWOLLEN * len(found)
    return sensitive or swollen or found.outliers > _MANY_OUTLIERS * len(found)
