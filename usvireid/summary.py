"""The table at the end of a run: where it began, where it is, and which epoch it stands for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from usvireid import names
from usvireid.quality.lines import find, number
from usvireid.quality.selection import LAST, Selection

Metrics = Sequence[dict[str, Any]]
"""Lines of `metrics.jsonl`, in the order of the epochs."""


def summary_table(metrics: Metrics, selection: Selection | None = None) -> Table | None:
    """The untrained encoder, the first epoch, the selected one and the last beside each other.

    Args:
        metrics: the lines of the run.
        selection: the epoch that the run stands for; None leaves it out.

    Returns:
        The table; None before the first epoch.
    """
    trained = [line for line in metrics if line.get("losses") and line.get("phase")]
    if not trained:
        return None
    chosen = None if selection is None or selection.method == LAST else selection.epoch
    columns = [line for line in metrics if line["epoch"] == 0] + trained[:1]
    columns += [line for line in trained[1:-1] if line["epoch"] == chosen] + trained[1:][-1:]
    table = Table(title="The run so far", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("")
    for line in columns:
        heading = f"epoch {line['epoch']} ({line['phase']})" if line["epoch"] else "untrained"
        table.add_column(heading, justify="right")
    for title, cell in _rows(columns):
        cells = [cell(line) for line in columns]
        if any(cells):
            table.add_row(title, *(text or "-" for text in cells))
    total = sum(_seconds(line) for line in metrics)
    epochs = trained[-1]["epoch"]
    table.caption = f"{epochs} {'epoch' if epochs == 1 else 'epochs'}, {total / 60:.1f} minutes"
    if chosen is not None and selection is not None:
        table.title = f"The run so far ({selection.label})"
        table.caption += f"; {selection.sentence()}"
    return table


def _rows(lines: Metrics) -> list[tuple[str, Callable[[dict[str, Any]], str]]]:
    rows: list[tuple[str, Callable[[dict[str, Any]], str]]] = []
    for modality in names.MODALITIES:
        rows.append((f"{modality} clusters (outliers)", partial(_clusters, modality)))
    rows.append(
        ("identities seen in both", lambda line: str(line["quality"]["shared_identities"]) if _has(line) else "")
    )
    for name in dict.fromkeys(name for line in lines for name in line.get("evaluation") or {}):
        rows.append((f"Rank-1 / mAP {name.replace('->', ' → ')}", partial(_scores, name)))
    rows.append(("training images a second", partial(_figure, "images_per_second")))
    rows.append(("peak memory, MB", partial(_figure, "peak_memory_mb")))
    return rows


def _has(line: dict[str, Any]) -> bool:
    return isinstance(find(line, "quality", "shared_identities"), int)


def _seconds(line: dict[str, Any]) -> float:
    seconds = line.get("seconds")
    return sum(number(value) or 0.0 for value in seconds.values()) if isinstance(seconds, dict) else 0.0


def _clusters(modality: str, line: dict[str, Any]) -> str:
    clusters, outliers = find(line, "clusters", modality), find(line, "outliers", modality)
    return "" if clusters is None or outliers is None else f"{clusters} ({outliers})"


def _scores(direction: str, line: dict[str, Any]) -> str:
    rank1, mean = (number(find(line, "evaluation", direction, score)) for score in ("rank1", "mAP"))
    return "" if rank1 is None or mean is None else f"{100 * rank1:.1f} / {100 * mean:.1f} %"


def _figure(key: str, line: dict[str, Any]) -> str:
    value = number(line.get(key))
    return "" if value is None else f"{value:,.0f}"
