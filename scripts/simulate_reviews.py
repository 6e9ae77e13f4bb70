"""What answers bring: an oracle that knows the truth answers questions about a finished run, which then clusters anew.

Compared are the first questions of `usvireid review` with as many drawn at random, from all clusters and links and from
the doubts themselves. Features and descriptors are the same throughout, made once; clustering and matching are done anew
with what the answers say. With --train an epoch of training follows, and clustering and matching once more.

The oracle says only what is true, as a person who looks could: of one person's crops that they are the same; of two
sides without a common person that they are different; of anything else it picks the person seen most, against the rest.

    python scripts/simulate_reviews.py runs/demo --answers 60 --seeds 5
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from usvireid import names
from usvireid.clustering.constraints import Constraints, ConstraintsBuilder
from usvireid.clustering.tracks import add_tracks
from usvireid.data.crops import Crops
from usvireid.devices import choose_compute
from usvireid.display import Display
from usvireid.loading import open_data, training_data
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.doubts import find_doubts
from usvireid.quality.truth import truth_of
from usvireid.resources import load_pipeline
from usvireid.review.answer import DIFFERENT, SAME, Answer
from usvireid.review.answers import add_answers
from usvireid.review.tasks import Task, questions
from usvireid.run import Run
from usvireid.training.checkpoint import latest_checkpoint
from usvireid.training.experiment import Experiment

Said = tuple[str, np.ndarray, np.ndarray]
"""Action and rows of both sides."""


def oracle(task: Task, identity: np.ndarray) -> Said:
    """The true answer to a question (`identity`: int64, N; all known)."""
    rows = task.rows
    codes, counts = np.unique(identity[rows], return_counts=True)
    if len(codes) == 1:
        return SAME, task.first, task.second
    if len(task.second) and not np.intersect1d(identity[task.first], identity[task.second]).size:
        return DIFFERENT, task.first, task.second
    most = identity[rows] == codes[counts.argmax()]
    return DIFFERENT, rows[most], rows[~most]


@dataclass
class Bench:
    """A finished run, opened to be clustered again and again."""

    experiment: Experiment
    truth: Crops
    recipe: object
    epoch: int

    @classmethod
    def open(cls, folder: Path, device: str | None) -> Bench:
        run, display = Run.open(folder), Display()
        data = training_data(open_data(run.data, run.settings, display), run.settings)
        compute = choose_compute(device or run.settings.device, run.settings.precision)
        experiment = Experiment(run.settings, data.crops.without_identities(), data.images, compute, display)
        checkpoint = latest_checkpoint(run.checkpoints)
        if checkpoint is None:
            raise SystemExit(f"{folder}: no finished epoch")
        experiment.restore(checkpoint)
        return cls(experiment, data.crops, load_pipeline(run.settings.pipeline), checkpoint.epoch)

    def labels(self, said: Sequence[Said]) -> PseudoLabels:
        """Cluster and match with what has been said."""
        self.experiment._constraints = self._known(said)
        labels: PseudoLabels = self.recipe.cluster(self.experiment, self.epoch + 1)
        return labels

    def _known(self, said: Sequence[Said]) -> Constraints:
        crops = self.experiment.crops
        paths = crops.table[names.PATH].to_numpy()
        builder = ConstraintsBuilder(len(crops))
        answers = [
            Answer(number, "", action, tuple(paths[first]), tuple(paths[second]))
            for number, (action, first, second) in enumerate(said, start=1)
        ]
        add_answers(builder, answers, crops)
        if crops.has(names.TRACK) and self.experiment.settings.constraints.tracks:
            add_tracks(builder, crops)
        return builder.build()

    def score(self, labels: PseudoLabels) -> dict[str, float | None]:
        """How labels agree with the truth."""
        truth = truth_of(labels, self.truth)
        assert truth is not None
        return {
            "ari": truth.ari,
            **{f"ari {name}": side.ari for name, side in truth.modalities.items()},
            "match accuracy": truth.match_accuracy,
            "of crops": truth.match_accuracy_crops,
            "compared": truth.compared_identities,
        }


def asked(bench: Bench, labels: PseudoLabels, order: str) -> tuple[list[Task], list[Task]]:
    """The doubts as questions in their order; and every cluster and every link."""
    experiment = bench.experiment
    features, gradients = experiment.extract_features(), experiment.gradient_features()
    doubts = find_doubts(labels, features, gradients=gradients, crops=experiment.crops, order=order)
    everything = questions(labels, experiment.crops, [], len(labels) ** 2)
    return questions(labels, experiment.crops, doubts, len(labels) ** 2)[: len(doubts)], everything


def main() -> None:
    """Print a line per arm, and the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--answers", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=5, help="of the random choices")
    parser.add_argument("--device")
    arguments = parser.parse_args()
    bench = Bench.open(arguments.run, arguments.device)
    identity = bench.truth.codes(names.IDENTITY)
    before = bench.labels([])
    show("before", before, bench, [])

    def arm(name: str, tasks: Sequence[Task]) -> None:
        said = [oracle(task, identity) for task in tasks]
        show(name, bench.labels(said), bench, said)

    for order in ("gain", "score"):
        ranked, everything = asked(bench, before, order)
        arm(f"doubts by {order}", ranked[: arguments.answers])
    for seed in range(arguments.seeds):
        random = np.random.default_rng(seed)
        arm(f"random {seed}", [everything[at] for at in random.permutation(len(everything))[: arguments.answers]])
        arm(f"random doubts {seed}", [ranked[at] for at in random.permutation(len(ranked))[: arguments.answers]])


def show(name: str, labels: PseudoLabels, bench: Bench, said: Sequence[Said]) -> None:
    scores = bench.score(labels)
    same = sum(action == SAME for action, _, _ in said)
    print(
        name.ljust(18),
        "  ".join(f"{key} {value:.3f}" for key, value in scores.items() if value is not None),
        f"same {same} different {len(said) - same}",
        flush=True,
    )


if __name__ == "__main__":
    main()
