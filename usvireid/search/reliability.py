"""Does a chance of 0.8 mean four times out of five? Asked of the pairs that are known without a label."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from scipy import stats

from usvireid import names
from usvireid.search.calibration import Calibration, kind_name
from usvireid.search.free_truth import KnownPairs

BOUNDS: Final = (0.0, 0.05, 0.2, 0.5, 0.8, 0.95, 1.0)
"""Of the bins of chances."""
_TAIL: Final = 0.025


@dataclass(frozen=True)
class Bin:
    """Known pairs whose chance lies between two bounds.

    Attributes:
        chance: what was said, on average, each pair counting as much as it does in `share`.
        share: how many were the same person, when known pairs are mixed as the gallery mixes them.
        low: lower limit of the share, at 95 % confidence for each of the two counts.
        high: upper limit.
        same: halves of one track in it.
        different: pairs known to be two people in it.
    """

    chance: float
    share: float
    low: float
    high: float
    same: int
    different: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return dict(vars(self))


def reliability(calibration: Calibration, known: KnownPairs) -> dict[str, list[Bin]]:
    """The bins of each modality that has known pairs of both sorts; none across modalities, where no truth is free.

    There are as many known pairs of each sort as footage happens to give. They are weighted to the mixture that the
    gallery is estimated to have, since a chance depends on it.
    """
    found = {}
    for side, modality in enumerate(names.MODALITIES):
        same, different = known.of_kind(side, side)
        curve = calibration.curves.get(kind_name(modality, modality))
        if curve is None or not len(same) or not len(different):
            continue
        share = min(max(curve.prior, 1e-6), 1 - 1e-6)
        found[modality] = _bins(curve(same), curve(different), share)
    return found


def _bins(same: np.ndarray, different: np.ndarray, prior: float) -> list[Bin]:
    weights = prior / len(same), (1 - prior) / len(different)
    bins = []
    for low, high in pairwise(BOUNDS):
        last = high == BOUNDS[-1]
        inside = [part[(part >= low) & ((part < high) | last)] for part in (same, different)]
        if not len(inside[0]) and not len(inside[1]):
            continue
        mass = [weight * len(part) for weight, part in zip(weights, inside, strict=True)]
        said = sum(weight * float(part.sum()) for weight, part in zip(weights, inside, strict=True)) / sum(mass)
        counts = len(inside[0]), len(inside[1])
        limits = _limits(counts, weights)
        bins.append(Bin(said, mass[0] / sum(mass), *limits, *counts))
    return bins


def _limits(counts: tuple[int, int], weights: tuple[float, float]) -> tuple[float, float]:
    """The least and the largest share that the counts of a bin allow."""
    (fewest_same, most_same), (fewest_different, most_different) = map(_poisson_limits, counts)
    low = weights[0] * fewest_same
    high = weights[0] * most_same
    return low / (low + weights[1] * most_different), high / (high + weights[1] * fewest_different)


def _poisson_limits(count: int) -> tuple[float, float]:
    """The means between which a count of Poisson's law lies with 95 % confidence (Garwood 1936)."""
    low = float(stats.chi2.ppf(_TAIL, 2 * count)) / 2 if count else 0.0
    return low, float(stats.chi2.ppf(1 - _TAIL, 2 * count + 2)) / 2
