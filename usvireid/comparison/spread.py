"""Means over runs, with their spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from usvireid.evaluation.results import RANKS
from usvireid.quality.lines import number

MEASURES = {**{f"rank{rank}": f"Rank-{rank}" for rank in RANKS}, "mAP": "mAP", "mINP": "mINP"}
"""The measures of a row of scores and how they are called in tables."""

Scores = Mapping[str, Mapping[str, Any]]
"""`Evaluation.to_dict()`: search name to measure to value."""


@dataclass(frozen=True)
class Spread:
    """A measure over several runs, as shares in [0, 1].

    Attributes:
        mean: the mean.
        std: sample standard deviation (divisor runs - 1); None for one run.
        values: the runs' own values, in their order.
    """

    mean: float
    std: float | None
    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Mean and deviation of at least one value."""
        return cls(fmean(values), stdev(values) if len(values) > 1 else None, tuple(values))

    def text(self) -> str:
        """In percent: "57.3", or "57.3 ±1.2" where there are several runs."""
        mean = f"{100 * self.mean:.1f}"
        return mean if self.std is None else f"{mean} ±{100 * self.std:.1f}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"mean": self.mean, "std": self.std, "values": list(self.values)}


def spread_over(runs: Sequence[Scores]) -> dict[str, dict[str, Spread]]:
    """The spread of every measure of every search over the runs, in the order of the first run that has it.

    A search or measure that some of the runs lack is left out: its mean would be over fewer runs than it seems.
    """
    searches = dict.fromkeys(name for scores in runs for name in scores)
    found: dict[str, dict[str, Spread]] = {}
    for search in searches:
        for measure in MEASURES:
            values = [number(scores.get(search, {}).get(measure)) for scores in runs]
            known = [value for value in values if value is not None]
            if known and len(known) == len(values):
                found.setdefault(search, {})[measure] = Spread.of(known)
    return found


def spread_to_dict(spread: Mapping[str, Mapping[str, Spread]]) -> dict[str, Any]:
    """Plain JSON values: search to measure to mean, std and values."""
    return {search: {name: found.to_dict() for name, found in by.items()} for search, by in spread.items()}


def shown(search: str) -> str:
    """The name of a search as tables show it."""
    return search.replace("->", " → ")
