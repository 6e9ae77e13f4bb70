"""How sure one can be of labels: calibrated chances, from what can be seen without identities.

Each chance is a logistic function of a few cues. The constants were fitted on synthetic sets, whose truth is known, by
`scripts/calibrate_confidence.py`; `docs/quality.md` shows how well they hold on sets that they were not fitted on.
On other footage they order things well and are off in their level by as much as that footage differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Cues = Mapping[str, np.ndarray]
"""Name of a cue to its values (float, one per thing judged); NaN where it is not known."""

LABELS, NETWORK, BOTH = "labels", "network", "both"
"""What cues come from: the labels alone, also the network's features, also the gradient descriptor."""


@dataclass(frozen=True)
class Logistic:
    """A chance from cues: 1 / (1 + exp(-(intercept + sum of weight x (cue - usual)))).

    `terms` is cue to (usual, weight). A cue that is not known, NaN or not among the cues at all, counts as usual.
    """

    intercept: float
    terms: Mapping[str, tuple[float, float]]

    def chance(self, cues: Cues, count: int) -> np.ndarray:
        """The chance of each of `count` things (float64, in (0, 1))."""
        score = np.full(count, self.intercept)
        for name, (usual, weight) in self.terms.items():
            if name in cues:
                score += weight * np.nan_to_num(np.asarray(cues[name], dtype=np.float64) - usual, nan=0.0)
        return np.asarray(1 / (1 + np.exp(-np.clip(score, -30, 30))))

    def shares(self, cues: Cues, row: int) -> dict[str, float]:
        """What each known cue adds to the score of one thing, by cue."""
        found = {}
        for name, (usual, weight) in self.terms.items():
            value = float(cues[name][row]) if name in cues else np.nan
            if np.isfinite(value):
                found[name] = weight * (value - usual)
        return found


def suited(models: Mapping[str, Logistic], cues: Cues) -> Logistic:
    """Of the models for one kind of thing (by `LABELS`, `NETWORK`, `BOTH`), the richest whose cues are there."""
    for known in (BOTH, NETWORK, LABELS):
        if known in models and all(name in cues or name in _OPTIONAL for name in models[known].terms):
            return models[known]
    return models[min(models, key=(LABELS, NETWORK, BOTH).index)]


_OPTIONAL = ("track", "apart")
"""Cues that data may lack; a model is used without them."""
