"""BRST, bidirectional reverse selection transmission: a choice counts if the chosen would choose back.

HIL names it; its released code runs one direction, image by image (`select`, then `transmit_images`; `released` makes
links of it). The paper describes both directions; how they meet is not public, and `described` is our reading.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from usvireid import names
from usvireid.matching.clustered import ClusteredFeatures
from usvireid.matching.labels import PseudoLabels
from usvireid.matching.match import Match
from usvireid.matching.mutual import mutual_best
from usvireid.matching.similarity import choice_probability, cluster_similarity, csls, link_confidence, prototypes

_BLOCK = 4096
"""Images that are compared with all prototypes at a time."""


@dataclass(frozen=True)
class Selection:
    """What the images of one modality chose among the clusters of the other.

    `label` is int64, N: the chosen cluster, or -1 where the image is an outlier or the choice was not confirmed.
    `confidence` is float32, N: how near the choice came to the cluster's favourite image, in [0, 1]; 0 without label.
    """

    label: np.ndarray
    confidence: np.ndarray


def select(images: ClusteredFeatures, others: ClusteredFeatures, tau: float) -> Selection:
    """Choose the nearest cluster of the other modality for each image; keep the choice if it holds in reverse.

    Reverse pass: m_k is the highest cosine that the prototype of cluster k has with any image, outliers included.
    Forward pass: a clustered image takes the cluster k* of the nearest prototype. It keeps it if that cosine is at
    least tau * m_k*, so if the cluster looks back at this image nearly as much as at its favourite (HIL, released
    code; there in loops, here as one product of matrices in blocks, with the same labels).

    Args:
        images: the modality that chooses.
        others: the modality that is chosen from.
        tau: 0.5 (SYSU-MM01) or 0.8 (RegDB) in HIL.
    """
    if len(images) == 0 or others.n_clusters == 0:
        return Selection(np.full(len(images), names.NO_LABEL, dtype=np.int64), np.zeros(len(images), dtype=np.float32))
    columns = prototypes(others).T
    favourite = np.full(others.n_clusters, -np.inf, dtype=np.float32)
    nearest = np.empty(len(images), dtype=np.int64)
    cosine = np.empty(len(images), dtype=np.float32)
    for start in range(0, len(images), _BLOCK):
        rows = slice(start, start + _BLOCK)
        block = images.values[rows] @ columns
        np.maximum(favourite, block.max(axis=0), out=favourite)
        nearest[rows] = block.argmax(axis=1)
        cosine[rows] = np.take_along_axis(block, nearest[rows, None], axis=1)[:, 0]
    reference = favourite[nearest]
    kept = (images.cluster >= 0) & (cosine >= np.float32(tau) * reference)
    share = np.divide(cosine, reference, out=np.ones_like(cosine), where=reference > 0)
    return Selection(
        np.where(kept, nearest, names.NO_LABEL), np.where(kept, np.clip(share, 0, 1), 0).astype(np.float32)
    )


def transmit_images(labels: PseudoLabels, selection: Selection) -> PseudoLabels:
    """Give every visible crop the infrared identity it selected, and -1 where it selected none (HIL, released code).

    Infrared crops keep their cluster as identity. The clusters of visible crops become what they selected, since their
    old ones are torn apart; those that selected none are outliers. The confidence of visible crops is multiplied by the
    selection's.

    Args:
        labels: before any matching.
        selection: of infrared clusters by the visible crops of these labels, in their order.

    Raises:
        ValueError: not one selection per visible crop.
    """
    visible, infrared = (labels.rows_of(modality) for modality in names.MODALITIES)
    if len(selection.label) != len(visible):
        raise ValueError(f"{len(selection.label)} selections for {len(visible)} visible crops")
    identity = np.full(len(labels), names.NO_LABEL, dtype=np.int64)
    identity[infrared] = labels.column(names.CLUSTER)[infrared]
    identity[visible] = selection.label
    confidence = labels.column(names.CONFIDENCE).astype(np.float32)
    confidence[visible] *= selection.confidence
    role = np.where(identity < 0, names.OUTLIER, labels.column(names.ROLE).astype(object))
    table = labels.table.copy()
    table[names.CLUSTER], table[names.IDENTITY], table[names.CONFIDENCE] = identity, identity, confidence
    table[names.ROLE] = pd.array(role, dtype="string")
    return PseudoLabels(table)


def released(visible: ClusteredFeatures, infrared: ClusteredFeatures, tau: float = 0.8) -> Match:
    """Link each visible cluster to the infrared cluster that most of its images selected (`select`).

    The released code labels image by image, which tears visible clusters apart; as links, a cluster goes with its
    majority (of equal ones the first) and the confidence is the share of all its images that agreed.
    """
    shape = visible.n_clusters, infrared.n_clusters
    label = select(visible, infrared, tau).label
    kept = label >= 0
    pair = visible.cluster[kept] * shape[1] + label[kept]
    votes = np.bincount(pair, minlength=shape[0] * shape[1]).reshape(shape)
    rows = np.flatnonzero(votes.any(axis=1))
    columns = votes[rows].argmax(axis=1) if len(rows) else rows
    share = votes[rows, columns] / visible.sizes()[rows]
    return Match(rows, columns, share.astype(np.float32), *shape)


def described(visible: ClusteredFeatures, infrared: ClusteredFeatures, tau: float = 0.8, csls_k: int = 5) -> Match:
    """Link clusters that choose each other, and join to them the further parts of over-split people (ours).

    1. Every cluster chooses its nearest in the other modality. Two that choose each other are linked.
    2. A cluster u whose choice w is already linked to u' is a further part of the same person, and linked to w too, if
       - w looks back at it nearly as much as at its favourite: their cosine is at least tau times w's highest,
       - it prefers w to all others together (`similarity.choice_probability` of 1/2 or more), and
       - within their own modality, where features compare reliably, u and u' are among each other's two nearest.
    3. Around one linked pair only one modality may have further parts: the one with the greater sum of probabilities.

    Where a single cluster is all there is to choose from, or a modality has no more than three clusters, being chosen
    or near proves nothing, and no further parts are joined. What is not linked keeps an identity of its own modality.
    Confidence is `similarity.link_confidence`.

    Args:
        visible: features and clusters of the visible modality, usually centred (`similarity.centred`).
        infrared: the same of the infrared modality.
        tau: how much w has to look back at a further part.
        csls_k: neighbours of the local scaling (`similarity.csls`) by which clusters choose, 0 for plain cosines.
    """
    cosine = cluster_similarity(visible, infrared)
    similarity = csls(cosine, csls_k)
    rows, columns = mutual_best(similarity)
    if len(rows) == 0:
        return Match.none(*cosine.shape)
    of_visible = _further_parts(visible, similarity, cosine, (rows, columns), tau)
    of_infrared = _further_parts(infrared, similarity.T, cosine.T, (columns, rows), tau)
    weight_visible = np.bincount(of_visible.pair, of_visible.probability, minlength=len(rows))
    weight_infrared = np.bincount(of_infrared.pair, of_infrared.probability, minlength=len(rows))
    of_visible = of_visible.only((weight_visible >= weight_infrared)[of_visible.pair])
    of_infrared = of_infrared.only((weight_visible < weight_infrared)[of_infrared.pair])
    ends_visible = np.concatenate((rows, of_visible.cluster, rows[of_infrared.pair]))
    ends_infrared = np.concatenate((columns, columns[of_visible.pair], of_infrared.cluster))
    order = np.lexsort((ends_infrared, ends_visible))
    ends_visible, ends_infrared = ends_visible[order], ends_infrared[order]
    return Match(ends_visible, ends_infrared, link_confidence(similarity, ends_visible, ends_infrared), *cosine.shape)


@dataclass(frozen=True)
class _Parts:
    """Further parts: their clusters, the number of the linked pair they join, and how clearly they choose it."""

    cluster: np.ndarray
    pair: np.ndarray
    probability: np.ndarray

    def only(self, kept: np.ndarray) -> _Parts:
        return _Parts(self.cluster[kept], self.pair[kept], self.probability[kept])


def _further_parts(
    own: ClusteredFeatures,
    similarity: np.ndarray,
    cosine: np.ndarray,
    pairs: tuple[np.ndarray, np.ndarray],
    tau: float,
) -> _Parts:
    """Clusters of one modality (the rows of `similarity`) that join a linked pair by step 2 of `described`."""
    clusters = np.arange(len(similarity))
    choice = similarity.argmax(axis=1)
    pair_of_column = np.full(similarity.shape[1], names.NO_LABEL, dtype=np.int64)
    pair_of_column[pairs[1]] = np.arange(len(pairs[1]))
    pair = pair_of_column[choice]
    partner = pairs[0][pair]
    probability = choice_probability(similarity)[clusters, choice]
    joins = (pair >= 0) & (partner != clusters) & (probability >= 0.5) & (similarity.shape[1] > 1)
    joins &= cosine[clusters, choice] >= np.float32(tau) * cosine.max(axis=0)[choice]
    near = _among_two_nearest(own)
    joins &= near[clusters, partner] & near[partner, clusters]
    return _Parts(clusters[joins], pair[joins], probability[joins])


def _among_two_nearest(features: ClusteredFeatures) -> np.ndarray:
    """Whether column cluster is among the two nearest of row cluster, within one modality (bool, K x K).

    With up to three clusters everybody would be, which says nothing: then nobody is.
    """
    centres = prototypes(features)
    cosine = centres @ centres.T
    np.fill_diagonal(cosine, -np.inf)
    if len(cosine) <= 3:
        return np.zeros_like(cosine, dtype=bool)
    second = np.partition(cosine, -2, axis=1)[:, -2]
    return np.asarray(cosine >= second[:, None])
