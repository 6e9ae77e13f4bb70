"""Whether matching leaves people alone whom only one modality sees, where identities are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usvireid import names
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.majority import majority
from usvireid.quality.measures import clusters_of


@dataclass(frozen=True)
class Rejection:
    """How matching treats the clusters of people whom only one modality sees. Ours.

    A cluster is of the person that most of its crops are of (of equally many the smaller code); it is unlinked if none
    of its crops has a pseudo-identity that is seen in both modalities.

    Attributes:
        clusters: of both modalities, with a crop of known identity.
        alone: those of people whom only one modality sees.
        unlinked: those without a link.
        recall: share of `alone` that is unlinked; None where nobody is seen in one modality only.
        precision: share of `unlinked` that is alone; None where every cluster is linked. A matcher that left clusters
            out at random would reach alone / clusters.
        recall_crops: the same over crops, each by its own person: of the clustered crops of people seen in one modality
            only, the share whose pseudo-identity is not shared; None without such crops.
        precision_crops: of the clustered crops whose pseudo-identity is not shared, the share of people seen in one
            modality only; None without such crops.
    """

    clusters: int
    alone: int
    unlinked: int
    recall: float | None
    precision: float | None
    recall_crops: float | None
    precision_crops: float | None


def measure_rejection(labels: PseudoLabels, identity_codes: np.ndarray, alone: np.ndarray) -> Rejection:
    """Compare the clusters that were left without a partner with those that have none.

    Before matching begins every cluster is unlinked, so recall is 1 and precision what chance gives.

    Args:
        labels: N labels.
        identity_codes: int64, N; the true identity of every crop, -1 where unknown.
        alone: bool, N; whether the person of the crop is seen in its modality only (`seen_alone`).
    """
    cluster = clusters_of(labels)
    linked = np.isin(np.asarray(labels.column(names.IDENTITY), dtype=np.int64), labels.shared_identities())
    known = (cluster >= 0) & (identity_codes >= 0)
    of_code = dict(zip(identity_codes[known].tolist(), alone[known].tolist(), strict=True))
    cluster_alone: list[bool] = []
    cluster_linked: list[bool] = []
    for modality in names.MODALITIES:
        rows = labels.rows_of(modality)
        with_link = set(cluster[rows[linked[rows]]].tolist())
        rows = rows[known[rows]]
        for number, code in majority(cluster[rows], identity_codes[rows]).items():
            cluster_alone.append(of_code[code])
            cluster_linked.append(number in with_link)
    of_clusters = _agreement(np.array(cluster_alone, dtype=bool), np.array(cluster_linked, dtype=bool))
    of_crops = _agreement(alone[known], linked[known])
    return Rejection(
        clusters=len(cluster_alone),
        alone=sum(cluster_alone),
        unlinked=len(cluster_linked) - sum(cluster_linked),
        recall=of_clusters[0],
        precision=of_clusters[1],
        recall_crops=of_crops[0],
        precision_crops=of_crops[1],
    )


def seen_alone(modality: np.ndarray, identity_codes: np.ndarray) -> np.ndarray:
    """Whether the person of each crop is seen in that crop's modality only (bool, N); never where nobody is known.

    Args:
        modality: text, N.
        identity_codes: int64, N; -1 where unknown.
    """
    visible, infrared = (identity_codes[modality == name] for name in names.MODALITIES)
    return np.asarray((identity_codes >= 0) & ~np.isin(identity_codes, np.intersect1d(visible, infrared)))


def _agreement(alone: np.ndarray, linked: np.ndarray) -> tuple[float | None, float | None]:
    """Recall and precision of leaving out."""
    right = int((alone & ~linked).sum())
    actual, left_out = int(alone.sum()), int((~linked).sum())
    return right / actual if actual else None, right / left_out if left_out else None
