"""Matplotlib figures as SVG that stands inside a page and follows its colours, in light, in dark and on paper.

Matplotlib knows no CSS variables, so a figure is drawn in stand-in colours, one for each colour of the style sheet, and
the exported SVG gets the variables in their place.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final
from xml.etree import ElementTree

import matplotlib.style
from markupsafe import Markup
from matplotlib.figure import Figure

from usvireid.quality.rendering import drawable

INK: Final = "ink"
"""The colour of the text around the chart."""

GRID: Final = "grid"
TONES: Final = ("visible", "infrared", "shared", *(f"tone{i}" for i in range(8)))
"""The colours of what is shown. As GRID they are variables of the style sheet, named with two dashes before."""

_CSS: Final = {INK: "currentColor", **{name: f"var(--{name})" for name in (GRID, *TONES)}}
_STAND_INS: Final = {name: f"#fe01{place:02x}" for place, name in enumerate(_CSS)}
_CSS_OF_STAND_IN: Final = {_STAND_INS[name]: css for name, css in _CSS.items()}

_TEXT_SIZE: Final = 10.5
"""Of every text in a figure, in its own units."""

_NO_METADATA: Final = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def stand_in(name: str) -> str:
    """The colour to draw in for INK, GRID or one of TONES."""
    return _STAND_INS[name]


def page_style(salt: str) -> AbstractContextManager[None]:
    """Matplotlib's defaults, whatever the user's own settings are, with what inline SVG needs.

    A figure must be made and exported inside of it: there is no other way to say this to matplotlib. Its own settings
    are as before afterwards.

    Args:
        salt: makes the ids in the SVG differ from those of figures with another salt, and equal from run to run.
    """
    return matplotlib.style.context(
        [
            "default",
            {
                "svg.fonttype": "none",
                "svg.hashsalt": salt,
                "font.size": _TEXT_SIZE,
                "text.parse_math": False,
                "axes.autolimit_mode": "round_numbers",
                "axes.ymargin": 0,
            },
        ]
    )


def inline_svg(figure: Figure, summary: str, tips: Mapping[str, Sequence[str]]) -> Markup:
    """A figure as an `svg` element: no header, no metadata, no style sheet of its own, no ids but those it refers to.

    Args:
        figure: drawn in stand-in colours; what it shows must not be clipped (`clip_on=False`).
        summary: what it shows in words, for readers who do not see it.
        tips: by the `gid` of an artist, a text to show on hovering for each of its markers, or for it if it has none.

    Returns:
        Markup in which every text is escaped.
    """
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata=_NO_METADATA)
    root = ElementTree.fromstring(file.getvalue())
    for element in root.iter():
        _simplify(element)
    for group in root.iter("g"):
        texts = tips.get(group.attrib.pop("id", ""))
        if texts is not None:
            for mark, text in zip(list(group.iter("use")) or [group], texts, strict=True):
                ElementTree.SubElement(mark, "title").text = drawable(text)
    for defs in root.findall("defs"):
        # A rule for every element, which would hold for the whole page.
        for style in defs.findall("style"):
            defs.remove(style)
    root.attrib = {
        "class": "plot",
        "viewBox": root.attrib["viewBox"],
        "font-size": str(_TEXT_SIZE),
        "role": "img",
        "aria-label": drawable(summary),
    }
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _simplify(element: ElementTree.Element) -> None:
    """Take off namespaces, which HTML needs none of, blanks between tags, fixed fonts and stand-in colours."""
    element.tag = _without_namespace(element.tag)
    element.attrib = {_without_namespace(name): value for name, value in element.attrib.items()}
    element.text = (element.text or "").strip() or None
    element.tail = None
    if "style" in element.attrib:
        rules = [rule.partition(": ") for rule in element.attrib["style"].split("; ")]
        element.attrib["style"] = ";".join(
            f"{name}:{_CSS_OF_STAND_IN.get(value, value)}" for name, _, value in rules if not name.startswith("font")
        )


def _without_namespace(name: str) -> str:
    return name.rpartition("}")[2]
