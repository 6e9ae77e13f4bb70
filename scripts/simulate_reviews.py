"""What answers bring: an oracle that knows the truth answers questions about finished runs, which then cluster anew.

Compared are the first questions of `usvireid review` with as many drawn at random, from all clusters and links and from
the doubts themselves. Features and descriptors are the same throughout, made once; clustering and matching are done
anew with what the answers say. With --rounds 2 half of the answers come before that, and half of them after, about the
new labels, as when a run goes on between two sittings. With --train an epoch of training follows, and then clustering
and matching once more.

The oracle says only what is true, as a person who looks could: of one person's crops that they are the same; of two
sides without a common person that they are different; of anything else it picks the person seen most, against the rest.

    python scripts/simulate_reviews.py runs/demo --answers 60 --seeds 5
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from usvireid import names
from usvireid.devices import choose_compute
from usvireid.display import Display
from usvireid.loading import open_data, training_data
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.doubts import find_doubts
from usvireid.quality.truth import truth_of
from usvireid.randomness import numpy_generator
from usvireid.resources import load_pipeline
from usvireid.review.answer import DIFFERENT, SAME, Answer
from usvireid.review.settled import Settled
from usvireid.review.tasks import Task, questions
from usvireid.run import Run
from usvireid.training.checkpoint import latest_checkpoint
from usvireid.training.experiment import Experiment

Choice = Callable[[list[Task], list[Task]], list[Task]]
"""From the doubts in their order, and everything, to what is asked, in its order."""


def oracle(task: Task, identity: np.ndarray) -> tuple[str, np.ndarray, np.ndarray]:
    """The true answer to a question, as action and rows of both sides.

    Args:
        task: about rows of N crops.
        identity: int64, N; all known.
    """
    rows = task.rows
    codes, counts = np.unique(identity[rows], return_counts=True)
    if len(codes) == 1:
        return SAME, task.first, task.second
    if len(task.second) and not np.intersect1d(identity[task.first], identity[task.second]).size:
        return DIFFERENT, task.first, task.second
    most = identity[rows] == codes[counts.argmax()]
    return DIFFERENT, rows[most], rows[~most]


class Bench:
    """A finished run, opened to be clustered again and again; `folder` is only read."""

    def __init__(self, folder: Path, device: str | None) -> None:
        run, display = Run.open(folder), Display()
        data = training_data(open_data(run.data, run.settings, display), run.settings)
        compute = choose_compute(device or run.settings.device, run.settings.precision)
        self.truth = data.crops
        self.identity = data.crops.codes(names.IDENTITY)
        self.recipe: ModuleType = load_pipeline(run.settings.pipeline)
        self.experiment = Experiment(run.settings, data.crops.without_identities(), data.images, compute, display)
        checkpoint = latest_checkpoint(run.checkpoints)
        if checkpoint is None:
            raise SystemExit(f"{folder}: no finished epoch")
        self.checkpoint = checkpoint
        self.experiment.restore(checkpoint)
        self._paths = data.crops.table[names.PATH].to_numpy()
        self.bare = self.labels([], checkpoint.epoch + 1)
        self._asked_first = self.asked(self.bare, [])

    def said(self, tasks: Sequence[Task], before: Sequence[Answer] = ()) -> list[Answer]:
        """The answers so far and those of the oracle to some questions."""
        answers = list(before)
        for task in tasks:
            action, first, second = oracle(task, self.identity)
            sides = (tuple(self._paths[side]) for side in (first, second))
            answers.append(Answer(len(answers) + 1, "", action, *sides))
        return answers

    def labels(self, answers: Sequence[Answer], epoch: int) -> PseudoLabels:
        """Cluster and match with what has been said."""
        self.experiment.heed(answers)
        labels: PseudoLabels = self.recipe.cluster(self.experiment, epoch)
        return labels

    def asked(self, labels: PseudoLabels, answers: Sequence[Answer]) -> tuple[list[Task], list[Task]]:
        """What is open: the doubts as questions in their order, and every cluster and every link."""
        crops, most = self.experiment.crops, len(labels) ** 2
        doubts = find_doubts(
            labels,
            self.experiment.extract_features(),
            gradients=self.experiment.gradient_features(),
            crops=crops,
            order="gain",
        )
        settled = Settled(answers, crops)
        doubted = [task for task in questions(labels, crops, doubts, most) if task.doubted]
        everything = questions(labels, crops, [], most)
        return tuple([task for task in tasks if not settled.settles(task)] for tasks in (doubted, everything))

    def review(self, choose: Choice, answers: int, rounds: int) -> tuple[PseudoLabels, list[Answer]]:
        """The labels after a number of answers, and the answers."""
        said, labels, open_ones = list[Answer](), self.bare, self._asked_first
        for number in range(rounds):
            count = answers * (number + 1) // rounds - len(said)
            said = self.said(choose(*open_ones)[:count], said)
            labels = self.labels(said, self.checkpoint.epoch + 1)
            if number + 1 < rounds:
                open_ones = self.asked(labels, said)
        return labels, said

    def trained(self, labels: PseudoLabels, answers: Sequence[Answer]) -> PseudoLabels:
        """The labels after an epoch of training on these; the encoder is brought back afterwards."""
        epoch = self.checkpoint.epoch + 1
        self.recipe.train(self.experiment, labels, epoch)
        after = self.labels(answers, epoch + 1)
        self.experiment.restore(self.checkpoint)
        return after

    def score(self, labels: PseudoLabels) -> dict[str, float]:
        """How labels agree with the truth."""
        truth = truth_of(labels, self.truth)
        assert truth is not None
        accuracy = truth.match_accuracy or 0.0
        return {
            "ari": truth.ari or 0.0,
            **{f"ari_{name}": side.ari or 0.0 for name, side in truth.modalities.items()},
            "match": accuracy,
            "match_crops": truth.match_accuracy_crops or 0.0,
            "right_matches": round(accuracy * truth.compared_identities),
        }


def shuffled(tasks: list[Task], seed: int) -> list[Task]:
    """The same questions in a random order."""
    return [tasks[at] for at in numpy_generator(seed, "reviews").permutation(len(tasks))]


def arms(seeds: int) -> dict[str, list[Choice]]:
    """What is compared, by name: ways to choose, one for each seed where chance plays a part."""
    return {
        "doubts": [lambda doubts, everything: doubts],
        "random": [lambda doubts, everything, seed=seed: shuffled(everything, seed) for seed in range(seeds)],
        "random doubts": [lambda doubts, everything, seed=seed: shuffled(doubts, seed) for seed in range(seeds)],
    }


def simulate(folder: Path, arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
    """The mean scores of each arm for one run."""
    bench = Bench(folder, arguments.device)
    bare = bench.bare
    rows = {"before": [bench.score(bench.trained(bare, []) if arguments.train else bare)]}
    print(json.dumps({"run": folder.name, "arm": "before", **rounded(rows["before"][0])}), flush=True)
    for name, choices in arms(arguments.seeds).items():
        for choose in choices:
            labels, answers = bench.review(choose, arguments.answers, arguments.rounds)
            found = bench.score(bench.trained(labels, answers) if arguments.train else labels)
            same = sum(answer.action == SAME for answer in answers)
            rows.setdefault(name, []).append({**found, "answers": len(answers), "same": same})
            print(json.dumps({"run": folder.name, "arm": name, **rounded(rows[name][-1])}), flush=True)
    return {name: mean(found) for name, found in rows.items()}


def mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean of each value."""
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def rounded(row: dict[str, Any]) -> dict[str, Any]:
    """Values to read."""
    return {key: round(value, 3) for key, value in row.items()}


def main() -> None:
    """Print a line of JSON for every arm of every run, and then their means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run folders whose crops have identities")
    parser.add_argument("--answers", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=1, help="sittings, with new labels between them")
    parser.add_argument("--seeds", type=int, default=5, help="of the random choices")
    parser.add_argument("--train", action="store_true", help="an epoch of training before the scores")
    parser.add_argument("--device")
    arguments = parser.parse_args()
    found = [simulate(folder, arguments) for folder in arguments.runs]
    for folder, of_run in zip(arguments.runs, found, strict=True):
        for name, row in of_run.items():
            print(json.dumps({"run": folder.name, "mean of": name, **rounded(row)}))
    for name in found[0]:
        print(json.dumps({"all": name, **rounded(mean([of_run[name] for of_run in found]))}))


if __name__ == "__main__":
    main()
