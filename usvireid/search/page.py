"""The result of a search as one HTML file that opens anywhere, offline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

import usvireid
from usvireid import names
from usvireid.quality.axes import Chart
from usvireid.search.index import Index
from usvireid.search.reliability import Bin
from usvireid.search.search import Found, Match
from usvireid.search.thresholds import Refusal
from usvireid.search.thumbnails import data_uri
from usvireid.search.words import chance_text, span_text

_CROPS: Final = 6
"""Of a tracklet and of the query that are shown."""


@dataclass(frozen=True)
class Row:
    """A tracklet as the page shows it."""

    match: Match
    chance: str
    when: str
    pictures: tuple[tuple[str, str], ...]
    """Data URI and path of the crops most alike the query."""


def search_page(found: Found, index: Index) -> bytes:
    """The page, UTF-8."""
    environment = Environment(
        loader=PackageLoader("usvireid.search"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("search.html.j2").render(
        found=found,
        index=index.folder.resolve().name,
        facts=index.facts,
        pictures=[data_uri(jpeg) for jpeg in found.query.pictures[:_CROPS]],
        hidden=max(len(found.query.pictures) - _CROPS, 0),
        rows=[_row(match, index) for match in found.matches],
        refused=found.threshold.sentence() if isinstance(found.threshold, Refusal) else None,
        charts=_charts(index, found.query.modality),
        written=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        version=usvireid.__version__,
    )
    return page.encode("utf-8")


def bins_of(facts: Mapping[str, Any]) -> dict[str, list[Bin]]:
    """The reliability that stands in the facts of an index, by modality."""
    return {
        modality: [Bin(**one) for one in facts["reliability"][modality]]
        for modality in names.MODALITIES
        if facts.get("reliability", {}).get(modality)
    }


def _row(match: Match, index: Index) -> Row:
    pictures = zip(match.rows[:_CROPS], match.crops[:_CROPS], strict=True)
    return Row(
        match=match,
        chance=chance_text(match.chance),
        when=span_text(match),
        pictures=tuple((data_uri(index.thumbnails.read(row)), path) for row, path in pictures),
    )


def _charts(index: Index, modality: str) -> list[Chart]:
    if index.calibration is None:
        return []
    # Matplotlib takes half a second to import, which only those who want a page should wait for.
    from usvireid.search.charts import chance_chart, reliability_chart

    checked = reliability_chart(bins_of(index.facts))
    return [chart for chart in (chance_chart(index.calibration, modality), checked) if chart is not None]
