"""How often values occur: sizes of clusters as bars, distances between crops as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from usvireid.quality.axes import (
    DASHES,
    ROUND_STEPS,
    Chart,
    Key,
    Stroke,
    blank_axes,
    label_whole_numbers,
    scale_height,
)
from usvireid.quality.svg import INK, inline_svg, page_style, stand_in

_BINS = 60


def histogram(title: str, samples: Mapping[str, Sequence[int]], x_label: str) -> Chart | None:
    """Side-by-side bars of how often a whole number from 1 up falls into each bin; None without samples.

    Args:
        title: what is shown; charts on one page need different ones.
        samples: the sizes of each kind of cluster by its name, which is its tone too.
        x_label: what the numbers are.
    """
    largest = max((max(values, default=0) for values in samples.values()), default=0)
    if largest < 1:
        return None
    ticks = np.asarray(MaxNLocator(nbins=12, integer=True, steps=ROUND_STEPS).tick_values(0, largest))
    edges = ticks[ticks >= 0] + 0.5
    slot = (edges[1] - edges[0]) * 0.86 / len(samples)
    tips, words, most = {}, [], 1
    with page_style(title):
        figure, axes = blank_axes("")
        for place, (name, values) in enumerate(samples.items()):
            counts = np.histogram(values, edges)[0].tolist()
            left = edges[:-1] + place * slot + 0.07 * (edges[1] - edges[0])
            bars = axes.bar(left, counts, 0.94 * slot, align="edge", color=stand_in(name), clip_on=False)
            for low, high, count, bar in zip(edges[:-1], edges[1:], counts, bars, strict=True):
                first, last = int(low + 0.5), int(high)
                sizes = f"{first}" if first == last else f"{first}-{last}"
                bar.set_gid(f"{name} {first}")
                tips[f"{name} {first}"] = [f"{name}: {count} clusters of {sizes} crops"]
            words.append(f"{name}: {len(values)} in all")
            most = max(most, *counts)
        scale_height(axes, [most])
        axes.set_xlim(edges[0], edges[-1])
        label_whole_numbers(axes, x_label)
        svg = inline_svg(figure, f"{title}. " + "; ".join(words), tips)
    return Chart(title, [Key(name, name, "bar") for name in samples], svg)


@dataclass(frozen=True)
class Curve:
    """How often each value occurs, as a line. The tone is one of `svg.TONES`."""

    name: str
    tone: str
    values: Sequence[float]
    stroke: Stroke


def densities(title: str, curves: Sequence[Curve], x_label: str) -> Chart | None:
    """Lines over equal bins of a common range, each as shares of its own values; None without values.

    Args:
        title: what is shown; charts on one page need different ones.
        curves: with at least one value each.
        x_label: what the values are.
    """
    if not curves:
        return None
    lowest = min(min(curve.values) for curve in curves)
    highest = max(max(curve.values) for curve in curves)
    edges = np.linspace(lowest, max(highest, lowest + 1e-3), _BINS + 1)
    middles = (edges[:-1] + edges[1:]) / 2
    words, tallest = [], 0.0
    with page_style(title):
        figure, axes = blank_axes("%")
        for curve in curves:
            share = 100 * np.histogram(curve.values, edges)[0] / len(curve.values)
            axes.plot(
                middles,
                share,
                color=stand_in(curve.tone),
                linestyle=DASHES[curve.stroke],
                linewidth=1.8,
                dash_capstyle="butt",
                clip_on=False,
            )
            tallest = max(tallest, float(share.max()))
            words.append(f"{curve.name}: {len(curve.values):,} pairs, mean {np.mean(curve.values):.2f}")
        scale_height(axes, [tallest])
        axes.set_xlim(edges[0], edges[-1])
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=ROUND_STEPS, min_n_ticks=2))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:.10g}"))
        axes.set_xlabel(x_label, loc="right", color=stand_in(INK), labelpad=1)
        svg = inline_svg(figure, f"{title}. " + "; ".join(words), {})
    return Chart(title, [Key(curve.name, curve.tone, curve.stroke) for curve in curves], svg)
