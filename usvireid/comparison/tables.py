"""A comparison as tables for the terminal, in 80 columns."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from usvireid.comparison.compare import Comparison
from usvireid.comparison.rows import Row
from usvireid.comparison.spread import MEASURES, shown


def results_table(comparison: Comparison) -> Table:
    """The scores: a line for each search of each row, numbered by row."""
    table = Table(
        title="Runs side by side",
        caption=comparison.caption(),
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    measures = comparison.measures()
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("run", overflow="fold")
    table.add_column("query → gallery", no_wrap=True)
    for name in measures:
        table.add_column(MEASURES[name], justify="right", no_wrap=True)
    table.add_column("runs", justify="right", no_wrap=True)
    for position, row in enumerate(comparison.rows, 1):
        lines = [(shown(search), *_cells(row, search, measures)) for search in row.scores]
        lines = lines or [("not scored", *("-" for _ in measures))]
        # A row's name has as many lines as it has searches, so that nothing is cut and little is left empty.
        count = "" if row.published else str(len(row.runs))
        for number, line in enumerate(lines):
            ends = (str(position), count) if number == 0 else ("", "")
            table.add_row(ends[0], _name(row, number, len(lines)), *(Text(cell) for cell in line), ends[1])
        table.add_section()
    return table


def differences_table(comparison: Comparison) -> Table | None:
    """The settings that differ, a column for each row of the results; None where none do."""
    if not comparison.differences:
        return None
    table = Table(title="Settings that differ", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("setting", overflow="fold")
    for position in range(1, len(next(iter(comparison.differences.values()))) + 1):
        table.add_column(f"#{position}", overflow="fold")
    for name, values in comparison.differences.items():
        table.add_row(Text(name), *(Text(setting_text(value)) for value in values))
    return table


def setting_text(value: Any) -> str:
    """A setting's value for a person."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _cells(row: Row, search: str, measures: list[str]) -> list[str]:
    found = row.scores[search]
    return [found[name].text() if name in found else "-" for name in measures]


def _name(row: Row, line: int, lines: int) -> Text:
    parts = [row.name, *([f"({row.note})"] if row.note else [])]
    if lines == 1:
        return Text("\n".join(parts))
    return Text(parts[line] if line < len(parts) else "")
