"""Pairs that are known without a label: halves of one track are one person, tracks alive at once are two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from usvireid import names
from usvireid.clustering.constraints import ConstraintsBuilder
from usvireid.clustering.tracks import add_tracks, add_travel
from usvireid.search.gallery import Gallery
from usvireid.search.moments import Moments
from usvireid.search.tracklets import Tracklets

_BLOCK = 1024
"""Tracklets whose crops are looked at together."""


@dataclass(frozen=True)
class KnownPairs:
    """Standard scores of pairs that are known to be one person or two.

    Attributes:
        same: float32; the first half of a tracklet's crops against the second, for each with two crops or more.
        same_side: int64; the modality of each, as its place in `names.MODALITIES`.
        pairs: int64, M x 2; tracklets that are two people, the smaller number first.
        different: float32, M; the scores of these pairs.
        different_sides: int64, M x 2; the modalities of the two.
    """

    same: np.ndarray
    same_side: np.ndarray
    pairs: np.ndarray
    different: np.ndarray
    different_sides: np.ndarray

    def of_kind(self, one: int, other: int) -> tuple[np.ndarray, np.ndarray]:
        """Scores of the pairs of two modalities, of the same person and of two."""
        same = self.same[self.same_side == one] if one == other else self.same[:0]
        sides = np.sort(self.different_sides, axis=1)
        return same, self.different[(sides == sorted((one, other))).all(axis=1)]


def known_pairs(
    gallery: Gallery,
    moments: tuple[Moments, Moments],
    features: np.ndarray,
    tracklets: Tracklets,
    travel: Mapping[tuple[str, str], float],
) -> KnownPairs:
    """Find and score the pairs that the tracks tell.

    Args:
        gallery: T tracklets.
        moments: of each modality's tracklets.
        features: float32, N x D; of each crop, in the order of `tracklets.crops`.
        tracklets: the same T.
        travel: least seconds between cameras, by their names; empty where nothing is known of it.
    """
    rows = np.flatnonzero(np.diff(tracklets.start) > 1)
    same = np.empty(len(rows), dtype=np.float32)
    side = gallery.side_of(rows)
    for place in range(len(names.MODALITIES)):
        of_side = np.flatnonzero(side == place)
        for low in range(0, len(of_side), _BLOCK):
            block = of_side[low : low + _BLOCK]
            same[block] = _halves_scores(gallery, moments[place], place, features, tracklets, rows[block])
    pairs = different_people(tracklets, travel)
    different = gallery.pair_scores(pairs[:, 0], pairs[:, 1])
    return KnownPairs(same, side, pairs, different, gallery.side_of(pairs))


def different_people(tracklets: Tracklets, travel: Mapping[tuple[str, str], float]) -> np.ndarray:
    """Tracklets that are two people: one camera saw both at once, or nobody gets from one to the other so fast.

    Returns:
        int64, M x 2; the smaller number first, sorted, each pair once.
    """
    builder = ConstraintsBuilder(len(tracklets.crops))
    add_tracks(builder, tracklets.crops)
    add_travel(builder, tracklets.crops, travel)
    constraints = builder.build()
    tracklet_of = np.empty(len(constraints.known), dtype=np.int64)
    tracklet_of[constraints.group] = tracklets.of_crop
    return np.unique(np.sort(tracklet_of[constraints.cannot], axis=1), axis=0).reshape(-1, 2)


def _halves_scores(
    gallery: Gallery, moments: Moments, side: int, features: np.ndarray, tracklets: Tracklets, rows: np.ndarray
) -> np.ndarray:
    """The first half of the crops of each of some tracklets against the second, float32."""
    sums = np.empty((2, len(rows), gallery.values.shape[1]), dtype=np.float32)
    for place, row in enumerate(rows.tolist()):
        crops = np.array(features[tracklets.rows(row)])
        middle = len(crops) // 2
        sums[0, place], sums[1, place] = crops[:middle].sum(axis=0), crops[middle:].sum(axis=0)
    ends = [gallery.centred(half, names.MODALITIES[side]) for half in sums]
    cosine = np.einsum("nd,nd->n", *ends)
    scores = np.zeros(len(rows))
    for end in ends:
        own = np.einsum("nd,nd->n", end, gallery.values[rows])
        mean, spread = moments.seen_from(end, own)
        scores += (cosine - mean) / spread / 2
    return np.asarray(scores, dtype=np.float32)
