import io

import pytest
from rich.console import Console
from rich.table import Table

from usvireid.display import Display, fitting
from usvireid.evaluation.results import Evaluation, Retrieval


def wide() -> Table:
    table = Table("query", title="scores", caption="in percent")
    for number in range(12):
        table.add_column(f"Rank-{number}", no_wrap=True)
    for name in ("one", "two"):
        table.add_row(name, *(f"{number}.0" for number in range(12)))
    return table


def printed(table: Table, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO())
    console.print(fitting(table, console))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 80])
def test_a_table_that_is_too_wide_is_turned(width: int) -> None:
    lines = printed(wide(), width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert all(f"{number}.0" in text and f"Rank-{number}" in text for number in range(12))
    assert "scores" in text and "in percent" in text and "…" not in text


def test_a_table_too_wide_either_way_has_a_line_per_cell() -> None:
    table = Table("", *(f"heading {number}" for number in range(9)))
    for row in range(9):
        table.add_row(f"row {row}", *(f"{row}.{number}" for number in range(9)))
    lines = [line.strip(" │") for line in printed(table, 40)]
    assert "…" not in "".join(lines)
    at = next(place for place, line in enumerate(lines) if line.startswith("row 4"))
    assert lines[at + 2].split() == ["heading", "1", "│", "4.1"]


def test_a_table_that_fits_stays_as_it_is() -> None:
    console = Console(width=200, file=io.StringIO())
    table = wide()
    assert fitting(table, console) is table


def test_scores_on_a_narrow_terminal() -> None:
    found = Retrieval({1: 0.5, 5: 0.6, 10: 0.7, 20: 0.8}, 0.4, 0.3, queries=1234, skipped_queries=0, gallery=56789)
    text = "\n".join(printed(Evaluation({"infrared->visible": found, "visible->infrared": found}).table(), 40))
    assert "…" not in text
    assert all(part in text for part in ("Rank-20", "50.0", "30.0", "1,234", "56,789"))


def test_a_warning_is_given_once() -> None:
    display = Display(Console(file=io.StringIO()))
    for text in ("a", "b", "a"):
        display.warn_once(text)
    assert isinstance(display.console.file, io.StringIO)
    assert display.console.file.getvalue().splitlines() == ["warning: a", "warning: b"]
