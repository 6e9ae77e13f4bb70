"""Measures of pseudo-labels that need no truth: what a run on unlabelled crops can be judged by."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from usvireid import names
from usvireid.matching.labels import PseudoLabels


@dataclass(frozen=True)
class ClusterCounts:
    """The clusters of one modality.

    Attributes:
        crops: crops of the modality.
        clusters: distinct clusters.
        outliers: crops in no cluster.
        outlier_share: outliers / crops; None without crops.
        size_median: median number of crops in a cluster; None without clusters.
        size_max: crops in the largest cluster; 0 without clusters.
        largest_share: share of the modality's crops in its largest cluster; None without crops.
        largest_to_median: size_max / size_median; None without clusters.
        size_gini: how unequal the sizes are (Gini), 0 where all are equal, near 1 where one cluster has nearly all;
            None without clusters.
        trained: crops with an identity, which training will use.
        matched_clusters: clusters with a crop whose identity is seen in both modalities.
        matched_share: matched_clusters / clusters; None without clusters.
        matched_crops_share: share of the modality's crops whose identity is seen in both modalities; None without
            crops.
        stability: adjusted Rand index against the clusters of the epoch before, over the crops that have a cluster in
            both; None without an epoch before, or with fewer than two such crops.
    """

    crops: int
    clusters: int
    outliers: int
    outlier_share: float | None
    size_median: float | None
    size_max: int
    largest_share: float | None
    largest_to_median: float | None
    size_gini: float | None
    trained: int
    matched_clusters: int
    matched_share: float | None
    matched_crops_share: float | None
    stability: float | None


@dataclass(frozen=True)
class LabelMeasures:
    """Label-free measures of pseudo-labels: the counts of each modality and what joins them.

    Attributes:
        modalities: the counts by modality.
        identities: distinct pseudo-identities over both modalities.
        shared_identities: those with crops in both modalities.
        stability: adjusted Rand index of the identities of both modalities together against the epoch before; None as
            for a single modality.
    """

    modalities: dict[str, ClusterCounts]
    identities: int
    shared_identities: int
    stability: float | None

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values: the counts under the name of each modality, the rest beside them."""
        return {
            **{name: asdict(counts) for name, counts in self.modalities.items()},
            "identities": self.identities,
            "shared_identities": self.shared_identities,
            "stability": self.stability,
        }


def clusters_of(labels: PseudoLabels) -> np.ndarray:
    """The cluster of every crop (int64, -1 for none), or its identity where a hand-made table has no clusters."""
    cluster = np.asarray(labels.column(names.CLUSTER), dtype=np.int64)
    return cluster if (cluster >= 0).any() else np.asarray(labels.column(names.IDENTITY), dtype=np.int64)


def measure_labels(labels: PseudoLabels, previous: PseudoLabels | None = None) -> LabelMeasures:
    """Measure pseudo-labels without any truth.

    Args:
        labels: the labels of this epoch.
        previous: those of the epoch before, for the stability; crops are found again by path.
    """
    cluster = clusters_of(labels)
    identity = np.asarray(labels.column(names.IDENTITY), dtype=np.int64)
    matched = np.isin(identity, labels.shared_identities())
    before_cluster = before_identity = None
    if previous is not None:
        position = pd.Index(previous.table[names.PATH]).get_indexer(pd.Index(labels.table[names.PATH]))
        before_cluster = _followed(clusters_of(previous), position)
        before_identity = _followed(np.asarray(previous.column(names.IDENTITY), dtype=np.int64), position)
    counts = {}
    for modality in names.MODALITIES:
        rows = labels.rows_of(modality)
        before = None if before_cluster is None else before_cluster[rows]
        counts[modality] = _count(cluster[rows], identity[rows] >= 0, matched[rows], before)
    return LabelMeasures(
        modalities=counts,
        identities=len(np.unique(identity[identity >= 0])),
        shared_identities=len(labels.shared_identities()),
        stability=None if before_identity is None else adjusted_rand(identity, before_identity),
    )


def adjusted_rand(one: np.ndarray, other: np.ndarray) -> float | None:
    """Adjusted Rand index over the rows where both have a label; None with fewer than two."""
    both = (one >= 0) & (other >= 0)
    if both.sum() < 2:
        return None
    with warnings.catch_warnings():
        # Many small clusters make scikit-learn ask whether the labels are a regression target.
        warnings.filterwarnings("ignore", message="The number of unique classes", category=UserWarning)
        return float(adjusted_rand_score(one[both], other[both]))


def gini(sizes: np.ndarray) -> float:
    """The Gini coefficient of positive sizes: half their mean absolute difference over their mean."""
    ordered = np.sort(sizes.astype(np.float64))
    rank = np.arange(1, len(ordered) + 1)
    return float((2 * rank - len(ordered) - 1) @ ordered / (len(ordered) * ordered.sum()))


def _followed(values: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Values of an earlier table at the given rows, -1 where a crop was not in it."""
    found = np.full(len(position), names.NO_LABEL, dtype=np.int64)
    found[position >= 0] = values[position[position >= 0]]
    return found


def _count(cluster: np.ndarray, trained: np.ndarray, matched: np.ndarray, before: np.ndarray | None) -> ClusterCounts:
    numbers, sizes = np.unique(cluster[cluster >= 0], return_counts=True)
    crops, outliers = len(cluster), int((cluster < 0).sum())
    matched_clusters = len(np.unique(cluster[matched & (cluster >= 0)]))
    return ClusterCounts(
        crops=crops,
        clusters=len(numbers),
        outliers=outliers,
        outlier_share=_share(outliers, crops),
        size_median=float(np.median(sizes)) if len(sizes) else None,
        size_max=int(sizes.max(initial=0)),
        largest_share=_share(int(sizes.max(initial=0)), crops),
        largest_to_median=float(sizes.max() / np.median(sizes)) if len(sizes) else None,
        size_gini=gini(sizes) if len(sizes) else None,
        trained=int(trained.sum()),
        matched_clusters=matched_clusters,
        matched_share=_share(matched_clusters, len(numbers)),
        matched_crops_share=_share(int(matched.sum()), crops),
        stability=None if before is None else adjusted_rand(cluster, before),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
