"""How the clusters of the two modalities match, without any truth. Ours, but for the reverse selection (HIL)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from usvireid import names
from usvireid.encoders.gradients import bands_of_bodies
from usvireid.matching.brst import select
from usvireid.matching.clustered import ClusteredFeatures
from usvireid.matching.similarity import unit_rows
from usvireid.quality.crop_cues import centres_of
from usvireid.quality.link_cues import CrossSimilarity, Links, centred_values, links_of, scaled_similarity
from usvireid.quality.parts import Parts


@dataclass(frozen=True)
class LinkCounts:
    """The matches that labels hold.

    Attributes:
        links: pairs of a visible and an infrared cluster with one identity.
        one_to_many_share: share of the links of which an end has other links too; None without links.
        unmatched_share: by modality, share of the clusters without a link; None without clusters.
    """

    links: int
    one_to_many_share: float | None
    unmatched_share: dict[str, float | None]


@dataclass(frozen=True)
class MatchMeasures:
    """How far the matches are borne out by features; None where there is nothing to measure.

    Attributes:
        confirmed_share: share of the labelled crops of both modalities whose nearest cluster in the other one looks
            back at them nearly as much as at its favourite (`matching.brst.select`).
        mutual_share: share of the clusters that are chosen by the cluster they choose.
        link_margin: median over the links of the smaller margin by which the two choose each other, by the network;
            below 0 most links are not even that.
        gradient_margin: the same by the gradient descriptor.
        signals_agree: share of the clusters that choose the same partner by the network and by the gradient descriptor.
        beyond_chance: by how much the bands of bodies agree on who is who across the modalities, more than their
            general likeness explains; see `beyond_chance`. About 0 where nobody is in both modalities.
        beyond_chance_error: its standard error.
    """

    confirmed_share: float | None
    mutual_share: float | None
    link_margin: float | None
    gradient_margin: float | None
    signals_agree: float | None
    beyond_chance: float | None
    beyond_chance_error: float | None


def count_links(parts: Parts) -> LinkCounts:
    """Count the matches."""
    links = links_of(parts)
    of_part = np.bincount(np.concatenate((links.visible, links.infrared)), minlength=len(parts))
    many = (of_part[links.visible] > 1) | (of_part[links.infrared] > 1)
    unmatched = {}
    for number, modality in enumerate(names.MODALITIES):
        mine = of_part[parts.of_modality(number)]
        unmatched[modality] = float((mine == 0).mean()) if len(mine) else None
    return LinkCounts(len(links), float(many.mean()) if len(links) else None, unmatched)


def measure_matches(parts: Parts, network: np.ndarray, gradients: np.ndarray | None, tau: float) -> MatchMeasures:
    """Measure how far matches are borne out.

    Args:
        parts: of N labels.
        network: float32, N x D; unit features of the network.
        gradients: float32, N x 1152; gradient descriptors (`encoders.gradients`), None where there are none.
        tau: setting `matching.tau` of the reverse selection.
    """
    both = all(len(parts.of_modality(number)) >= 2 for number in range(len(names.MODALITIES)))
    if not both:
        return MatchMeasures(None, None, None, None, None, None, None)
    by_network, links = CrossSimilarity(network, parts), links_of(parts)
    by_gradients = None if gradients is None else CrossSimilarity(gradients, parts)
    chance = None if gradients is None else beyond_chance(_by_bands(gradients, parts))
    best = by_network if by_gradients is None else by_gradients
    return MatchMeasures(
        confirmed_share=_confirmed(network, parts, tau),
        mutual_share=_mutual(best.matrix),
        link_margin=_median_margin(by_network, links),
        gradient_margin=None if by_gradients is None else _median_margin(by_gradients, links),
        signals_agree=None if by_gradients is None else _same_choice(by_network.matrix, by_gradients.matrix),
        beyond_chance=None if chance is None else chance[0],
        beyond_chance_error=None if chance is None else chance[1],
    )


def beyond_chance(signals: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float] | None:
    """Whether independent signals agree on partners more than their general likeness explains.

    The partner that a cluster has by one signal is looked up in another: the share of clusters there that are less
    alike, 1 if it is the nearest there too, 1/2 on average if the two have nothing to do with each other. Camera, size
    and posture make any two signals a little alike, partners or not: with a correlation of r over all pairs, in normal
    scores, a score of z in the one stands for r z in the other with a variance of 1 - r^2, so the share that is to be
    expected is Phi(r z / sqrt(2 - r^2)). What is more than that only people seen in both explain, for a pair of
    clusters of one person is alike in all signals at once.

    Args:
        signals: pairs of float, V x R; similarity of all visible with all infrared clusters by a signal that chooses
            and by one that is asked.

    Returns:
        The mean of (share - expected share) over the pairs of signals and both directions, and its standard error, as
        if every cluster were one observation; None with fewer than 3 clusters in a modality.
    """
    if min(signals[0][0].shape) < 3:
        return None
    found = []
    for turned in (signals, [(chooses.T, asked.T) for chooses, asked in signals]):
        excess = [_excess(_standard(chooses), _standard(asked)) for chooses, asked in turned]
        found.append(np.mean(excess, axis=0))
    every = np.concatenate(found)
    return float(every.mean()), float(every.std(ddof=1) / np.sqrt(len(every)))


def _excess(chosen: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """For each row, how far the choice by one standardised signal ranks in the other, less what is to be expected."""
    likeness = float((chosen * asked).mean())
    at = np.arange(len(chosen)), chosen.argmax(axis=1)
    share = (asked < asked[at][:, None]).sum(axis=1) / (asked.shape[1] - 1)
    return np.asarray(share - ndtr(likeness * chosen[at] / np.sqrt(2 - likeness**2)))


def _standard(matrix: np.ndarray) -> np.ndarray:
    """Each row as normal scores: the normal quantiles of its ranks. A partner that stands far out counts as the first.

    Were it left far out, the partners alone would make the two signals alike, and be taken off as likeness.
    """
    rank = np.argsort(np.argsort(matrix, axis=1, kind="stable"), axis=1, kind="stable")
    return np.asarray(ndtri((rank + 0.5) / matrix.shape[1]))


def _by_bands(gradients: np.ndarray, parts: Parts) -> list[tuple[np.ndarray, np.ndarray]]:
    """The similarity of clusters by the gradient descriptor without a band of the body, and by that band alone."""
    centres = centres_of(centred_values(gradients, parts), parts)
    visible, infrared = (parts.of_modality(number) for number in range(len(names.MODALITIES)))

    def similarity(of_parts: np.ndarray) -> np.ndarray:
        return scaled_similarity(of_parts[visible], of_parts[infrared])

    return [(similarity(rest), similarity(band)) for rest, band in bands_of_bodies(centres)]


def _mutual(matrix: np.ndarray) -> float:
    rows, columns = matrix.argmax(axis=1), matrix.argmax(axis=0)
    mutual = int((columns[rows] == np.arange(len(rows))).sum())
    return 2 * mutual / sum(matrix.shape)


def _same_choice(one: np.ndarray, other: np.ndarray) -> float:
    same = int((one.argmax(axis=1) == other.argmax(axis=1)).sum() + (one.argmax(axis=0) == other.argmax(axis=0)).sum())
    return same / sum(one.shape)


def _median_margin(signal: CrossSimilarity, links: Links) -> float | None:
    return float(np.median(signal.margins(links).smaller)) if len(links) else None


def _confirmed(values: np.ndarray, parts: Parts, tau: float) -> float | None:
    """Share of the crops in parts whose choice holds in reverse."""
    sides = []
    for number in range(len(names.MODALITIES)):
        rows = np.flatnonzero(parts.crop_modality == number)
        of_part = np.full(len(parts) + 1, names.NO_LABEL, dtype=np.int64)
        numbers = parts.of_modality(number)
        of_part[numbers] = np.arange(len(numbers))
        centred = unit_rows(values[rows] - values[rows].mean(axis=0))
        sides.append(ClusteredFeatures(centred, of_part[parts.part[rows]]))
    kept = [select(sides[0], sides[1], tau).label >= 0, select(sides[1], sides[0], tau).label >= 0]
    clustered = sum(int((side.cluster >= 0).sum()) for side in sides)
    return sum(int(each.sum()) for each in kept) / clustered if clustered else None
