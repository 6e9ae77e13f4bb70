"""Where the time of a run went, step by step: `profile.json` in its folder, for a person to open.

Nothing reads it but people, so a damaged one is begun anew without a word.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from usvireid import names
from usvireid.files import write_atomically
from usvireid.training.monitor import Monitor


class Profile:
    """The file: under `epochs` an entry per epoch, under `stages` the seconds of what comes after the last one.

    Args:
        folder: the run folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / names.PROFILE_FILE

    def add_epoch(self, entry: dict[str, Any]) -> None:
        """Set the entry of an epoch; those of that epoch and later ones (from before an interruption) go."""
        epochs, stages = self._read()
        self._write([*(old for old in epochs if old["epoch"] < entry["epoch"]), entry], stages)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Note how long a stage takes."""
        start = time.perf_counter()
        yield
        epochs, stages = self._read()
        self._write(epochs, {**stages, name: round(time.perf_counter() - start, 3)})

    def _read(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            epochs = [entry for entry in content["epochs"] if isinstance(entry["epoch"], int)]
            return epochs, dict(content["stages"])
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return [], {}

    def _write(self, epochs: list[dict[str, Any]], stages: dict[str, Any]) -> None:
        entries = ",\n".join("    " + json.dumps(entry) for entry in epochs)
        text = f'{{\n  "epochs": [\n{entries}\n  ],\n  "stages": {json.dumps(stages)}\n}}\n'
        write_atomically(self._path, text.encode())


def profile_of(epoch: int, monitor: Monitor) -> dict[str, Any]:
    """The entry of an epoch.

    `seconds` are those of the steps of the flow; `training` takes the step "train" apart, "rest" being what is outside
    of its batches; `clock` says by what that was measured, and only the CPU's adds up with "rest" to the whole.
    `background` is what the thread that prepares batches was busy with meanwhile. `waiting_share` is the share of the
    batches' time in which the device waited for data.
    """
    training = monitor.laps.seconds()
    whole, inside = monitor.seconds.get("train", 0.0), sum(training.values())
    if training:
        training["rest"] = max(0.0, whole - inside)
    return {
        "epoch": epoch,
        "seconds": _rounded(monitor.seconds),
        "training": _rounded(training),
        "clock": monitor.laps.clock,
        "background": _rounded(monitor.background),
        "images": monitor.images,
        "images_per_second": round(monitor.images / whole, 1) if whole else None,
        "waiting_share": round(training["wait"] / inside, 4) if inside and "wait" in training else None,
    }


def _rounded(seconds: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in seconds.items()}
