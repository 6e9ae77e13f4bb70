"""Advice on eps and k1 from the data themselves, and a plain word when a clustering failed. No label is read. Ours.

As eps grows, clusters take in outliers and heal splits; then they swallow each other, and within a tenth of eps or two
one cluster holds nearly everything. The best eps lies shortly before that collapse, where the labels change least. The
neighbour-distance curve, the usual place to look for an eps, does not show it: on k-reciprocal distances the curve has
no knee where the clusters are best.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

from usvireid import names
from usvireid.clustering.dbscan import dbscan
from usvireid.clustering.result import Clusters
from usvireid.data.neighbourhood import k1_for, k2_for, typical_size
from usvireid.neighbors.jaccard import jaccard_graph
from usvireid.neighbors.knn import Neighbors

SMALLEST_EPS, LARGEST_EPS, STEP = 0.2, 0.9, 0.025
NEIGHBOR_STEPS = 2
"""Labels are compared between the eps two steps below and two above: 0.1 apart."""
WINDOW_STEPS = 12
"""The advice lies within 0.3 below the collapse; far below it nearly everything is an outlier, which is stable too."""
AGREEMENT_TOLERANCE = 0.03
"""Agreements this near to the best count as equal."""

FIRST_K1 = 12

GIANT_SHARE = 0.5
GIANT_LEAST = 50
"""More than half of all crops in one cluster is a failure; of fewer crops than this it may be two or three people."""


ClusterAt = Callable[[float], Clusters]
"""The clusters of a graph at an eps."""


@dataclass(frozen=True)
class Advice:
    """An eps that suits a graph of distances, and what was seen at each eps tried (T of them).

    Attributes:
        eps: the advised one.
        reason: one sentence that says what was seen.
        tried: float64, T; ascending.
        clusters: int64, T; number of clusters.
        outlier_share: float64, T; share of crops without a cluster.
        largest_share: float64, T; share of crops in the largest cluster.
        typical_size: float64, T; size of the cluster that an average clustered crop sits in, 0 without clusters.
        agreement: float64, T; adjusted Rand index of the labels at eps - 0.05 and eps + 0.05, outliers as clusters of
            their own; NaN where one of the two was not tried.
    """

    eps: float
    reason: str
    tried: np.ndarray
    clusters: np.ndarray
    outlier_share: np.ndarray
    largest_share: np.ndarray
    typical_size: np.ndarray
    agreement: np.ndarray


@dataclass(frozen=True)
class K1Advice:
    """A k1 that suits the data, the k2 that goes with it, and one sentence that says why."""

    k1: int
    k2: int
    reason: str


def advise_eps(graph: sparse.csr_matrix, *, min_samples: int, limit: float = LARGEST_EPS) -> Advice:
    """The most stable eps shortly before everything collapses into one cluster.

    DBSCAN is run for eps from 0.2 in steps of 0.025, up to the first at which one cluster holds more than half of all
    crops. Of the eps within 0.3 below that, the advice is the largest whose labels agree across eps nearly as well as
    those of the best (`Advice.agreement`).

    How good: on street-camera features (Market-1501, 12 selections of 1 to 72 images a person, k1 of 8 to 30,
    min_samples 3 and 4; 96 settings) the adjusted Rand index at the advised eps was 6 % below that of the best eps on
    average, 27 % at worst. The rule was chosen on these and on synthetic groups. With a k1 far below the images per
    person, where splits heal until the very collapse, it can fail: see `advise_k1`.

    Args:
        graph: as for `dbscan`, with all distances up to `limit`.
        min_samples: as for `dbscan`.
        limit: the eps the graph was made with; larger ones are not tried.
    """
    return advise(lambda eps: dbscan(graph, eps=eps, min_samples=min_samples), limit)


def advise(cluster_at: ClusterAt, limit: float = LARGEST_EPS) -> Advice:
    """`advise_eps` for any clustering that depends on an eps.

    Args:
        cluster_at: the clusters at an eps.
        limit: larger eps are not tried.
    """
    steps = int(np.floor((min(limit, LARGEST_EPS) - SMALLEST_EPS) / STEP + 1e-9)) + 1
    tried = np.round(SMALLEST_EPS + STEP * np.arange(steps), 6) if steps > 0 else np.array([float(limit)])
    seen: list[Clusters] = []
    for eps in tried:
        seen.append(cluster_at(float(eps)))
        if _largest_share(seen[-1]) > GIANT_SHARE:
            break
    tried = tried[: len(seen)]
    clusters = np.array([each.count for each in seen], dtype=np.int64)
    largest = np.array([_largest_share(each) for each in seen])
    agreement = _agreement(seen)
    chosen = _choice(clusters, largest, agreement)
    return Advice(
        eps=float(tried[chosen]),
        reason=_reason(tried, chosen, clusters, largest),
        tried=tried,
        clusters=clusters,
        outlier_share=np.array([each.outliers / max(len(each), 1) for each in seen]),
        largest_share=largest,
        typical_size=np.array([_typical_size(each) for each in seen]),
        agreement=agreement,
    )


def _choice(clusters: np.ndarray, largest: np.ndarray, agreement: np.ndarray) -> int:
    """Which of the eps tried is advised."""
    end = len(largest) - (largest[-1] > GIANT_SHARE)
    candidates = np.arange(max(0, end - WINDOW_STEPS), end)
    candidates = candidates[(clusters[candidates] > 0) & np.isfinite(agreement[candidates])]
    if not len(candidates):
        return max(0, int(end) - 1)
    stable = agreement[candidates] >= agreement[candidates].max() - AGREEMENT_TOLERANCE
    return int(candidates[stable][-1])


def _agreement(seen: list[Clusters]) -> np.ndarray:
    labels = [_outliers_as_clusters(each) for each in seen]
    agreement = np.full(len(seen), np.nan)
    for at in range(NEIGHBOR_STEPS, len(seen) - NEIGHBOR_STEPS):
        agreement[at] = adjusted_rand_score(labels[at - NEIGHBOR_STEPS], labels[at + NEIGHBOR_STEPS])
    return agreement


def _outliers_as_clusters(found: Clusters) -> np.ndarray:
    return np.where(found.label == names.NO_LABEL, found.count + np.arange(len(found)), found.label)


def _largest_share(found: Clusters) -> float:
    return float(found.sizes.max(initial=0)) / max(len(found), 1)


def _typical_size(found: Clusters) -> float:
    return typical_size(found.sizes)


def _reason(tried: np.ndarray, chosen: int, clusters: np.ndarray, largest: np.ndarray) -> str:
    if not clusters.any():
        return f"no clusters form up to eps {tried[-1]:g}"
    if largest[-1] <= GIANT_SHARE:
        return f"the clusters at eps {tried[chosen]:g} are stable, and up to eps {tried[-1]:g} they do not collapse"
    if largest[chosen] > GIANT_SHARE:
        return f"already at eps {tried[-1]:g} one cluster holds {largest[-1]:.0%} of the crops"
    return (
        f"the {clusters[chosen]} clusters at eps {tried[chosen]:g} change little with eps, "
        f"while at eps {tried[-1]:g} one cluster holds {largest[-1]:.0%} of the crops"
    )


def advise_k1(neighbors: Neighbors, values: np.ndarray, *, min_samples: int) -> K1Advice:
    """Twice the size of an average crop's cluster, as found with a k1 of 12 at its advised eps; from 8 to 30.

    A k1 far above the images per person (and modality) mixes people, and one far below leaves splinters. Published
    settings stop at 30, for 30 to 56 images a person, and so does the advice.

    How good: on 21 selections of the features named in `advise_eps`, min_samples 4, the adjusted Rand index with both
    k1 and eps as advised was 10 % below that of the best pair on average, 22 % at worst; with the published 30 and 0.6
    it was 76 % below on average.

    Args:
        neighbors: at least min(12, N) columns.
        values: as for `jaccard_graph`.
        min_samples: as for `dbscan`.
    """
    graph = jaccard_graph(neighbors, values, k1=FIRST_K1, k2=k2_for(FIRST_K1), eps=LARGEST_EPS)
    advice = advise_eps(graph, min_samples=min_samples)
    typical = float(advice.typical_size[np.searchsorted(advice.tried, advice.eps)])
    k1 = k1_for(typical)
    reason = f"with k1 {FIRST_K1} and eps {advice.eps:g}, the cluster of an average crop has {typical:.0f} crops"
    return K1Advice(k1=k1, k2=k2_for(k1), reason=reason)


def outcome(clusters: Clusters, *, eps: float, advice: Advice | None = None) -> str | None:
    """What went wrong, in one sentence, or None where nothing did.

    Recognised are no crops, no cluster at all, and a giant cluster: more than half of at least 50 crops in one.

    Args:
        clusters: of one modality.
        eps: the eps they were made with.
        advice: on the same graph, to name a better eps.
    """
    count = len(clusters)
    if count == 0:
        return "there are no crops to cluster"
    if clusters.count == 0:
        return f"no cluster was found: all {count} crops are outliers at eps {eps:g}; {_remedy(eps, advice, 'larger')}"
    largest = int(clusters.sizes.max())
    if count >= GIANT_LEAST and largest > GIANT_SHARE * count:
        return (
            f"one cluster holds {largest} of {count} crops at eps {eps:g}, so different people have been put together; "
            f"{_remedy(eps, advice, 'smaller')}"
        )
    return None


def _remedy(eps: float, advice: Advice | None, direction: str) -> str:
    if advice is None or not (advice.eps > eps if direction == "larger" else advice.eps < eps):
        return f"try a {direction} eps"
    return f"eps {advice.eps:g} is advised ({advice.reason})"


def neighbor_distance_curve(graph: sparse.csr_matrix, *, min_samples: int) -> np.ndarray:
    """Distance of each crop to its `min_samples`-th nearest crop, itself counted, in ascending order (float32, N).

    Crops of which the graph holds fewer have distance 1. At a given eps, the crops left of it are core.
    """
    sizes = np.diff(graph.indptr)
    rows = np.repeat(np.arange(graph.shape[0]), sizes)
    ordered = graph.data[np.lexsort((graph.data, rows))]
    curve = np.ones(graph.shape[0], dtype=np.float32)
    enough = sizes >= min_samples
    curve[enough] = ordered[graph.indptr[:-1][enough] + min_samples - 1]
    return np.sort(curve)
