"""The kinds of charts in the report, drawn by matplotlib.

The legend is no part of the drawing: the page writes it as text that wraps, however long the names are. Lines are told
apart by their colour and by how they are stroked, so that up to four need no colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from usvireid.quality.axes import (
    DASHES,
    Chart,
    Key,
    Stroke,
    blank_axes,
    label_whole_numbers,
    number_text,
    scale_height,
)
from usvireid.quality.svg import INK, inline_svg, page_style, stand_in

_FEW_EPOCHS = 30


@dataclass(frozen=True)
class Series:
    """One quantity over the epochs; None where an epoch has no value. The tone is one of `svg.TONES`."""

    name: str
    tone: str
    values: Sequence[float | None]
    stroke: Stroke = "solid"


def line_chart(
    title: str,
    epochs: Sequence[int],
    series: Sequence[Series],
    *,
    unit: str = "",
    mark: tuple[int, str] | None = None,
) -> Chart | None:
    """Lines over epochs, on an axis from zero; None where no series has a value.

    Args:
        title: what is shown; charts on one page need different ones.
        epochs: ascending epoch numbers, one for each value of every series.
        series: the lines. Epochs that were not measured are bridged.
        unit: added to the axis labels, such as "%".
        mark: an epoch and a word to draw a vertical line before.
    """
    drawn = [one for one in series if any(value is not None for value in one.values)]
    if not drawn:
        return None
    tips, words = {}, []
    with page_style(title):
        figure, axes = blank_axes(unit)
        for place, one in enumerate(drawn):
            known = [(epoch, v) for epoch, v in zip(epochs, one.values, strict=True) if v is not None]
            axes.plot(
                *zip(*known, strict=True),
                gid=f"line{place}",
                color=stand_in(one.tone),
                linestyle=DASHES[one.stroke],
                linewidth=1.8,
                dash_capstyle="butt",
                solid_capstyle="round",
                marker="o",
                markersize=4.4 if len(epochs) <= _FEW_EPOCHS else 1.8,
                markeredgewidth=0,
                clip_on=False,
            )
            tips[f"line{place}"] = [f"{one.name}, epoch {epoch}: {number_text(value)}{unit}" for epoch, value in known]
            words.append(f"{one.name} from {number_text(known[0][1])}{unit} to {number_text(known[-1][1])}{unit}")
        scale_height(axes, [value for one in drawn for value in one.values if value is not None])
        _scale_epochs(axes, epochs, margin=0.04 * (epochs[-1] - epochs[0]) or 0.5)
        if mark is not None and epochs[0] < mark[0] <= epochs[-1]:
            _draw_mark(axes, mark[0] - 0.5, mark[1])
        svg = inline_svg(figure, f"{title}. " + "; ".join(words), tips)
    return Chart(title, [Key(one.name, one.tone, one.stroke) for one in drawn], svg)


def stacked_bars(title: str, epochs: Sequence[int], series: Sequence[Series], *, unit: str) -> Chart | None:
    """One bar an epoch, made of the series from bottom to top; None where no series has a value.

    Args:
        title: what is shown; charts on one page need different ones.
        epochs: ascending epoch numbers, one for each value of every series.
        series: the parts of a bar; a missing value is none.
        unit: added to the axis labels, such as " s".
    """
    drawn = [one for one in series if any(one.values)]
    if not drawn:
        return None
    width = min(0.7, 0.08 * len(epochs))
    tips = {}
    with page_style(title):
        figure, axes = blank_axes(unit)
        totals = [0.0] * len(epochs)
        for place, one in enumerate(drawn):
            values = [value or 0.0 for value in one.values]
            bars = axes.bar(epochs, values, width, bottom=totals, color=stand_in(one.tone), clip_on=False)
            totals = [total + value for total, value in zip(totals, values, strict=True)]
            for epoch, value, bar in zip(epochs, values, bars, strict=True):
                bar.set_gid(f"bar{place} {epoch}")
                tips[f"bar{place} {epoch}"] = [f"{one.name}, epoch {epoch}: {number_text(value)}{unit}"]
        scale_height(axes, totals)
        _scale_epochs(axes, epochs, margin=0.5)
        words = [f"{one.name} {number_text(one.values[-1] or 0.0)}{unit} last" for one in drawn]
        svg = inline_svg(figure, f"{title}. " + "; ".join(words), tips)
    return Chart(title, [Key(one.name, one.tone, "bar") for one in drawn], svg)


def _scale_epochs(axes: Axes, epochs: Sequence[int], margin: float) -> None:
    axes.set_xlim(epochs[0] - margin, epochs[-1] + margin)
    label_whole_numbers(axes, "epoch")


def _draw_mark(axes: Axes, x: float, word: str) -> None:
    """A vertical line with a word above it, where no data is."""
    axes.axvline(x, color=stand_in(INK), linewidth=1, linestyle=(0, (2, 3)), clip_on=False)
    axes.annotate(
        word,
        (x, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        horizontalalignment="center",
        color=stand_in(INK),
    )
