"""From which standard score on few strangers pass for the same person, counted on pairs known to be two people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy import stats

CONFIDENCE: Final = 0.95
NEEDED: Final = 3.0
"""A rate is shown by at least so many divided by it: of 3 / rate pairs without any false match, the rate itself is the
upper limit at 95 % ("rule of three")."""


@dataclass(frozen=True)
class Threshold:
    """Where strangers are let through at a chosen rate.

    Attributes:
        rate: the false-match rate that was asked for.
        score: standard scores above it pass.
        pairs: pairs known to be two people that it rests on.
        above: how many of them pass.
        low: lower limit of the rate, at 95 % confidence (Clopper and Pearson 1934), as if the pairs were independent.
        high: upper limit.
        found: share of the halves of one track that pass; None without any.
    """

    rate: float
    score: float
    pairs: int
    above: int
    low: float
    high: float
    found: float | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return dict(vars(self))

    def sentence(self) -> str:
        """What a person should know about it."""
        found = "" if self.found is None else f"; {self.found:.0%} of the halves of one track do"
        return (
            f"{self.above} of {self.pairs:,} pairs known to be two people score above {self.score:.2f} "
            f"(95 % confidence: {self.low:.2%} to {self.high:.2%}){found}"
        )


@dataclass(frozen=True)
class Refusal:
    """Too few pairs for a rate.

    Attributes:
        why: one line.
        estimate: where the law of strangers that the chances rest on puts the threshold, which nothing was counted on;
            None without that law.
    """

    why: str
    estimate: float | None = None

    def sentence(self) -> str:
        """What a person should know about it."""
        if self.estimate is None:
            return self.why
        return f"{self.why}; by the law of strangers, uncounted, it would be {self.estimate:.2f}"


def threshold_at(
    rate: float, same: np.ndarray, different: np.ndarray, laws: Sequence[tuple[float, float]] = ()
) -> Threshold | Refusal:
    """The lowest threshold at which no more than a share of strangers passes.

    Args:
        rate: the share, in (0, 1).
        same: standard scores of halves of one track.
        different: standard scores of pairs that are known to be two people, of both modalities together.
        laws: mean and standard deviation of strangers' scores, for an estimate where pairs are too few.
    """
    if not 0 < rate < 1:
        raise ValueError(f"a false-match rate lies between 0 and 1, not {rate}")
    count = len(different)
    needed = NEEDED / rate
    if count < needed:
        least = f"; the lowest rate they can show is {NEEDED / count:.2g}" if count > NEEDED else ""
        return Refusal(
            f"no threshold for a false-match rate of {rate:g}: it takes {_count_text(needed)} pairs of tracks that one "
            f"camera saw at the same time, and there are {count:,}{least}",
            max((float(stats.norm.isf(rate, *law)) for law in laws), default=None),
        )
    passing = math.floor(rate * count)
    score = float(np.sort(different)[::-1][passing])
    above = int((different > score).sum())
    tail = (1 - CONFIDENCE) / 2
    low = float(stats.beta.ppf(tail, above, count - above + 1)) if above else 0.0
    high = float(stats.beta.ppf(1 - tail, above + 1, count - above)) if above < count else 1.0
    return Threshold(rate, score, count, above, low, high, float((same > score).mean()) if len(same) else None)


def _count_text(least: float) -> str:
    return f"{math.ceil(least):,}" if least < 1e9 else f"{least:.2g}"
