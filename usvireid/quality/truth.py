"""How pseudo-labels agree with the true identities, where those are known.

These numbers are for a person to read. Nothing that runs without labels may see them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.majority import majority
from usvireid.quality.measures import adjusted_rand, clusters_of
from usvireid.quality.rejection import Rejection, measure_rejection, seen_alone


@dataclass(frozen=True)
class ModalityTruth:
    """How the clusters of one modality agree with the identities, over the crops that have both.

    Attributes:
        crops: crops with a cluster and a known identity.
        identities: distinct identities among the crops of known identity, clustered or not.
        ari: adjusted Rand index; None with fewer than two such crops.
        ami: adjusted mutual information, kinder to clusters that are split in two; None likewise.
        purity: share of those crops that carry the most frequent identity of their cluster; None without crops.
    """

    crops: int
    identities: int
    ari: float | None
    ami: float | None
    purity: float | None


@dataclass(frozen=True)
class TruthMeasures:
    """How pseudo-labels agree with the identities.

    Attributes:
        modalities: the agreement by modality.
        ari: adjusted Rand index of the pseudo-identities over both modalities together; None with fewer than two crops.
        ami: adjusted mutual information of the same.
        compared_identities: shared pseudo-identities with crops of known identity in both modalities.
        match_accuracy: share of those whose most frequent identity is the same in both modalities; None without any.
        match_accuracy_crops: share of their crops whose identity is the most frequent one on the OTHER side; None
            without any.
        rejection: what became of the people whom only one modality sees; None where it was not measured.
    """

    modalities: dict[str, ModalityTruth]
    ari: float | None
    ami: float | None
    compared_identities: int
    match_accuracy: float | None
    match_accuracy_crops: float | None
    rejection: Rejection | None = None

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values: the agreement under the name of each modality, the rest beside it."""
        return {
            **{name: asdict(truth) for name, truth in self.modalities.items()},
            "ari": self.ari,
            "ami": self.ami,
            "compared_identities": self.compared_identities,
            "match_accuracy": self.match_accuracy,
            "match_accuracy_crops": self.match_accuracy_crops,
            "rejection": None if self.rejection is None else asdict(self.rejection),
        }


def measure_truth(labels: PseudoLabels, identity_codes: np.ndarray, alone: np.ndarray | None = None) -> TruthMeasures:
    """Compare pseudo-labels with identities.

    Args:
        labels: N labels.
        identity_codes: int64, N; the true identity of every crop, -1 where unknown, as `Crops.codes("identity")`.
        alone: bool, N; whether the crop's person is seen in one modality only, where more is known of that than the
            codes say; None: as they say.

    Raises:
        ValueError: another number of codes than labels.
    """
    if identity_codes.shape != (len(labels),):
        raise ValueError(f"one identity code for each of {len(labels)} labels, got {identity_codes.shape}")
    cluster = clusters_of(labels)
    agreement = {}
    for modality in names.MODALITIES:
        rows = labels.rows_of(modality)
        both = rows[(cluster[rows] >= 0) & (identity_codes[rows] >= 0)]
        agreement[modality] = ModalityTruth(
            crops=len(both),
            identities=len(np.unique(identity_codes[rows][identity_codes[rows] >= 0])),
            ari=adjusted_rand(cluster[both], identity_codes[both]),
            ami=adjusted_information(cluster[both], identity_codes[both]),
            purity=_purity(cluster[both], identity_codes[both]),
        )
    pseudo = np.asarray(labels.column(names.IDENTITY), dtype=np.int64)
    if alone is None:
        alone = seen_alone(labels.column(names.MODALITY), identity_codes)
    compared, right, right_crops = _match_accuracy(labels, pseudo, identity_codes)
    return TruthMeasures(
        modalities=agreement,
        ari=adjusted_rand(pseudo, identity_codes),
        ami=adjusted_information(pseudo, identity_codes),
        compared_identities=compared,
        match_accuracy=right,
        match_accuracy_crops=right_crops,
        rejection=measure_rejection(labels, identity_codes, alone),
    )


def truth_of(labels: PseudoLabels, crops: Crops, everyone: Crops | None = None) -> TruthMeasures | None:
    """`measure_truth` with the identities of the crops the labels were made for; None where they have none.

    Args:
        labels: N labels.
        crops: N crops, with the identities to judge by.
        everyone: the same crops with all identities, which say where a person is seen; None: `crops` say it.
    """
    if not crops.has(names.IDENTITY):
        return None
    seen = crops if everyone is None else everyone
    alone = seen_alone(seen.table[names.MODALITY].to_numpy(), seen.codes(names.IDENTITY))
    return measure_truth(labels, crops.codes(names.IDENTITY), alone)


def adjusted_information(one: np.ndarray, other: np.ndarray) -> float | None:
    """Adjusted mutual information over the rows where both have a label; None with fewer than two."""
    both = (one >= 0) & (other >= 0)
    return float(adjusted_mutual_info_score(one[both], other[both])) if both.sum() >= 2 else None


def _purity(cluster: np.ndarray, identity: np.ndarray) -> float | None:
    if not len(cluster):
        return None
    table = contingency_matrix(cluster, identity, sparse=True).tocsr()
    return float(table.max(axis=1).sum() / len(cluster))


def _match_accuracy(
    labels: PseudoLabels, pseudo: np.ndarray, identity_codes: np.ndarray
) -> tuple[int, float | None, float | None]:
    """Pseudo-identities compared, and how many of them and of their crops agree across the modalities."""
    known = (pseudo >= 0) & (identity_codes >= 0)
    sides = []
    for modality in names.MODALITIES:
        rows = labels.rows_of(modality)
        rows = rows[known[rows]]
        sides.append((rows, majority(pseudo[rows], identity_codes[rows])))
    (visible_rows, visible), (infrared_rows, infrared) = sides
    compared = sorted(visible.keys() & infrared.keys())
    if not compared:
        return 0, None, None
    right = sum(visible[number] == infrared[number] for number in compared)
    crops = right_crops = 0
    for rows, other in ((visible_rows, infrared), (infrared_rows, visible)):
        expected = np.array([other.get(number, -1) for number in pseudo[rows].tolist()], dtype=np.int64)
        crops += int((expected >= 0).sum())
        right_crops += int((expected == identity_codes[rows]).sum())
    return len(compared), right / len(compared), right_crops / crops
