"""Match, the links between the clusters of two modalities, and what they mean for the pseudo-labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usvireid import names
from usvireid.matching.labels import PseudoLabels


@dataclass(frozen=True)
class Match:
    """Links between visible and infrared clusters.

    Link l joins cluster `visible[l]` to cluster `infrared[l]` (both int64) with `confidence[l]` (float32, in [0, 1]).
    `n_visible` and `n_infrared` are the numbers of clusters, linked or not.

    Links form stars: of the two ends of a link at least one has no other link. So several clusters of an over-split
    modality may share one cluster of the other, and no chain of links can merge a whole gallery.

    Raises:
        ValueError: another dtype or shape, a cluster or confidence out of range, a link twice, or a chain.
    """

    visible: np.ndarray
    infrared: np.ndarray
    confidence: np.ndarray
    n_visible: int
    n_infrared: int

    def __post_init__(self) -> None:
        for side, count in ((self.visible, self.n_visible), (self.infrared, self.n_infrared)):
            if side.dtype != np.int64 or side.ndim != 1:
                raise ValueError(f"the ends of links must be int64, one-dimensional; got {side.dtype} {side.shape}")
            if len(side) and not 0 <= side.min() <= side.max() < count:
                raise ValueError(f"a link leads to a cluster outside 0..{count - 1}")
        if (
            self.confidence.dtype != np.float32
            or not self.visible.shape == self.infrared.shape == self.confidence.shape
        ):
            raise ValueError("a match needs one visible end, one infrared end and one float32 confidence per link")
        if not np.all((self.confidence >= 0) & (self.confidence <= 1)):
            raise ValueError("the confidence of a link must be in [0, 1]")
        visible_links, infrared_links = self.degrees()
        chained = (visible_links[self.visible] > 1) & (infrared_links[self.infrared] > 1)
        if chained.any():
            link = int(np.flatnonzero(chained)[0])
            raise ValueError(
                f"the link of visible cluster {self.visible[link]} and infrared cluster {self.infrared[link]} stands "
                "twice or is part of a chain: both ends have other links"
            )

    @classmethod
    def none(cls, n_visible: int, n_infrared: int) -> Match:
        """No links at all."""
        ends = np.zeros(0, dtype=np.int64)
        return cls(ends, ends, np.zeros(0, dtype=np.float32), n_visible, n_infrared)

    def __len__(self) -> int:
        return len(self.visible)

    def only(self, kept: np.ndarray) -> Match:
        """The same without some links (`kept`: bool, one per link)."""
        return Match(self.visible[kept], self.infrared[kept], self.confidence[kept], self.n_visible, self.n_infrared)

    def degrees(self) -> tuple[np.ndarray, np.ndarray]:
        """Links per visible cluster and per infrared cluster (int64, n_visible and n_infrared)."""
        return (
            np.bincount(self.visible, minlength=self.n_visible),
            np.bincount(self.infrared, minlength=self.n_infrared),
        )

    def identities(self) -> tuple[np.ndarray, np.ndarray]:
        """One numbering for the clusters of both modalities.

        Returns:
            The identity of every visible cluster and of every infrared cluster (int64). Linked clusters share one;
            an unlinked cluster has one of its own. The numbers are 0..n-1 without gaps.
        """
        visible = np.arange(self.n_visible, dtype=np.int64)
        infrared = self.n_visible + np.arange(self.n_infrared, dtype=np.int64)
        _, infrared_links = self.degrees()
        visible_leaf = infrared_links[self.infrared] > 1
        visible[self.visible[visible_leaf]] = infrared[self.infrared[visible_leaf]]
        infrared[self.infrared[~visible_leaf]] = visible[self.visible[~visible_leaf]]
        number = np.unique(np.concatenate((visible, infrared)), return_inverse=True)[1].astype(np.int64)
        return number[: self.n_visible], number[self.n_visible :]

    def cluster_confidence(self) -> tuple[np.ndarray, np.ndarray]:
        """How far the identity of each cluster is to be trusted, as far as matching goes.

        Returns:
            For every visible and every infrared cluster (float32): the confidence of its link, the highest where it
            has several, and 1 where it has none: its identity claims nothing about the other modality.
        """
        confidences = []
        for side, count in ((self.visible, self.n_visible), (self.infrared, self.n_infrared)):
            best = np.full(count, -1, dtype=np.float32)
            np.maximum.at(best, side, self.confidence)
            confidences.append(np.where(best < 0, np.float32(1), best))
        return confidences[0], confidences[1]


def transmit(labels: PseudoLabels, match: Match) -> PseudoLabels:
    """Give every crop the identity of its cluster under a match.

    `identity` is set from `cluster` (outliers: -1). `confidence` is multiplied by that of the cluster's link
    (`Match.cluster_confidence`), so what stands in the file afterwards is clustering and matching together, read as
    independent. Everything else stays as it was.

    Args:
        labels: labels with `cluster` set, not yet matched; matching twice would multiply confidences twice.
        match: links between exactly these clusters.

    Raises:
        ValueError: a cluster in the labels that the match does not know.
    """
    identity = np.full(len(labels), names.NO_LABEL, dtype=np.int64)
    confidence = labels.column(names.CONFIDENCE).astype(np.float32)
    cluster = labels.column(names.CLUSTER)
    sides = zip(names.MODALITIES, match.identities(), match.cluster_confidence(), strict=True)
    for modality, identity_of_cluster, confidence_of_cluster in sides:
        rows = labels.rows_of(modality)
        rows = rows[cluster[rows] >= 0]
        if len(rows) and cluster[rows].max() >= len(identity_of_cluster):
            known = len(identity_of_cluster)
            raise ValueError(f"{modality} cluster {cluster[rows].max()} in the labels, but the match knows {known}")
        identity[rows] = identity_of_cluster[cluster[rows]]
        confidence[rows] *= confidence_of_cluster[cluster[rows]]
    columns: dict[str, np.ndarray] = {names.IDENTITY: identity, names.CONFIDENCE: confidence}
    return labels.replace(**columns)
