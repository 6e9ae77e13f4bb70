"""The drawings of a search's page: is the chance right where that can be known, and which score has which chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from usvireid import names
from usvireid.quality.axes import DASHES, Chart, Key, Stroke, blank_axes
from usvireid.quality.svg import INK, inline_svg, page_style, stand_in
from usvireid.search.calibration import Calibration, kind_name
from usvireid.search.reliability import Bin


def reliability_chart(found: Mapping[str, Sequence[Bin]]) -> Chart | None:
    """What was said against what is so, of the pairs that are known; None without any.

    Args:
        found: bins by modality, as of `usvireid.search.reliability`.
    """
    if not any(found.values()):
        return None
    title = "Is the chance right?"
    tips, words = {}, []
    with page_style(title):
        figure, axes = _axes("chance that was said", "were the same person")
        axes.plot([0, 1], [0, 1], color=stand_in(INK), linewidth=1, linestyle=(0, (2, 3)))
        for place, (modality, bins) in enumerate(found.items()):
            axes.plot(
                [one.chance for one in bins],
                [one.share for one in bins],
                gid=f"line{place}",
                color=stand_in(modality),
                linestyle=DASHES["solid" if place == 0 else "dashed"],
                linewidth=1.6,
                marker="o",
                markersize=5,
                markeredgewidth=0,
                clip_on=False,
            )
            for one in bins:
                axes.plot([one.chance] * 2, [one.low, one.high], color=stand_in(modality), linewidth=1, clip_on=False)
            tips[f"line{place}"] = [
                f"{modality}: said {one.chance:.0%}, so in {one.share:.0%}, between {one.low:.0%} and {one.high:.0%} "
                f"({one.same} known to be one person, {one.different} to be two)"
                for one in bins
            ]
            words.append(f"{modality}: " + ", ".join(f"{one.chance:.0%} said, {one.share:.0%} so" for one in bins))
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(PercentFormatter(1, 0))
        svg = inline_svg(figure, f"{title} {'; '.join(words)}", tips)
    strokes: tuple[Stroke, ...] = ("solid", "dashed")
    return Chart(title, [Key(name, name, stroke) for name, stroke in zip(found, strokes, strict=False)], svg)


def chance_chart(calibration: Calibration, query: str) -> Chart | None:
    """The chance by standard score, of the tracklets of either modality for a query of one; None without a curve.

    Args:
        calibration: the curves.
        query: modality of the query.
    """
    title = "Which score has which chance?"
    modalities = [name for name in names.MODALITIES if kind_name(query, name) in calibration.curves]
    ends = [calibration.curves[kind_name(query, name)].score for name in modalities]
    if not modalities:
        return None
    scores = np.linspace(0, max(5.0, min(7.0, max(end[-1] for end in ends))), 101)
    keys, words = [], []
    with page_style(title):
        figure, axes = _axes("standard score", "chance")
        for place, modality in enumerate(modalities):
            stroke: Stroke = "solid" if place == 0 else "dashed"
            chance = calibration.curves[kind_name(query, modality)](scores)
            axes.plot(scores, chance, color=stand_in(modality), linestyle=DASHES[stroke], linewidth=1.8, clip_on=False)
            keys.append(Key(f"{query} query, {modality} tracklets", modality, stroke))
            half = next((f"{score:.1f}" for score, value in zip(scores, chance, strict=True) if value >= 0.5), "none")
            words.append(f"{modality} tracklets: a chance of one half from a score of {half}")
        axes.set_xlim(scores[0], scores[-1])
        svg = inline_svg(figure, f"{title} {'; '.join(words)}", {})
    return Chart(title, keys, svg)


def _axes(x_label: str, y_label: str) -> tuple[Figure, Axes]:
    """Axes from 0 to 100 % upwards, grid lines behind."""
    figure, axes = blank_axes("")
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1, 0))
    axes.set_xlabel(x_label, loc="right", color=stand_in(INK), labelpad=1)
    axes.set_title(y_label, loc="left", color=stand_in(INK), fontsize=10.5, pad=4)
    return figure, axes
