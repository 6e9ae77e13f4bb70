"""Which measures that need no labels follow the true error? Small runs of different difficulty, and a table.

    python scripts/correlate_measures.py --out runs/quality

Draws synthetic sets, whose truth is known, and trains on each for a few epochs. Then, for every measure in the line of
an epoch, Spearman's rank correlation with four true errors is printed: 1 - ARI and 1 - AMI of the clusters (of the same
modality; for a measure across the modalities of the pseudo-identities of both), 1 - match accuracy, and 1 - mAP on the
test people.

- over runs: the last epochs of all runs, so between easy and hard data and settings;
- over epochs: within each run, the mean over the runs.

A measure of one modality is correlated within each, and the mean of the two is printed.

A run that stands in OUT is not done again; the sets lie there too. About 25 s a run on one idle core, 90 s for the
longer ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from usvireid import names
from usvireid.data.sources.demo.generate import write_demo
from usvireid.display import Display
from usvireid.quality.lines import find, number
from usvireid.run import Run, begin
from usvireid.workflow import Workflow

SETTINGS = [
    "data.height=64", "data.width=32", "encoder.name=resnet18", "encoder.width=16", "neighbors.k1=10", "neighbors.k2=3",
    "clustering.min_samples=3", "matching.gradients=0.9", "training.epochs=8", "training.intra_epochs=1",
    "training.steps=40", "training.keep_checkpoints=9", "sampling.identities=8", "sampling.instances=4",
    "augment.pad=3", "augment.erase=0.3", "augment.remap=0.7", "augment.second_view=false",
    "optimizer.learning_rate=1e-3",
    "device=cpu",
]  # fmt: skip
"""Of all runs: small crops and a narrow network, like the demo's settings in the rest."""

FREE = ["constraints.tracks=false"]
LONGER = ["training.epochs=16", "training.steps=80", "training.keep_checkpoints=17"]


@dataclass(frozen=True)
class Case:
    """One run: the synthetic set and what its settings change."""

    name: str
    people: int = 86
    seed: int = 0
    difficulty: str = "normal"
    images: int = 10
    one_modality: float = 0.15
    changes: list[str] = field(default_factory=list)


CASES = [
    Case("easy", seed=1, difficulty="easy"),
    Case("normal", seed=2),
    Case("hard", seed=3, difficulty="hard"),
    Case("few people", seed=4, people=43),
    Case("many people", seed=5, people=150),
    Case("easy, many people", seed=6, people=150, difficulty="easy"),
    Case("few images", seed=7, images=5),
    Case("half in one modality", seed=8, one_modality=0.5),
    Case("nobody in both", seed=9, one_modality=1.0),
    Case("easy, half in one modality", seed=10, difficulty="easy", one_modality=0.5),
    Case("no tracks", seed=11, changes=FREE),
    Case("easy, no tracks", seed=12, difficulty="easy", changes=FREE),
    Case("hard, no tracks", seed=13, difficulty="hard", changes=FREE),
    Case("eps 0.4", seed=14, changes=[*FREE, "clustering.eps=0.4"]),
    Case("eps 0.8", seed=15, changes=[*FREE, "clustering.eps=0.8"]),
    Case("network alone matches", seed=16, changes=["matching.gradients=0"]),
    Case("normal, longer", seed=17, changes=LONGER),
    Case("easy, longer, no tracks", seed=18, difficulty="easy", changes=[*FREE, *LONGER]),
]


def run_case(case: Case, out: Path, display: Display) -> Run:
    """The run of a case, done or gone on with where it is not complete."""
    slug = case.name.replace(", ", "_").replace(" ", "_")
    data, folder = out / f"data_{slug}", out / f"run_{slug}"
    write_demo(
        data,
        case.people,
        case.seed,
        images=case.images,
        one_modality=case.one_modality,
        difficulty=case.difficulty,
        workers=1,
    )
    options: dict[str, Any] = {"stages": ["cluster", "train"], "seed": case.seed}
    run = begin(data, None, folder, options, SETTINGS + case.changes)
    done = {line["epoch"] for line in run.metrics()} if folder.exists() else set()
    if run.settings.training.epochs not in done:
        display.say(f"{case.name}:")
        Workflow(run, display).execute()
    return run


def measures_of(line: dict[str, Any]) -> Iterator[tuple[str, str, float]]:
    """(scope, name, value) of every measure of an epoch: scope is a modality or "across"."""
    quality = line.get("quality") or {}
    for scope in (*names.MODALITIES, "across"):
        for name, value in (quality.get(scope) or {}).items():
            known = number(value)
            if known is not None:
                yield scope, name, known
    for name in ("stability", "identities", "shared_identities"):
        known = number(quality.get(name))
        if known is not None:
            yield "across", name, known


def errors_of(line: dict[str, Any], scope: str) -> dict[str, float | None]:
    """The true errors of an epoch that a measure of this scope is held against."""
    truth = line.get("truth") or {}
    of_scope = truth if scope == "across" else truth.get(scope) or {}
    scores = [number(find(row, "mAP")) for row in (line.get("evaluation") or {}).values()]
    known = [score for score in scores if score is not None]
    return {
        "1 - ARI": _complement(number(of_scope.get("ari"))),
        "1 - AMI": _complement(number(of_scope.get("ami"))),
        "1 - match accuracy": _complement(number(truth.get("match_accuracy"))),
        "1 - mAP": _complement(float(np.mean(known)) if known else None),
    }


def _complement(value: float | None) -> float | None:
    return None if value is None else 1 - value


ERRORS = ("1 - ARI", "1 - AMI", "1 - match accuracy", "1 - mAP")
Series = dict[tuple[str, str, str], list[tuple[float, float]]]
"""(measure, error, scope) to pairs of their values."""


def paired(lines: list[dict[str, Any]]) -> Series:
    """Values of measures beside the errors of the same epochs, each modality by itself, as one is harder."""
    found: Series = {}
    for line in lines:
        for scope, name, value in measures_of(line):
            label = f"{name}, across" if scope == "across" else name
            for error, wrong in errors_of(line, scope).items():
                if wrong is not None:
                    found.setdefault((label, error, scope), []).append((value, wrong))
    return found


def correlations(many: list[Series], least: int) -> dict[tuple[str, str], list[float]]:
    """(measure, error) to Spearman's correlation in each of many series and each scope where there is one."""
    found: dict[tuple[str, str], list[float]] = {}
    for series in many:
        for (measure, error, _), pairs in series.items():
            value = rank_correlation(pairs) if len(pairs) >= least else None
            if value is not None:
                found.setdefault((measure, error), []).append(value)
    return found


def rank_correlation(pairs: list[tuple[float, float]]) -> float | None:
    """Spearman's correlation; None without any variation."""
    one, other = np.array(pairs).T
    return None if np.ptp(one) == 0 or np.ptp(other) == 0 else float(spearmanr(one, other).statistic)


def table(runs: list[Run]) -> str:
    """The correlations of every measure, those that follow the errors best over the runs first."""
    lines = [[line for line in run.metrics() if line.get("quality")] for run in runs]
    over_runs = paired([each[-1] for each in lines if each])
    between_runs = correlations([over_runs], least=8)
    within_runs = correlations([paired(each) for each in lines], least=5)
    rows = []
    for measure in sorted({measure for measure, _, _ in over_runs}):
        between = [_mean(between_runs.get((measure, error), []), least=1) for error in ERRORS]
        epochs = [_mean(within_runs.get((measure, error), []), least=3) for error in ERRORS]
        if any(value is not None for value in between):
            strength = max(abs(value) for value in between if value is not None)
            rows.append((strength, f"| {measure} | {' | '.join(map(_shown, between + epochs))} |"))
    head = " | ".join([f"{error}, runs" for error in ERRORS] + [f"{error}, epochs" for error in ERRORS])
    body = [row for _, row in sorted(rows, key=lambda entry: -entry[0])]
    return "\n".join([f"| measure | {head} |", "|---|" + "---|" * (2 * len(ERRORS)), *body])


def _mean(values: list[float], least: int) -> float | None:
    return float(np.mean(values)) if len(values) >= least else None


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:+.2f}"


def main() -> None:
    """Train what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the sets and the runs")
    parser.add_argument("--cases", type=int, default=len(CASES), help="only so many of the runs")
    options = parser.parse_args()
    display = Display()
    runs = [run_case(case, options.out, display) for case in CASES[: options.cases]]
    print(f"{len(runs)} runs\n\n{table(runs)}")
    print("\n| run | ARI visible | ARI infrared | match accuracy | mAP |\n|---|---|---|---|---|")
    for case, run in zip(CASES, runs, strict=False):
        line = run.metrics()[-1]
        wrong = [errors_of(line, names.VISIBLE)["1 - ARI"], errors_of(line, names.INFRARED)["1 - ARI"]]
        wrong += [errors_of(line, "across")[error] for error in ("1 - match accuracy", "1 - mAP")]
        print(f"| {case.name} | {' | '.join('' if value is None else f'{1 - value:.2f}' for value in wrong)} |")


if __name__ == "__main__":
    main()
