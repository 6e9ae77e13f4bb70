"""From clusters of either modality to identities of both, as the settings ask and in agreement with what is known."""

from __future__ import annotations

from usvireid import names
from usvireid.clustering.constraints import Constraints
from usvireid.config import MatchingSettings
from usvireid.encoders.features import Features
from usvireid.matching.brst import transmit_images
from usvireid.matching.known import agreed, agreed_selection
from usvireid.matching.labels import PseudoLabels
from usvireid.matching.match import Match, transmit
from usvireid.matching.matchers import BY_IMAGE, match_clusters, select_clusters


def apart(labels: PseudoLabels, constraints: Constraints) -> PseudoLabels:
    """Give every crop an identity of its own modality; only what is known to be one person is joined.

    Args:
        labels: N labels before any matching.
        constraints: what is known about the same crops.
    """
    cluster = labels.column(names.CLUSTER)
    counts = (int(cluster[labels.rows_of(modality)].max(initial=-1)) + 1 for modality in names.MODALITIES)
    return transmit(labels, agreed(Match.none(*counts), labels, constraints))


def join(labels: PseudoLabels, signals: Features, settings: MatchingSettings, constraints: Constraints) -> PseudoLabels:
    """Match the clusters of the two modalities and give the crops their identities.

    Args:
        labels: N labels before any matching.
        signals: what the clusters are matched by, for the same N crops.
        settings: which matcher, and its values.
        constraints: what is known about the same crops.
    """
    sides = []
    for modality in names.MODALITIES:
        rows = labels.rows_of(modality)
        sides += [signals.values[rows], labels.column(names.CLUSTER)[rows]]
    if settings.method == BY_IMAGE:
        selection = select_clusters(*sides, tau=settings.tau, center=settings.center)
        return transmit_images(labels, agreed_selection(selection, labels, constraints))
    match = match_clusters(
        settings.method,
        *sides,
        tau=settings.tau,
        center=settings.center,
        csls_k=settings.csls_k,
        chance=settings.chance,
    )
    return transmit(labels, agreed(match, labels, constraints))
