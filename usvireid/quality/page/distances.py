"""Distances within and between identities and modalities: the figure of the papers, here without and with truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from usvireid.quality.axes import Chart, Stroke
from usvireid.quality.histograms import Curve, densities

_SERIES: tuple[tuple[str, str, bool, bool, Stroke], ...] = (
    ("one identity, same modality", "tone0", True, False, "solid"),
    ("one identity, across modalities", "tone2", True, True, "dashed"),
    ("different identities, same modality", "tone1", False, False, "dotted"),
    ("different identities, across modalities", "tone6", False, True, "dashdot"),
)
_WITHIN, _BETWEEN = (_SERIES[1][0], _SERIES[3][0])


@dataclass(frozen=True)
class Distances:
    """The figure and what it says.

    Attributes:
        chart: the four distributions.
        sentence: the means across the modalities, and how often the one is smaller than the other.
    """

    chart: Chart
    sentence: str


def pair_distances(values: np.ndarray, identity: np.ndarray, infrared: np.ndarray) -> dict[str, np.ndarray]:
    """Cosine distances, 1 - cosine, of all pairs of crops that have an identity, by kind of pair.

    Args:
        values: float32, S x D, unit rows.
        identity: int64, S; -1 for none.
        infrared: bool, S.

    Returns:
        float32 by name of the kind; kinds without a pair are missing.
    """
    known = np.flatnonzero(identity >= 0)
    one, other = np.triu_indices(len(known), 1)
    distance = np.maximum(1 - values[known] @ values[known].T, 0)[one, other]
    same = identity[known][one] == identity[known][other]
    across = infrared[known][one] != infrared[known][other]
    found = {name: distance[(same == within) & (across == cross)] for name, _, within, cross, _ in _SERIES}
    return {name: part for name, part in found.items() if len(part)}


def distances(title: str, values: np.ndarray, identity: np.ndarray, infrared: np.ndarray) -> Distances | None:
    """The figure for one kind of identities; None where there is no pair of one identity or none of different ones.

    Args:
        title: of the figure.
        values: float32, S x D, unit rows.
        identity: int64, S; -1 for none.
        infrared: bool, S.
    """
    found = pair_distances(values, identity, infrared)
    if len({within for name, _, within, _, _ in _SERIES if name in found}) < 2:
        return None
    curves = [Curve(name, tone, found[name].tolist(), stroke) for name, tone, _, _, stroke in _SERIES if name in found]
    chart = densities(title, curves, "cosine distance")
    return None if chart is None else Distances(chart, _sentence(found))


def _sentence(found: Mapping[str, np.ndarray]) -> str:
    means = "; ".join(f"{name} {part.mean():.2f}" for name, part in found.items())
    text = f"Means: {means}."
    if _WITHIN in found and _BETWEEN in found:
        text += (
            f" A random crop of the other modality is nearer when it is of the same identity in "
            f"{100 * _share_below(found[_WITHIN], found[_BETWEEN]):.0f}\u00a0% of the cases (50\u00a0% is chance)."
        )
    return text


def _share_below(within: np.ndarray, between: np.ndarray) -> float:
    """How often a value of the first is below one of the second; ties count half."""
    ordered = np.sort(between)
    below = len(ordered) - np.searchsorted(ordered, within, side="right")
    ties = np.searchsorted(ordered, within, side="right") - np.searchsorted(ordered, within, side="left")
    return float((below + ties / 2).mean() / len(ordered))
