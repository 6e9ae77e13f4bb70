"""Reading the lines of a run's metrics file, where every key but the epoch may be missing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

Lines = Sequence[Mapping[str, Any]]
"""One dict per epoch, in order. Every key but `epoch` may be missing."""


def one_line_per_epoch(lines: Lines) -> list[Mapping[str, Any]]:
    """The last line of every epoch, by epoch; lines without a whole epoch number are left out."""
    last = {line["epoch"]: line for line in lines if isinstance(line.get("epoch"), int)}
    return [last[epoch] for epoch in sorted(last)]


def number(value: object) -> float | None:
    """A finite number as float; anything else as None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def find(line: Mapping[str, Any], *keys: str) -> object:
    """The value under nested keys; None where one is missing."""
    value: object = line
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def score_rows(*scores: Mapping[str, Any] | None) -> dict[str, str]:
    """The rows that any of these scores have (directions, modes of a protocol) and how a sentence names them."""
    rows = dict.fromkeys(str(name) for found in scores if isinstance(found, Mapping) for name in found)
    return {name: name.replace("->", " to ") for name in rows}


def edited_by_hand(lines: Lines) -> str | None:
    """Which epochs trained on labels that a person had changed, as a sentence; None if none did.

    Args:
        lines: one line per epoch, by epoch.
    """
    edited = [line for line in lines if line.get("edited") is True]
    if not edited:
        return None
    epochs = [int(line["epoch"]) for line in edited]
    files = {str(line.get("labels")) for line in edited if line.get("labels")}
    named = f" ({files.pop()})" if len(files) == 1 else ""
    return f"{'Epoch' if len(epochs) == 1 else 'Epochs'} {_spans(epochs)} used labels that were edited by hand{named}."


def _spans(numbers: Sequence[int]) -> str:
    """Ascending whole numbers as text, three and more neighbours joined: "2, 4 to 9"."""
    spans: list[str] = []
    for _, group in itertools.groupby(enumerate(numbers), key=lambda entry: entry[1] - entry[0]):
        span = [value for _, value in group]
        spans += map(str, span) if len(span) < 3 else [f"{span[0]} to {span[-1]}"]
    return ", ".join(spans)
