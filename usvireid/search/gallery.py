"""How alike, and how much more alike than strangers are.

A cosine means something else at every camera and in each modality. Here it is measured against what the two ends reach
with everybody else: symmetric normalisation, known from speaker verification (Kenny, Bayesian speaker verification with
heavy-tailed priors, 2010). Two strangers then have mean 0 and standard deviation 1, within a modality and across.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usvireid import names
from usvireid.search.moments import BLOCK, LEAST_SPREAD, Moments
from usvireid.search.tracklets import Tracklets


@dataclass(frozen=True)
class Gallery:
    """T tracklets as they are compared.

    Attributes:
        values: float32, T x D; unit rows: the mean feature of a tracklet's crops, the modality's centre subtracted.
            It may be a memory map, which is read a block at a time.
        centres: float32, 2 x D; the mean of each modality's tracklets, in the order of `names.MODALITIES`.
        mean: float32, T x 2; of a tracklet's similarities to all others of each modality.
        spread: float32, T x 2; the standard deviation of these.
        sides: the tracklets of each modality.
    """

    values: np.ndarray
    centres: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    sides: tuple[slice, slice]

    def __len__(self) -> int:
        return len(self.values)

    def centred(self, features: np.ndarray, modality: str) -> np.ndarray:
        """Features (float32, D or B x D, of any length) as they are compared: centre subtracted, unit length."""
        return unit(unit(features) - self.centres[names.MODALITIES.index(modality)])

    def similarities(self, value: np.ndarray) -> np.ndarray:
        """Cosines of a centred feature (float32, D) with every tracklet, float32, T."""
        found = np.empty(len(self), dtype=np.float32)
        for low in range(0, len(self), BLOCK):
            found[low : low + BLOCK] = self.values[low : low + BLOCK] @ value
        return found

    def standard_scores(self, similarity: np.ndarray, modality: str, own: int | None) -> np.ndarray:
        """Similarities of a query to all tracklets as standard scores (float32, T).

        Args:
            similarity: float32, T.
            modality: of the query.
            own: the query's own tracklet, which is no stranger; None: it is in none.
        """
        side = names.MODALITIES.index(modality)
        found = np.empty_like(similarity)
        for part in self.sides:
            strangers = np.ones(part.stop - part.start, dtype=bool)
            if own is not None and part.start <= own < part.stop:
                strangers[own - part.start] = False
            known = similarity[part][strangers].astype(np.float64)
            mean, spread = (known.mean(), max(known.std(), LEAST_SPREAD)) if len(known) else (0.0, 1.0)
            of_query = (similarity[part] - mean) / spread
            of_tracklets = (similarity[part] - self.mean[part, side]) / self.spread[part, side]
            known_side = self.sides[side].stop > self.sides[side].start
            # Without anybody of the query's modality in the gallery nothing is known of what tracklets reach with it.
            found[part] = (of_query + of_tracklets) / 2 if known_side else of_query
        return found

    def pair_scores(self, ones: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Standard scores of pairs of tracklets.

        Args:
            ones: int64, P; one end of each pair.
            others: int64, P; the other end.

        Returns:
            float32, P.
        """
        side = self.side_of(np.arange(len(self)))
        found = np.empty(len(ones), dtype=np.float32)
        for low in range(0, len(ones), BLOCK):
            one, other = ones[low : low + BLOCK], others[low : low + BLOCK]
            cosine = np.einsum("nd,nd->n", self.values[one], self.values[other])
            of_one = (cosine - self.mean[one, side[other]]) / self.spread[one, side[other]]
            of_other = (cosine - self.mean[other, side[one]]) / self.spread[other, side[one]]
            found[low : low + BLOCK] = (of_one + of_other) / 2
        return found

    def side_of(self, tracklets: np.ndarray) -> np.ndarray:
        """The modality of some tracklets as its place in `names.MODALITIES` (int64)."""
        return np.asarray(tracklets >= self.sides[1].start, dtype=np.int64)


def make_gallery(features: np.ndarray, tracklets: Tracklets) -> tuple[Gallery, tuple[Moments, Moments]]:
    """Prepare tracklets for comparison.

    Args:
        features: float32, T x D; the mean, or the sum, of the unit features of each tracklet's crops.
        tracklets: the T tracklets.

    Returns:
        The gallery, and the moments of each modality's rows.
    """
    values = unit(features)
    visible, infrared = (tracklets.of_modality(modality) for modality in names.MODALITIES)
    sides = visible, slice(visible.stop, visible.stop + infrared.stop - infrared.start)
    centres = np.zeros((2, values.shape[1]), dtype=np.float32)
    for side, part in enumerate(sides):
        if part.stop > part.start:
            centres[side] = values[part].mean(axis=0, dtype=np.float64)
            values[part] = unit(values[part] - centres[side])
    moments = Moments.of(values[sides[0]]), Moments.of(values[sides[1]])
    mean = np.empty((len(values), 2), dtype=np.float32)
    spread = np.empty_like(mean)
    for low in range(0, len(values), BLOCK):
        rows = np.arange(low, min(low + BLOCK, len(values)))
        itself = np.einsum("nd,nd->n", values[rows], values[rows])
        for side, part in enumerate(sides):
            own = np.where((rows >= part.start) & (rows < part.stop), itself, np.nan)
            mean[rows, side], spread[rows, side] = moments[side].seen_from(values[rows], own)
    return Gallery(values, centres, mean, spread, sides), moments


def unit(values: np.ndarray) -> np.ndarray:
    """Rows, or one row, brought to length 1; a zero row stays zero."""
    lengths = np.linalg.norm(values, axis=-1, keepdims=True)
    return np.asarray(values / np.maximum(lengths, 1e-12), dtype=np.float32)
