"""Secondary clustering: every cluster divided into parts, which give it several centres in the memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from usvireid import names
from usvireid.clustering.batched_kmeans import (
    Bucket,
    buckets,
    distances_of,
    inertia_of,
    lloyd,
    membership,
    seed_centres,
)
from usvireid.clustering.sums import label_sums


@dataclass(frozen=True)
class SecondaryClusters:
    """The parts of K clusters of N crops.

    Attributes:
        sub_cluster: int64, N; the part of each crop within its cluster, 0 being the largest, -1 for outliers.
        centres: float, K x S x D; the mean feature of each part, not normalised, S the most parts any cluster has.
        sizes: int64, K x S; the crops of each part, 0 where there is no such part. A cluster without crops has none.
        inertia: float, K; the sum of squared distances of the crops of a cluster from the centres of their parts.
    """

    sub_cluster: Tensor
    centres: Tensor
    sizes: Tensor
    inertia: Tensor


def fixed_parts(sizes: np.ndarray, parts: int) -> np.ndarray:
    """The same number of parts in every cluster with more crops than that; others stay whole (HIL, released code).

    Args:
        sizes: int64, K; crops per cluster.
        parts: 9 (SYSU-MM01) or 2 (RegDB) in HIL.
    """
    if parts < 1:
        raise ValueError(f"a cluster has at least one part, got {parts}")
    return np.where(sizes > parts, parts, 1).astype(np.int64)


def parts_by_size(sizes: np.ndarray, crops_per_part: float, most: int) -> np.ndarray:
    """A part for so many crops, rounded, at least one and at most `most` (ours).

    Args:
        sizes: int64, K; crops per cluster.
        crops_per_part: how many crops a part should have on average.
        most: upper limit on the parts of a cluster.
    """
    if not crops_per_part > 0 or most < 1:
        raise ValueError(f"need crops_per_part > 0 and most >= 1, got {crops_per_part} and {most}")
    return np.clip(np.rint(sizes / crops_per_part), 1, most).astype(np.int64)


@torch.no_grad()
def divide(
    features: Tensor,
    cluster: Tensor,
    parts: np.ndarray,
    seed: int,
    restarts: int = 2,
    max_iterations: int = 100,
) -> SecondaryClusters:
    """Divide every cluster by k-means, all clusters at once.

    HIL's released code runs one k-means after the other. Here clusters of similar size go through k-means++ seeding
    and Lloyd's iterations together, mostly on the inner products of their members.

    Args:
        features: float, N x D; unit rows.
        cluster: int64, N; 0..K-1, -1 for outliers.
        parts: int64, K; how many parts each cluster is divided into (`fixed_parts`, `parts_by_size`); fewer where it
            has fewer crops, or fewer different ones.
        seed: of the random draws, which are the same on every device.
        restarts: independent divisions, of which that with the lowest inertia is taken.
        max_iterations: of Lloyd's algorithm, at least 1.

    Raises:
        ValueError: shapes that do not fit, or a cluster number of K or more.
    """
    sizes = _sizes(features, cluster, len(parts))
    counts = torch.as_tensor(parts, dtype=torch.int64).minimum(sizes).clamp_min(1)
    most = int(counts.max()) if len(counts) else 1
    uniform = torch.rand(len(cluster), restarts, most, generator=torch.Generator().manual_seed(seed))
    draws = uniform.neg_().log1p_().neg_().to(features.device)
    result = _Collector(features, cluster, len(parts))
    for bucket in buckets(cluster, sizes, lambda size: size * max(min(size, features.shape[1]), restarts * most)):
        places = int(counts[bucket.groups.cpu()].max())
        distances = distances_of(features, bucket)
        wanted = counts.to(features.device)[bucket.groups]
        race = draws[bucket.members, :, :places].permute(0, 2, 3, 1)
        seeds = seed_centres(distances, bucket.real, wanted, race)
        found, inertia = lloyd(distances, bucket.real, wanted, seeds, max_iterations)
        least, best = inertia.min(dim=1, keepdim=True)
        found = found.gather(1, best[:, :, None].expand(-1, -1, found.shape[2]))[:, 0]
        result.add(bucket, found, least[:, 0], places)
    return result.clusters()


def tree_parts(tree: np.ndarray, cluster: np.ndarray, most: int | None = None, least: int = 2) -> np.ndarray:
    """Parts that HDBSCAN's condensed tree shows inside clusters: the leaves its crops belong to (ours).

    A cluster that HDBSCAN selects is a branch of the tree; where the branch forks further down, its leaves are denser
    parts. The clusters may also come from elsewhere, as long as the tree is about the same crops.

    Args:
        tree: the table of `condensed_tree` for the N crops.
        cluster: int64, N; -1 for outliers.
        most: parts of a cluster; of more leaves the largest count, by their crops in the cluster (of equal ones that
            with the lowest number). None: all.
        least: a leaf with fewer crops in a cluster is no part of it.

    Returns:
        int64, N; the part within the cluster, 0 being the largest, or -1 where the crop left the tree above the leaves,
        or is in a leaf that is no part; see `divide_as_given`.
    """
    is_crop = tree["child"] < len(cluster)
    crops, node = tree["child"][is_crop], tree["parent"][is_crop]
    inner = np.unique(tree["parent"][~is_crop])
    leaf = np.full(len(cluster), names.NO_LABEL, dtype=np.int64)
    leaf[crops] = np.where(np.isin(node, inner), names.NO_LABEL, node)
    known = np.flatnonzero((leaf >= 0) & (cluster >= 0))
    pairs, which, members = np.unique(
        np.stack((cluster[known], leaf[known])), axis=1, return_inverse=True, return_counts=True
    )
    rank = np.empty_like(members)
    rank[np.lexsort((pairs[1], -members, pairs[0]))] = np.arange(len(members)) - np.searchsorted(pairs[0], pairs[0])
    counts = (members >= least) & (rank < (len(members) if most is None else most))
    parts = np.full(len(cluster), names.NO_LABEL, dtype=np.int64)
    parts[known] = np.where(counts, rank, names.NO_LABEL)[which.ravel()]
    return parts


@torch.no_grad()
def divide_as_given(features: Tensor, cluster: Tensor, n_clusters: int, parts: Tensor) -> SecondaryClusters:
    """Divide clusters as somebody else says; crops without a part join the one whose mean is nearest.

    Args:
        features: float, N x D; unit rows.
        cluster: int64, N; 0..n_clusters-1, -1 for outliers.
        n_clusters: number of clusters, K.
        parts: int64, N; part numbers from 0 within each cluster, -1 for undecided (`tree_parts`). A cluster without
            decided crops stays whole.

    Raises:
        ValueError: shapes that do not fit, or a cluster number of K or more.
    """
    sizes = _sizes(features, cluster, n_clusters)
    if parts.shape != cluster.shape:
        raise ValueError(f"need one part per crop, got {tuple(parts.shape)} for {tuple(cluster.shape)}")
    most = max(1, int(parts.max()) + 1) if len(parts) else 1
    result = _Collector(features, cluster, n_clusters)
    for bucket in buckets(cluster, sizes, lambda size: size * max(min(size, features.shape[1]), most)):
        given = parts[bucket.members]
        belongs = membership(given, bucket.real, most)
        members = belongs.sum(2, keepdim=True)
        distances = distances_of(features, bucket)
        squared = distances.to_means(belongs / members.clamp_min(1))
        nearest = squared.masked_fill_(members == 0, torch.inf).min(dim=1).indices
        found = torch.where(given >= 0, given, nearest)
        result.add(bucket, found, inertia_of(distances, bucket.real, found, most), most)
    return result.clusters()


def _sizes(features: Tensor, cluster: Tensor, count: int) -> Tensor:
    """Crops per cluster, int64, K, on the CPU; shapes and cluster numbers checked."""
    if features.ndim != 2 or cluster.shape != features.shape[:1]:
        raise ValueError(f"need one cluster per feature, got {tuple(cluster.shape)} for {tuple(features.shape)}")
    sizes = torch.bincount(cluster[cluster >= 0].cpu(), minlength=count)
    if len(sizes) > count:
        raise ValueError(f"cluster {len(sizes) - 1}, but {count} clusters were announced")
    return sizes


class _Collector:
    """Puts the parts found in each bucket in their place."""

    def __init__(self, features: Tensor, cluster: Tensor, n_clusters: int) -> None:
        self._features = features
        self._cluster = cluster
        self._sub_cluster = torch.full_like(cluster, names.NO_LABEL)
        self._inertia = features.new_zeros(n_clusters)

    def add(self, bucket: Bucket, parts: Tensor, inertia: Tensor, places: int) -> None:
        """Take the parts (int64, B x n, 0..places-1) of a bucket's members, numbered anew from the largest down."""
        sizes = membership(parts, bucket.real, places).sum(2)
        number = sizes.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        self._sub_cluster[bucket.members[bucket.real]] = number.gather(1, parts)[bucket.real]
        self._inertia[bucket.groups] = inertia

    def clusters(self) -> SecondaryClusters:
        """Everything, with as many columns as the most divided cluster needs."""
        n_clusters = len(self._inertia)
        most = int(self._sub_cluster.max()) + 1 if len(self._sub_cluster) else 0
        flat = torch.where(self._cluster < 0, names.NO_LABEL, self._cluster * most + self._sub_cluster)
        sums, sizes = label_sums(self._features, flat, n_clusters * most)
        centres = sums.div_(sizes.clamp_min(1)[:, None]).view(n_clusters, most, self._features.shape[1])
        return SecondaryClusters(self._sub_cluster, centres, sizes.view(n_clusters, most), self._inertia)
