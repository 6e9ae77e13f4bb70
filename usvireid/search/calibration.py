"""From a standard score to the chance that it is the same person, learnt without a label.

Strangers' standard scores follow one law, whatever the modalities. Where more pairs reach a score than that law lets
expect, the excess are pairs of one person: the share of the excess is the chance that a pair with this score is one
(the local false discovery rate of Efron, Large-scale simultaneous hypothesis testing: the choice of a null hypothesis,
2004, turned around). The law is a normal distribution: that of the pairs known to be different where they are many,
else that of the middle of all pairs, few of which can be the same person's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from scipy import stats
from sklearn.isotonic import IsotonicRegression

from usvireid import names
from usvireid.neighbors.tensors import as_tensor, full_float32
from usvireid.search.free_truth import KnownPairs
from usvireid.search.gallery import Gallery

KINDS: Final = ((0, 0), (1, 1), (0, 1))
"""Pairs of modalities, by their places in `names.MODALITIES`."""
LEAST_TRACKLETS: Final = 30
"""Fewer in a modality have too few pairs for any law."""
ENOUGH_DIFFERENT: Final = 300
ENOUGH_SHARE: Final = 0.1
"""Known pairs from which the law of strangers is taken, and their share of all pairs of tracklets. Few people who are
often seen together are the case for it; in large galleries the middle of all pairs tells far more exactly."""
CEILING: Final = 0.999
"""No chance is said to be higher."""
FAINT: Final = 0.1
"""A curve that nowhere reaches this chance says of nobody that they were seen again."""

_EDGES: Final = np.linspace(-12, 12, 1201)
"""Of the fine histogram of scores, in steps of 0.02; what lies beyond is counted at its ends."""
_COARSE: Final = 5
"""Fine steps in a step of the fit."""
_CENTRE: Final = (0.1, 0.9)
"""The middle of all pairs."""
_MOST_PAIRS: Final = 5 * 10**7
"""Pairs of a kind that are looked at; of larger galleries a part of the tracklets, drawn at random, meets all."""
_ROWS: Final = 256


@dataclass(frozen=True)
class Curve:
    """The chance of one kind of pair, by standard score: linear between knots, constant beyond.

    Attributes:
        score: standard scores, ascending.
        chance: the chance at each, not falling.
        pairs: pairs it was learnt from.
        law: mean and standard deviation of strangers' scores.
        prior: share of all pairs that are the same person's.
    """

    score: tuple[float, ...]
    chance: tuple[float, ...]
    pairs: int
    law: tuple[float, float]
    prior: float

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Chances of some standard scores, float64."""
        return np.asarray(np.interp(scores, self.score, self.chance))

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "score": list(self.score),
            "chance": list(self.chance),
            "pairs": self.pairs,
            "law": list(self.law),
            "prior": self.prior,
        }

    @classmethod
    def of_dict(cls, content: Mapping[str, Any]) -> Curve:
        """What `to_dict` gave."""
        score, chance = (tuple(float(value) for value in content[key]) for key in ("score", "chance"))
        if not score or len(score) != len(chance):
            raise ValueError("a curve needs a chance for each of its scores")
        law = float(content["law"][0]), float(content["law"][1])
        return cls(score, chance, int(content["pairs"]), law, float(content["prior"]))


@dataclass(frozen=True)
class Calibration:
    """A curve for each kind of pair that there are enough of, by `kind_name`."""

    curves: Mapping[str, Curve]

    def covers(self, query: str, modalities: np.ndarray) -> bool:
        """Whether there is a curve for a query and each of these tracklets' modalities."""
        return all(kind_name(query, str(modality)) in self.curves for modality in np.unique(modalities.astype(str)))

    def chance(self, scores: np.ndarray, query: str, modalities: np.ndarray) -> np.ndarray:
        """The chance that each tracklet is the query's person.

        Args:
            scores: float32, T; standard scores.
            query: modality of the query.
            modalities: of the tracklets, T, as text; `covers` has to hold for them.
        """
        found = np.empty(len(scores), dtype=np.float64)
        for modality in names.MODALITIES:
            rows = modalities == modality
            if rows.any():
                found[rows] = self.curves[kind_name(query, modality)](scores[rows])
        return found

    def faint(self, query: str, modalities: np.ndarray) -> list[str]:
        """Of some modalities of tracklets those in which hardly a pair with the query's stands out from strangers."""
        kinds = {modality: self.curves[kind_name(query, modality)] for modality in np.unique(modalities).tolist()}
        return [modality for modality, curve in kinds.items() if max(curve.chance) < FAINT]


def kind_name(one: str, other: str) -> str:
    """What a pair of modalities is called: visible-visible, infrared-infrared or visible-infrared."""
    first, second = sorted((one, other), key=names.MODALITIES.index)
    return f"{first}-{second}"


def calibrated_kinds(gallery: Gallery) -> list[tuple[int, int]]:
    """The kinds of pairs that there are enough of, as in `KINDS`."""
    enough = [part.stop - part.start >= LEAST_TRACKLETS for part in gallery.sides]
    return [(one, other) for one, other in KINDS if enough[one] and enough[other]]


def calibrate(gallery: Gallery, known: KnownPairs, *, device: str = "cpu", seed: int = 0) -> Calibration:
    """Learn the chance of each kind of pair.

    Args:
        gallery: the tracklets; kinds of pairs of which a side has too few get no curve.
        known: pairs of which is known what they are. Those of two people are taken out of the count, and give the law
            where there are enough; those of one person are added to the pairs of their modality, since a query is one
            more sight of somebody.
        device: where similarities are computed.
        seed: of the choice of tracklets where there are too many pairs.
    """
    curves = {}
    for one, other in calibrated_kinds(gallery):
        counts = _count(gallery, known, one, other, device, seed)
        same, _ = known.of_kind(one, other)
        law = _law(known.different, counts, len(gallery))
        curves[kind_name(names.MODALITIES[one], names.MODALITIES[other])] = _fit(counts, same, law)
    return Calibration(curves)


def _count(gallery: Gallery, known: KnownPairs, one: int, other: int, device: str, seed: int) -> np.ndarray:
    """How many pairs fall into each step of the fine histogram, those known to be different left out (int64)."""
    rows = np.arange(len(gallery))[gallery.sides[one]]
    part = gallery.sides[other]
    most = max(_ROWS, _MOST_PAIRS // max(part.stop - part.start, 1))
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    apart = np.concatenate([known.pairs, known.pairs[:, ::-1]])
    if one == other:
        itself = np.arange(part.start, part.stop, dtype=np.int64)
        apart = np.concatenate([apart, np.stack([itself, itself], axis=1)])
    apart = apart[(apart[:, 1] >= part.start) & (apart[:, 1] < part.stop)]
    apart = apart[np.argsort(apart[:, 0], kind="stable")]
    values, seen = (as_tensor(np.ascontiguousarray(array[part])).to(device) for array in (gallery.values, gallery.mean))
    spread = as_tensor(np.ascontiguousarray(gallery.spread[part])).to(device)
    total = np.zeros(len(_EDGES) - 1, dtype=np.int64)
    with full_float32():
        for low in range(0, len(rows), _ROWS):
            block = rows[low : low + _ROWS]
            mean, width = (as_tensor(array[block, other, None]).to(device) for array in (gallery.mean, gallery.spread))
            cosine = as_tensor(gallery.values[block]).to(device) @ values.T
            scores = ((cosine - mean) / width + (cosine - seen[:, one]) / spread[:, one]) / 2
            near = apart[np.searchsorted(apart[:, 0], block[0]) : np.searchsorted(apart[:, 0], block[-1], "right")]
            near = near[np.isin(near[:, 0], block)]
            scores[np.searchsorted(block, near[:, 0]), near[:, 1] - part.start] = torch.nan
            kept = scores[~torch.isnan(scores)].clamp(_EDGES[0], _EDGES[-1] - 1e-3)
            total += np.histogram(kept.cpu().numpy(), _EDGES)[0]
    return total


def _law(different: np.ndarray, counts: np.ndarray, tracklets: int) -> tuple[float, float]:
    """Mean and standard deviation of strangers' scores."""
    if len(different) >= max(ENOUGH_DIFFERENT, ENOUGH_SHARE * tracklets * (tracklets - 1) / 2):
        return float(different.mean()), max(float(different.std()), 0.1)
    below = np.concatenate([[0], np.cumsum(counts)]) / max(counts.sum(), 1)
    low, high = np.interp(_CENTRE, below, _EDGES)
    width = stats.norm.ppf(_CENTRE[1]) - stats.norm.ppf(_CENTRE[0])
    return float((low + high) / 2), max(float((high - low) / width), 0.1)


def _fit(counts: np.ndarray, same: np.ndarray, law: tuple[float, float]) -> Curve:
    """The share of the excess over the law, made not to fall."""
    edges = _EDGES[::_COARSE]
    found = np.add.reduceat(counts, np.arange(0, len(counts), _COARSE)).astype(np.float64)
    expected = found.sum() * np.diff(stats.norm.cdf(edges, *law))
    found += np.histogram(np.clip(same, edges[0], edges[-1] - 1e-3), edges)[0]
    centre = (edges[:-1] + edges[1:]) / 2
    # Below the middle an excess says that the law does not fit, not that anybody is the same.
    used = (found > 0) & (centre > law[0])
    if not used.any():
        return Curve((law[0],), (0.0,), int(counts.sum()), law, 0.0)
    share = 1 - expected[used] / found[used]
    fitted = IsotonicRegression(y_min=0, y_max=CEILING, out_of_bounds="clip").fit(
        centre[used], share, sample_weight=found[used]
    )
    chance = fitted.predict(centre[used])
    prior = float((chance * found[used]).sum() / found.sum())
    score = tuple(round(float(value), 3) for value in centre[used])
    return Curve(score, tuple(round(float(value), 5) for value in chance), int(counts.sum()), law, prior)
