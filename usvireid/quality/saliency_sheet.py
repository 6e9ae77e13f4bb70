"""A sheet of crops as a PNG: each with where the encoder looks, and with MPFR's masks where there are some."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from usvireid.names import MODALITIES

_DPI = 110
_PICTURE_HEIGHT = 2.3
_GAP = 0.07
_BETWEEN = 0.45
_BELOW = 0.25
_TEXT_HEIGHT = 0.6
_TOP = 0.42
_FOOT = 0.55
_LEFT = 0.15
"""Inches."""
_ROW = _TEXT_HEIGHT + _PICTURE_HEIGHT + _BELOW

_CHARACTERS_PER_INCH = 12.5
"""Of the small text over a crop."""
_MAP_COLOURS = "turbo"
_MOST_COVER = 0.7
_MASK_COLOURS = "viridis"


@dataclass(frozen=True)
class Panel:
    """One crop on the sheet.

    Attributes:
        image: uint8 H x W x 3.
        path: of the crop.
        facts: a line about it.
        saliency: float h x w, 0 or more.
        masks: float m x h x w in [0, 1]; none where m is 0.
    """

    image: np.ndarray
    path: str
    facts: str
    saliency: np.ndarray
    masks: np.ndarray


Row = tuple[Panel | None, Panel | None]
"""A visible crop and an infrared one, side by side; either may be missing."""


def draw_sheet(rows: Sequence[Row], title: str, note: str, mask_names: Sequence[str]) -> bytes:
    """The sheet as a PNG file.

    Args:
        rows: at least one, each with at least one crop.
        title: over everything.
        note: under everything.
        mask_names: what to call the masks of every crop.
    """
    pictures = 2 + len(mask_names)
    first = next(panel for row in rows for panel in row if panel is not None)
    wide = _PICTURE_HEIGHT * first.image.shape[1] / first.image.shape[0]
    block = pictures * wide + (pictures - 1) * _GAP
    shown = [side for side in range(len(MODALITIES)) if any(row[side] is not None for row in rows)]
    width = max(2 * _LEFT + len(shown) * block + (len(shown) - 1) * _BETWEEN, 6.0)
    height = _TOP + len(rows) * _ROW - _BELOW + _FOOT
    # The user's own settings of matplotlib are left out; a path may hold a dollar sign, or letters the font has not.
    with matplotlib.style.context(["default", {"text.parse_math": False}]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
        figure.text(_LEFT / width, 1 - 0.24 / height, title, fontsize=11, weight="bold", va="center")
        figure.text(_LEFT / width, 0.2 / height, note, fontsize=7.5, color="#555555", va="center")
        for number, row in enumerate(rows):
            top = height - _TOP - number * _ROW
            for place, side in enumerate(shown):
                left = _LEFT + place * (block + _BETWEEN)
                panel = row[side]
                if panel is not None:
                    _draw(figure, panel, (left, top), wide, mask_names)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _draw(figure: Figure, panel: Panel, corner: tuple[float, float], wide: float, mask_names: Sequence[str]) -> None:
    """One crop with its maps, its upper left corner where it is told, in inches from the lower left of the sheet."""
    width, height = figure.get_size_inches()
    left, top = corner
    bottom = top - _TEXT_HEIGHT - _PICTURE_HEIGHT
    pictures = 2 + len(panel.masks)
    room = int((pictures * wide + (pictures - 1) * _GAP) * _CHARACTERS_PER_INCH)
    figure.text(left / width, (top - 0.16) / height, _shortened(panel.path, room), weight="bold", fontsize=7.5)
    figure.text(left / width, (top - 0.31) / height, panel.facts, color="#333333", fontsize=7.5)
    names = ["crop", "what counts", *mask_names]
    for place, name in enumerate(names):
        x = left + place * (wide + _GAP)
        axes = figure.add_axes((x / width, bottom / height, wide / width, _PICTURE_HEIGHT / height))
        axes.set_axis_off()
        range_of_values = _fill(axes, panel, place)
        figure.text(x / width, (bottom - 0.13) / height, range_of_values, fontsize=6.5, color="#555555")
        figure.text(x / width, (top - 0.5) / height, name, fontsize=6.5, color="#555555")


def _fill(axes: Axes, panel: Panel, place: int) -> str:
    """Draw one picture of a crop; returns what to say under it."""
    if place == 0:
        axes.imshow(panel.image)
    elif place == 1:
        axes.imshow(overlaid(panel.image, panel.saliency))
    else:
        mask = panel.masks[place - 2]
        axes.imshow(_resized(mask, panel.image.shape), cmap=_MASK_COLOURS, vmin=mask.min(), vmax=mask.max())
        return f"{mask.min():.2f} to {mask.max():.2f}"
    return ""


def overlaid(image: np.ndarray, saliency: np.ndarray) -> np.ndarray:
    """A crop in grey with a map over it: plain where nothing counts, blue where little does, red where most does.

    Args:
        image: uint8 H x W x 3.
        saliency: float h x w, 0 or more; its largest value becomes red.

    Returns:
        float H x W x 3 in [0, 1].
    """
    grey = image.mean(axis=2, keepdims=True).repeat(3, axis=2) / 255
    most = saliency.max()
    if not most > 0:
        return np.asarray(grey)
    share = np.clip(_resized(saliency / most, image.shape), 0, 1)
    colours = matplotlib.colormaps[_MAP_COLOURS](share)[..., :3]
    cover = _MOST_COVER * np.sqrt(share)[..., None]
    return np.asarray((1 - cover) * grey + cover * colours)


def _resized(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A small map at the size of an image, bilinear."""
    picture = Image.fromarray(values.astype(np.float32))
    return np.asarray(picture.resize((shape[1], shape[0]), Image.Resampling.BILINEAR))


def _shortened(text: str, room: int) -> str:
    return text if len(text) <= room else "…" + text[len(text) - room + 1 :]
