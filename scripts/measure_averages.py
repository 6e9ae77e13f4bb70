"""Is the average of a run's last epochs better, and calmer, than each of them? A table over runs.

    python scripts/measure_averages.py runs/quality/run_*

For run folders that keep every checkpoint and were scored after every epoch, such as those of
`scripts/correlate_measures.py`: the weights and batch statistics of the last 2, 3 and 4 epochs are averaged, as they
stood after every epoch from shortly before the middle on, and scored. Printed are, for 1 to 4 epochs: Rank-1 and mAP
after the last epoch, by how much Rank-1 differs from epoch to epoch, and how far the last epoch is below the best of
these. Nothing is written. About 20 s a run on one idle core.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from torch import Tensor

from usvireid.display import Display
from usvireid.quality.selection import mean_score
from usvireid.run import Run
from usvireid.training.checkpoint import read_epoch
from usvireid.workflow import Workflow

COUNTS = (1, 2, 3, 4)
NEAR = 2.0
"""Points of Rank-1."""
Scores = list[tuple[float, float]]
"""Rank-1 and mAP in percent, epoch by epoch."""


def averaged(weights: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of some states of an encoder; what counts is taken from the last."""
    return {
        name: sum((state[name] for state in weights[:-1]), value) / len(weights) if value.is_floating_point() else value
        for name, value in weights[-1].items()
    }


def scores_of(folder: Path) -> dict[int, Scores]:
    """By number of epochs averaged: the scores after each epoch of the second half."""
    run = Run.open(folder)
    workflow = Workflow(run, Display())
    experiment, epochs = workflow.experiment, run.settings.training.epochs
    found: dict[int, Scores] = {count: [] for count in COUNTS}
    checkpoints = [read_epoch(run.checkpoints, epoch) for epoch in range(1, epochs + 1)]
    for epoch in range(max(3, epochs // 2 - 1), epochs + 1):
        for count in (count for count in COUNTS if count <= epoch):
            weights = averaged([checkpoint.part("encoder.") for checkpoint in checkpoints[epoch - count : epoch]])
            tensors = {f"encoder.{name}": value for name, value in weights.items()}
            last = checkpoints[epoch - 1]
            experiment.restore(replace(last, tensors={**last.tensors, **tensors}))
            scores = workflow.scorer.score(experiment).to_dict()
            first, precision = (100 * (mean_score(scores, name) or 0.0) for name in ("rank1", "mAP"))
            found[count].append((first, precision))
    return found


def row(count: int, runs: list[Scores]) -> str:
    """A line of the table: the means over the runs."""
    first = [[score[0] for score in scores] for scores in runs]
    gaps = [scores[-1] - max(scores) for scores in first]
    jumps = [abs(after - before) for scores in first for before, after in pairwise(scores)]
    near = sum(gap >= -NEAR for gap in gaps)
    last = f"{fmean(scores[-1] for scores in first):.1f} | {fmean(scores[-1][1] for scores in runs):.1f}"
    return f"| {count} | {last} | {fmean(jumps):.1f} | {fmean(gaps):.1f} | {min(gaps):.1f} | {near} of {len(gaps)} |"


def main() -> None:
    """Score the averages and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run folders")
    runs = [scores_of(folder) for folder in parser.parse_args().runs]
    print(f"{len(runs)} runs\n\n| epochs averaged | Rank-1 | mAP | step | last - best | worst | within {NEAR:g} |")
    print("|---|---|---|---|---|---|---|")
    for count in COUNTS:
        print(row(count, [scores[count] for scores in runs]))


if __name__ == "__main__":
    main()
