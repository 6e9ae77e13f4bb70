"""What the charts of the report have in common: their size, their axes, and how numbers stand beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from usvireid.quality.svg import GRID, INK, stand_in

Stroke = Literal["solid", "dashed", "dotted", "dashdot"]
STROKES: tuple[Stroke, ...] = ("solid", "dashed", "dotted", "dashdot")
DASHES = {"solid": "solid", "dashed": (0, (3.5, 1.8)), "dotted": (0, (1, 1.2)), "dashdot": (0, (4, 1.5, 1, 1.5))}
ROUND_STEPS = (1, 2, 5, 10)

_SIZE = (340 / 72, 190 / 72)
"""Inches of 72 units. A column of the page is about as wide as that, so text comes out in about its own size."""


@dataclass(frozen=True)
class Key:
    """An entry of a legend: how a line is stroked, or that it is a bar."""

    name: str
    tone: str
    shape: Stroke | Literal["bar"]


@dataclass(frozen=True)
class Chart:
    """A drawing and the text that belongs around it."""

    title: str
    legend: Sequence[Key]
    svg: Markup


def blank_axes(unit: str) -> tuple[Figure, Axes]:
    """Empty axes in a figure of their own: grid lines behind, round numbers beside them, nothing else."""
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.add_subplot()
    for patch in (figure.patch, axes.patch):
        patch.set_visible(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(bottom=False, left=False, labelcolor=stand_in(INK))
    axes.grid(axis="y", color=stand_in(GRID), linewidth=1, clip_on=False)
    axes.set_axisbelow(True)
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}" + unit))
    return figure, axes


def scale_height(axes: Axes, values: Sequence[float]) -> None:
    """Round numbers from zero to beyond the values; whole ones for whole values."""
    whole = all(value == int(value) for value in values)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=whole, steps=ROUND_STEPS, min_n_ticks=1))
    axes.update_datalim([(0, 0), (0, 0 if any(values) else 1)], updatex=False)
    axes.autoscale_view(scalex=False)


def label_whole_numbers(axes: Axes, label: str) -> None:
    """Whole numbers below the chart, and what they are."""
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, steps=ROUND_STEPS, min_n_ticks=1))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:.10g}"))
    axes.set_xlabel(label, loc="right", color=stand_in(INK), labelpad=1)


def number_text(value: float) -> str:
    """A number for people: three digits, or all of those before the point."""
    return f"{value:,.0f}" if 100 <= abs(value) < 1e12 else f"{value:.3g}"
