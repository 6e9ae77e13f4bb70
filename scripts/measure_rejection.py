"""What leaving out links that strangers would reach does to the matches of runs that are done; nothing is trained.

    python scripts/measure_rejection.py runs/unmatched/normal_0.5_0 ... --chances 1,0.5,0.35,0.2,0.1

For each run, a set of known truth, the clusters of the last epoch are matched anew by the features they were made by,
with each value of `matching.chance` (`usvireid.matching.strangers`). Printed are the links, how many of them are right,
and recall and precision of the rejection (`usvireid.quality.rejection`), in percent. The run folders stay as they are.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from demo_runs import table

from usvireid.display import Display
from usvireid.matching.join import join
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.truth import TruthMeasures, truth_of
from usvireid.run import Run
from usvireid.training.checkpoint import read_epoch
from usvireid.workflow import Workflow


def rematched(run: Run, chances: list[float]) -> list[TruthMeasures]:
    """The truth about the last epoch's clusters, matched with each chance."""
    flow = Workflow(run, Display())
    experiment = flow.experiment
    epoch = run.settings.training.epochs
    experiment.restore(read_epoch(run.checkpoints, epoch - 1))
    labels = PseudoLabels.read(run.labels_file(epoch), experiment.crops)
    signals, constraints = experiment.matching_features(), experiment.constraints()
    found = []
    for chance in chances:
        settings = run.settings.matching.model_copy(update={"chance": chance})
        truth = truth_of(join(labels, signals, settings, constraints), flow.truth.crops)
        if truth is None:
            raise SystemExit(f"{run.folder}: its crops have no identities to judge by.")
        found.append(truth)
    return found


def row_of(truth: TruthMeasures) -> list[str]:
    """A cell of matched identities, right ones, recall and precision."""
    rejection = truth.rejection
    shares = [truth.match_accuracy, *([rejection.recall, rejection.precision] if rejection else [None, None])]
    return [str(truth.compared_identities), *("-" if share is None else f"{100 * share:.0f}" for share in shares)]


def main() -> None:
    """Match anew and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run folders with the checkpoint before the last")
    parser.add_argument("--chances", default="1,0.5,0.35,0.2,0.1", help="values of matching.chance, by commas")
    options = parser.parse_args()
    chances = [float(chance) for chance in options.chances.split(",")]
    rows = []
    for folder in options.runs:
        cells = [row_of(truth) for truth in rematched(Run.open(folder), chances)]
        rows.append([folder.name, *(" / ".join(cell) for cell in cells)])
    print(f"matched / right / recall / precision\n\n{table(['run', *(f'{chance:g}' for chance in chances)], rows)}")


if __name__ == "__main__":
    main()
