"""Does a chance of 0.8 mean four times out of five? Asked of the pairs that are known without a label."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from usvireid import names
from usvireid.search.calibration import Calibration, kind_name
from usvireid.search.free_truth import KnownPairs

BOUNDS: Final = (0.0, 0.05, 0.2, 0.5, 0.8, 0.95, 1.0)
"""Of the bins of chances."""


@dataclass(frozen=True)
class Bin:
    """Known pairs whose chance lies between two bounds.

    Attributes:
        chance: what was said, on average, each pair counting as much as it does in `share`.
        share: how many were the same person, when known pairs are mixed as the gallery mixes them.
        same: halves of one track in it.
        different: pairs known to be two people in it.
    """

    chance: float
    share: float
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
        if not len(same) or not len(different):
            continue
        curve = calibration.curves[kind_name(modality, modality)]
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
        bins.append(Bin(said, mass[0] / sum(mass), len(inside[0]), len(inside[1])))
    return bins
