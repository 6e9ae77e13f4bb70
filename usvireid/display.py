"""What a person sees while a command works: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from usvireid.printable import shown_lines

_ANY_WIDTH = 10_000
_PLAIN_EVERY = 15.0
"""Seconds between plain progress lines of one task."""


class _RateColumn(ProgressColumn):
    """Steps a second."""

    def render(self, task: Task) -> Text:
        """The rate so far, or a dash."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", style="progress.data.speed")


class Display:
    """The terminal of one command: `console` for progress on standard error, `output` for results that may be piped."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self.output = Console(highlight=False)
        self._warned: set[str] = set()

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.print(shown_lines(text), markup=False)

    def result(self, table: Table) -> None:
        """A table that the command was called for."""
        self.output.print(fitting(table, self.output))

    def table(self, table: Table) -> None:
        """A table beside the progress."""
        self.console.print(fitting(table, self.console), soft_wrap=False)

    def warn(self, text: str) -> None:
        """A line that stays and stands out."""
        self.console.print(Text(f"warning: {shown_lines(text)}", style="yellow"))

    def warn_once(self, text: str) -> None:
        """A warning that is not repeated, however often the same is noticed."""
        if text not in self._warned:
            self._warned.add(text)
            self.warn(text)

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show the progress of some work; call what is given with the number of steps just done."""
        if self.console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                _RateColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
            )
            with Progress(*columns, console=self.console, transient=True) as progress:
                number = progress.add_task(title, total=total)
                yield lambda steps: progress.advance(number, steps)
        else:
            yield _PlainTask(self, title, total).advance

    @contextmanager
    def counted(self, title: str) -> Iterator[Callable[[int, int], None]]:
        """Like `task`, for work that tells (steps done, steps in all) and knows the latter only when it begins."""
        with contextlib.ExitStack() as stack:
            advance: Callable[[int], None] | None = None
            before = 0

            def progress(done: int, total: int) -> None:
                nonlocal advance, before
                if advance is None:
                    advance = stack.enter_context(self.task(title, total))
                advance(done - before)
                before = done

            yield progress


def fitting(table: Table, console: Console) -> Table:
    """A table as it is; where that is too wide for the console with rows for columns, or else a line per cell."""
    forms = (table, _turned(table), _stacked(table))
    options = console.options.update(max_width=_ANY_WIDTH)
    widths = [Measurement.get(console, options, form).maximum for form in forms]
    return next((form for form, width in zip(forms, widths, strict=True) if width <= console.width), forms[2])


def _turned(table: Table) -> Table:
    turned = _like(table)
    turned.add_column(table.columns[0].header)
    for row in _rows(table):
        turned.add_column(row[0], justify="right")
    for place, column in enumerate(table.columns[1:], start=1):
        turned.add_row(column.header, *(row[place] for row in _rows(table)))
    return turned


def _stacked(table: Table) -> Table:
    stacked = _like(table)
    stacked.show_header = False
    stacked.add_column()
    stacked.add_column(justify="right")
    for row in _rows(table):
        stacked.add_row(row[0], "")
        for column, cell in zip(table.columns[1:], row[1:], strict=True):
            stacked.add_row(Padding(column.header, (0, 0, 0, 2)), cell)
    return stacked


def _like(table: Table) -> Table:
    return Table(title=table.title, title_justify=table.title_justify, caption=table.caption, box=table.box)


def _rows(table: Table) -> list[tuple[RenderableType, ...]]:
    return list(zip(*(column.cells for column in table.columns), strict=True))


class _PlainTask:
    """Progress as a line now and then, for logs."""

    def __init__(self, display: Display, title: str, total: int) -> None:
        self._display, self._title, self._total = display, title, total
        self._done = 0
        self._start = self._last = time.monotonic()

    def advance(self, steps: int) -> None:
        self._done += steps
        now = time.monotonic()
        if now - self._last < _PLAIN_EVERY or self._done >= self._total:
            return
        self._last = now
        rate = self._done / (now - self._start)
        left = (self._total - self._done) / rate if rate else float("inf")
        self._display.say(f"{self._title}: {self._done}/{self._total}, {rate:,.0f}/s, {left:.0f} s left")
