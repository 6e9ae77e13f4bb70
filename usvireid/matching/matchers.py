"""Every matcher behind one function."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from usvireid.errors import UsageError
from usvireid.matching import brst, hungarian, mutual, transport
from usvireid.matching.brst import Selection
from usvireid.matching.clustered import ClusteredFeatures, without_gaps
from usvireid.matching.match import Match
from usvireid.matching.similarity import centred, cluster_similarity, csls
from usvireid.matching.strangers import stranger_chance

Matcher = Callable[[ClusteredFeatures, ClusteredFeatures, float, int], Match]
"""visible, infrared, tau, csls_k -> links; a matcher ignores the setting it has no use for."""

MATCHERS: dict[str, Matcher] = {
    "brst": brst.described,
    "brst-released": lambda visible, infrared, tau, csls_k: brst.released(visible, infrared, tau),
    "mutual": lambda visible, infrared, tau, csls_k: mutual.match(visible, infrared, csls_k),
    "hungarian": lambda visible, infrared, tau, csls_k: hungarian.match(visible, infrared, csls_k),
    "transport": lambda visible, infrared, tau, csls_k: transport.match(visible, infrared),
}
"""Matchers by the name they have in a configuration."""

BY_IMAGE = "brst-images"
"""The method that makes no links: visible images select infrared clusters one by one (`select_clusters`)."""


def match_clusters(
    method: str,
    visible_values: np.ndarray,
    visible_cluster: np.ndarray,
    infrared_values: np.ndarray,
    infrared_cluster: np.ndarray,
    *,
    tau: float = 0.8,
    center: bool = True,
    csls_k: int = 5,
    chance: float = 1.0,
) -> Match:
    """Link the clusters of the two modalities.

    Args:
        method: "brst" (both directions), "brst-released" (HIL's released direction), "mutual", "hungarian" or
            "transport".
        visible_values: float32, N_v x D, unit rows.
        visible_cluster: int64, N_v; cluster numbers from 0 up, gaps allowed, -1 for outliers.
        infrared_values: float32, N_r x D, unit rows.
        infrared_cluster: int64, N_r.
        tau: how near a choice must come to the best one in reverse, in [0, 1]; the BRST matchers use it.
        center: subtract the mean feature of each modality first (`similarity.centred`), if both have at least two
            clusters; the mean of one person's images is that person.
        csls_k: neighbours of the local scaling (`similarity.csls`), 0 for none; "brst", "mutual" and "hungarian"
            use it.
        chance: links that the best of as many strangers would reach with a larger chance (`strangers.stranger_chance`)
            are left out; 1 keeps all.

    Returns:
        The links, in the given cluster numbers; none where a modality has no clusters.

    Raises:
        UsageError: an unknown method, or tau, csls_k or chance out of range.
    """
    if method not in MATCHERS:
        raise UsageError(f"no matcher '{method}'; use one of {', '.join(MATCHERS)}.")
    if not 0 <= tau <= 1:
        raise UsageError(f"tau of the matching is {tau}; use a number from 0 to 1.")
    if csls_k < 0:
        raise UsageError(f"csls_k of the matching is {csls_k}; use 0 (no local scaling) or more.")
    if not 0 <= chance <= 1:
        raise UsageError(f"chance of the matching is {chance}; use a number from 0 to 1.")
    visible_cluster, visible_numbers = without_gaps(visible_cluster)
    infrared_cluster, infrared_numbers = without_gaps(infrared_cluster)
    visible, infrared = _comparable(
        ClusteredFeatures(visible_values, visible_cluster), ClusteredFeatures(infrared_values, infrared_cluster), center
    )
    match = MATCHERS[method](visible, infrared, tau, csls_k)
    if chance < 1 and len(match):
        similarity = csls(cluster_similarity(visible, infrared), csls_k)
        match = match.only(stranger_chance(similarity, match.visible, match.infrared) <= chance)
    return Match(
        visible_numbers[match.visible],
        infrared_numbers[match.infrared],
        match.confidence,
        n_visible=int(visible_numbers.max(initial=-1)) + 1,
        n_infrared=int(infrared_numbers.max(initial=-1)) + 1,
    )


def select_clusters(
    visible_values: np.ndarray,
    visible_cluster: np.ndarray,
    infrared_values: np.ndarray,
    infrared_cluster: np.ndarray,
    *,
    tau: float,
    center: bool,
) -> Selection:
    """Let every clustered visible image select an infrared cluster (`brst.select`); arguments as for `match_clusters`.

    Returns:
        Per visible image the chosen cluster, in the given numbers, or -1.
    """
    cluster, numbers = without_gaps(infrared_cluster)
    of_visible = ClusteredFeatures(visible_values, without_gaps(visible_cluster)[0])
    visible, infrared = _comparable(of_visible, ClusteredFeatures(infrared_values, cluster), center)
    found = brst.select(visible, infrared, tau)
    kept = found.label >= 0
    label = found.label.copy()
    label[kept] = numbers[label[kept]]
    return Selection(label, found.confidence)


def _comparable(
    visible: ClusteredFeatures, infrared: ClusteredFeatures, center: bool
) -> tuple[ClusteredFeatures, ClusteredFeatures]:
    """Both modalities, centred if that is wanted and both have at least two clusters."""
    if center and min(visible.n_clusters, infrared.n_clusters) >= 2:
        return centred(visible), centred(infrared)
    return visible, infrared
