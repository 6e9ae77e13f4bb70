"""A data report as tables in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from usvireid.data.check import Count, DataReport, Spread
from usvireid.data.published import TITLES

_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}
_MOST_ROWS = 20


def render(report: DataReport, console: Console) -> None:
    """Print a data report: what there is, then what was found, the serious first."""
    kind = f"{TITLES[report.layout]}, " if report.layout in TITLES else ""
    console.print(Text(f"{report.source}: {kind}{report.crops:,} crops", style="bold"), soft_wrap=True)
    console.print(_modalities(report))
    for title, counts in (("camera", report.cameras), ("split", report.splits)):
        if counts:
            console.print(_counts(title, counts))
    if report.published:
        console.print(_published(report))
    if report.identities:
        both = sum(1 for count in report.identities if count.value and count.visible and count.infrared)
        known = sum(1 for count in report.identities if count.value)
        console.print(f"{known:,} identities, {both:,} of them in both modalities", highlight=False)
    advice = report.suggestion
    console.print(
        f"settings that suit: neighbors.k1 {advice.k1}, neighbors.k2 {advice.k2}, clustering.eps {advice.eps}; "
        f"{advice.reason}",
        highlight=False,
        soft_wrap=True,
    )
    for finding in report.findings:
        line = Text(f"{finding.severity}: ", style=_STYLES[finding.severity])
        console.print(line.append(finding.message, style="default"), soft_wrap=True)
    console.print(Text(_verdict(report), style="green" if report.ok else "bold red"))


def _modalities(report: DataReport) -> Table:
    """A row per fact, so that it fits a narrow terminal."""
    table = Table("modality", caption="sizes: smallest / median / largest")
    for counts in report.modalities:
        table.add_column(counts.modality, justify="right")
    for fact in ("crops", "unreadable", "cameras", "tracks", "identities"):
        numbers = [getattr(counts, fact) for counts in report.modalities]
        told = fact in ("crops", "unreadable")
        table.add_row(fact, *(f"{number:,}" if number or told else "-" for number in numbers))
    table.add_row("width, pixels", *(_spread(counts.width, 0) for counts in report.modalities))
    table.add_row("height, pixels", *(_spread(counts.height, 0) for counts in report.modalities))
    table.add_row("height / width", *(_spread(counts.aspect, 2) for counts in report.modalities))
    return table


def _published(report: DataReport) -> Table:
    table = Table(TITLES[report.layout])
    for column in ("found", "published", "difference"):
        table.add_column(column, justify="right")
    before = report.published[0].part
    for line in report.published:
        if line.part != before:
            table.add_section()
            before = line.part
        published = "-" if line.published is None else f"{line.published:,}"
        off = "" if line.ok or line.published is None else f"{line.found - line.published:+,}"
        table.add_row(f"{line.part} {line.what}", f"{line.found:,}", published, Text(off, style="bold red"))
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
        table.add_row(Text(count.value or "(none)"), f"{count.visible:,}", f"{count.infrared:,}")
    if len(counts) > _MOST_ROWS:
        table.add_row(f"{len(counts) - _MOST_ROWS} more", "", "")
    return table


def _verdict(report: DataReport) -> str:
    number = {severity: sum(finding.severity == severity for finding in report.findings) for severity in _STYLES}
    if report.ok and not number["warning"]:
        return "nothing wrong was found"
    counted = [f"{number[kind]} {kind}{'s' * (number[kind] != 1)}" for kind in ("error", "warning") if number[kind]]
    return ", ".join(counted) + ("" if report.ok else "; correct the errors before training")
