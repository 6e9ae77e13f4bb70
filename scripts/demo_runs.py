"""Small runs on drawn people, which tables of `docs/results.md` are made of: settings, runs, means over seeds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from usvireid.data.sources.demo.generate import write_demo
from usvireid.display import Display
from usvireid.quality.lines import find, number
from usvireid.run import Run, begin
from usvireid.workflow import Workflow

PEOPLE = 100
TEST_SHARE = 0.4

SETTINGS = [
    "data.height=64", "data.width=32", "encoder.name=resnet18", "encoder.width=16", "encoder.sees=edges",
    "encoder.gradients=0.5", "neighbors.k1=10", "neighbors.k2=3",
    "clustering.min_samples=3", "matching.gradients=0.9", "constraints.tracks=false", "training.epochs=16",
    "training.intra_epochs=2", "training.steps=80", "training.keep_checkpoints=5", "sampling.identities=8",
    "sampling.instances=4", "augment.pad=3", "augment.erase=0.3", "augment.remap=0.7", "augment.second_view=false",
    "optimizer.learning_rate=2e-3", "optimizer.average=5", "device=cpu",
]  # fmt: skip
"""Of all runs: those of `configs/demo.yaml` with smaller crops, a narrower network and fewer epochs."""

Line = Mapping[str, Any]
"""The facts of an epoch."""


def draw(folder: Path, seed: int, difficulty: str, one_modality: float) -> Path:
    """A drawn set, written where it is missing; its test people are seen by both modalities, whatever the share."""
    write_demo(
        folder,
        PEOPLE,
        seed,
        test_share=TEST_SHARE,
        one_modality=one_modality,
        test_in_both=True,
        difficulty=difficulty,
        workers=1,
    )
    return folder


def train(data: Path, folder: Path, seed: int, changes: Sequence[str], display: Display) -> Run:
    """The run in a folder, done or gone on with where it is not complete; scored after every epoch."""
    options: dict[str, Any] = {"stages": ["cluster", "train"], "seed": seed}
    run = begin(data, None, folder, options, [*SETTINGS, *changes])
    done = {line["epoch"] for line in run.metrics()} if folder.exists() else set()
    if run.settings.training.epochs not in done:
        display.say(f"{folder.name}:")
        Workflow(run, display).execute()
    return run


def scores_of(line: Line) -> dict[str, float | None]:
    """Rank-1 and mAP of both directions in percent, by a short name."""
    found = {}
    for direction, short in (
        ("infrared->visible", "infrared to visible"),
        ("visible->infrared", "visible to infrared"),
    ):
        for score, shown in (("rank1", "Rank-1"), ("mAP", "mAP")):
            value = number(find(line.get("evaluation") or {}, direction, score))
            found[f"{short} {shown}"] = None if value is None else 100 * value
    return found


def mean(values: Sequence[float | None], digits: int = 1) -> str:
    """Mean and sample standard deviation of the values that there are."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    spread = f" ± {statistics.stdev(known):.{digits}f}" if len(known) > 1 else ""
    return f"{statistics.mean(known):.{digits}f}{spread}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
