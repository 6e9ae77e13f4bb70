"""Parts: the clusters as a run trains on them, which doubts and confidences are about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usvireid import names
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.measures import clusters_of


@dataclass(frozen=True)
class Parts:
    """The parts of the pseudo-identities: a part is a cluster of one modality with the identity it is trained as.

    Where a person has edited labels, crops of one cluster may carry several identities. The cluster then stands for
    the most frequent one (of equals the smallest), and its other crops are strays.

    Attributes:
        part: int64, N; the part that holds a crop, -1 for crops without an identity and for strays.
        found_in: int64, N; the part that stands for the crop's cluster, strays included; -1 without an identity.
        identity: int64, K; the pseudo-identity of each part.
        modality: int64, K; the index of its modality in `names.MODALITIES`.
        crop_identity: int64, N; the identity of every crop, -1 for none.
        crop_modality: int64, N; the index of its modality.
    """

    part: np.ndarray
    found_in: np.ndarray
    identity: np.ndarray
    modality: np.ndarray
    crop_identity: np.ndarray
    crop_modality: np.ndarray

    def __len__(self) -> int:
        return len(self.identity)

    @property
    def sizes(self) -> np.ndarray:
        """Crops of each part (int64, K)."""
        return np.bincount(self.part[self.part >= 0], minlength=len(self)).astype(np.int64)

    @property
    def strays(self) -> np.ndarray:
        """Rows (int64) whose identity is not the one that most crops of their cluster have."""
        return np.flatnonzero((self.crop_identity >= 0) & (self.part < 0))

    def members(self) -> list[np.ndarray]:
        """The rows (int64, ascending) of every part."""
        order = np.argsort(self.part, kind="stable")
        order = order[self.part[order] >= 0]
        return np.split(order, np.cumsum(self.sizes)[:-1]) if len(self) else []

    def of_modality(self, modality: int) -> np.ndarray:
        """The numbers (int64) of the parts of one modality."""
        return np.flatnonzero(self.modality == modality)


def parts_of_labels(labels: PseudoLabels) -> Parts:
    """The parts of a table of labels, numbered by modality and cluster."""
    cluster = clusters_of(labels)
    identity = np.asarray(labels.column(names.IDENTITY), dtype=np.int64)
    modality = np.zeros(len(labels), dtype=np.int64)
    for which_modality, name in enumerate(names.MODALITIES):
        modality[labels.rows_of(name)] = which_modality
    # Crops that a person gave an identity but that are in no cluster are a cluster of their own with their like.
    home = np.where(cluster >= 0, cluster, int(cluster.max(initial=-1)) + 1 + identity)
    rows = np.flatnonzero(identity >= 0)
    part = np.full(len(labels), names.NO_LABEL, dtype=np.int64)
    found_in = part.copy()
    if not len(rows):
        return Parts(part, found_in, rows, rows, identity, modality)
    keys = np.stack((modality[rows], home[rows], identity[rows]))
    kinds, which, count = np.unique(keys, axis=1, return_inverse=True, return_counts=True)
    # Within a cluster the most frequent identity comes first, then the smallest.
    order = np.lexsort((kinds[2], -count, kinds[1], kinds[0]))
    leads = np.ones(len(order), dtype=bool)
    ordered = kinds[:2, order]
    leads[1:] = (ordered[:, 1:] != ordered[:, :-1]).any(axis=0)
    chosen = order[leads]
    number = np.full(len(count), names.NO_LABEL, dtype=np.int64)
    number[chosen] = np.arange(len(chosen))
    part[rows] = number[which.ravel()]
    of_cluster = np.empty(len(count), dtype=np.int64)
    of_cluster[order] = np.cumsum(leads) - 1
    found_in[rows] = of_cluster[which.ravel()]
    return Parts(part, found_in, kinds[2, chosen], kinds[0, chosen], identity, modality)
