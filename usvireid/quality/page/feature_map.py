"""A map of the features: crops that the encoder finds alike lie near each other.

Drawn by matplotlib like every other chart, as SVG in the colours of the page; `templates/map.js` only recolours its
points and shows the crop under the pointer or under the keyboard's mark. Bokeh (3.9) was tried for it: its points are
pixels of a canvas that no keyboard reaches and no printer sharpens, its tool buttons have neither role nor name, it
does not follow the page between light and dark, and it adds 1.4 MB to every report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.matching.labels import PseudoLabels
from usvireid.printable import shown
from usvireid.quality.page.sample import Sample, codes_in
from usvireid.quality.svg import inline_svg, page_style, stand_in

_SIZE = (560 / 72, 380 / 72)
_MARGIN = 0.02
_MARKERS = {names.VISIBLE: ("o", 4.2), names.INFRARED: ("^", 4.6)}
_FEWEST = 5
_FEWEST_FOR_TSNE = 30
_PERPLEXITY = 30
_ALIKE = 1e-5
"""Spread of unit features below which they are all the same."""


@dataclass(frozen=True)
class FeatureMap:
    """The drawing, and what the page's script knows of its points.

    Attributes:
        svg: a `use` element for each crop, visible ones first.
        data: `row`, `infrared`, `camera` (a place in `cameras`, -1 for none) and `identity` of each point in that
            order, and `cameras`, their names.
        method: how the plane was found, in words.
        crops: how many points there are.
    """

    svg: Markup
    data: Mapping[str, Any]
    method: str
    crops: int


def feature_map(sample: Sample, crops: Crops, labels: PseudoLabels, seed: int) -> FeatureMap | None:
    """The map of a sample; None where it has too few crops for a map to say anything."""
    if len(sample) < _FEWEST:
        return None
    identity, infrared = codes_in(labels, sample.rows)
    order = np.argsort(infrared, kind="stable")
    places, method = project(sample.features.values[order], seed)
    rows = sample.rows[order]
    camera = crops.codes(names.CAMERA)[rows]
    cameras = sorted(set(crops.table[names.CAMERA].dropna()))
    data = {
        "row": rows.tolist(),
        "infrared": infrared[order].astype(int).tolist(),
        "camera": camera.tolist(),
        "identity": identity[order].tolist(),
        "cameras": [shown(str(name)) for name in cameras],
    }
    return FeatureMap(_draw(places, infrared[order]), data, method, len(sample))


def project(values: np.ndarray, seed: int) -> tuple[np.ndarray, str]:
    """Places in a plane for unit rows.

    Args:
        values: float32, S x D, S at least 2.
        seed: of t-SNE, which begins with the two principal directions.

    Returns:
        float64, S x 2, and the name of the method.
    """
    centred = (values - values.mean(axis=0)).astype(np.float64)
    directions = np.linalg.svd(centred, full_matrices=False)[2][:2]
    plane = centred @ directions.T
    plane = np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))
    spread = plane.std(axis=0).max()
    if len(values) < _FEWEST_FOR_TSNE or spread < _ALIKE:
        return plane, "the two principal directions"
    # A second and a half of imports, only for reports that have a map.
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    # The start is ours, and never exactly the same for two crops: scikit-learn's own divides by the spread of the
    # features, and its tree ends the whole process where that makes places that are no numbers.
    start = 1e-4 * plane / spread + np.random.default_rng(seed).normal(scale=1e-6, size=plane.shape)
    perplexity = min(_PERPLEXITY, (len(values) - 1) / 3)
    # One thread: its short steps gain little from more, lose much where others are at work too, and end the same.
    with threadpool_limits(1):
        found = TSNE(perplexity=perplexity, init=start.astype(np.float32), random_state=seed).fit_transform(values)
    return np.asarray(found, dtype=np.float64), "t-SNE"


def _draw(places: np.ndarray, infrared: np.ndarray) -> Markup:
    with page_style("map"):
        figure = Figure(figsize=_SIZE)
        axes = figure.add_axes((0, 0, 1, 1))
        figure.patch.set_visible(False)
        axes.set_axis_off()
        for modality, side in ((names.VISIBLE, ~infrared), (names.INFRARED, infrared)):
            shape, size = _MARKERS[modality]
            axes.plot(
                *places[side].T,
                shape,
                color=stand_in(modality),
                markersize=size,
                markeredgewidth=0,
                alpha=0.85,
                clip_on=False,
            )
        _fit(axes, places)
        words = f"{int((~infrared).sum())} visible crops as dots, {int(infrared.sum())} infrared ones as triangles"
        return inline_svg(figure, f"Map of the features: {words}", {})


def _fit(axes: Axes, places: np.ndarray) -> None:
    low, high = places.min(axis=0), places.max(axis=0)
    margin = np.maximum(_MARGIN * (high - low), 1e-6)
    axes.set_xlim(low[0] - margin[0], high[0] + margin[0])
    axes.set_ylim(low[1] - margin[1], high[1] + margin[1])
