"""A data report as tables in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from usvireid.data.check import Count, DataReport, Spread
from usvireid.display import fitting

_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}
_MOST_ROWS = 20


def render(report: DataReport, console: Console) -> None:
    """Print a data report: what there is, then what was found, the serious first."""
    console.print(Text(f"{report.source}: {report.crops} crops", style="bold"))
    console.print(fitting(_modalities(report), console))
    for title, counts in (("camera", report.cameras), ("split", report.splits)):
        if counts:
            console.print(_counts(title, counts))
    if report.identities:
        both = sum(1 for count in report.identities if count.value and count.visible and count.infrared)
        known = sum(1 for count in report.identities if count.value)
        console.print(f"{known} identities, {both} of them in both modalities", highlight=False)
    for finding in report.findings:
        line = Text(f"{finding.severity}: ", style=_STYLES[finding.severity])
        console.print(line.append(finding.message, style="default"), soft_wrap=True)
    console.print(Text(_verdict(report), style="green" if report.ok else "bold red"))


def _modalities(report: DataReport) -> Table:
    table = Table("modality", caption="sizes in pixels: smallest / median / largest")
    for column in ("crops", "unreadable", "cameras", "tracks", "identities", "width", "height", "height/width"):
        table.add_column(column, justify="right")
    for counts in report.modalities:
        told = (counts.cameras, counts.tracks, counts.identities)
        table.add_row(
            counts.modality,
            str(counts.crops),
            str(counts.unreadable),
            *(str(number) if number else "-" for number in told),
            _spread(counts.width, 0),
            _spread(counts.height, 0),
            _spread(counts.aspect, 2),
        )
    return table


def _spread(spread: Spread | None, digits: int) -> str:
    if spread is None:
        return "-"
    low, median, high = (f"{value:.{digits}f}" for value in (spread.low, spread.median, spread.high))
    return low if low == high else f"{low} / {median} / {high}"


def _counts(title: str, counts: Sequence[Count]) -> Table:
    table = Table(title)
    for column in ("visible", "infrared"):
        table.add_column(column, justify="right")
    for count in counts[:_MOST_ROWS]:
        table.add_row(Text(count.value or "(none)"), str(count.visible), str(count.infrared))
    if len(counts) > _MOST_ROWS:
        table.add_row(f"{len(counts) - _MOST_ROWS} more", "", "")
    return table


def _verdict(report: DataReport) -> str:
    number = {severity: sum(finding.severity == severity for finding in report.findings) for severity in _STYLES}
    if report.ok and not number["warning"]:
        return "nothing wrong was found"
    counted = [f"{number[kind]} {kind}{'s' * (number[kind] != 1)}" for kind in ("error", "warning") if number[kind]]
    return ", ".join(counted) + ("" if report.ok else "; correct the errors before training")
