"""From run folders to the rows of a comparison."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from usvireid import names
from usvireid.comparison.published import AS_PUBLISHED, published_figures
from usvireid.comparison.spread import Spread, spread_over, spread_to_dict
from usvireid.errors import UsageError
from usvireid.layers import flatten
from usvireid.outcome import outcome
from usvireid.quality.selection import LAST, Selection
from usvireid.run import Run, trial_folders

_REPEATED = frozenset({"seed", "data.trial"})
"""Settings in which the runs of one row may differ."""
_WITHOUT_EFFECT = frozenset(
    {
        "stages",
        "data.cache",
        "data.strict",
        "neighbors.backend",
        "training.batch",
        "training.keep_checkpoints",
        "evaluation.every",
        "quality.measures",
        "report.images",
        "report.blur_faces",
    }
)
"""Settings that no score depends on. The device is none of them: it decides the number format where that is `auto`."""


@dataclass(frozen=True)
class RunResult:
    """What one run folder says of itself.

    Attributes:
        folder: the run folder.
        settings: dotted name to value, and the data under "DATA", without those that change no score.
        seed: the seed.
        trial: the trial of the data; 1 where there are none.
        scores: see `Scores`; empty where the run was not scored.
        fingerprints: what the scores were measured by, by search.
        selection: the epoch that they are of; None for an untrained encoder.
    """

    folder: Path
    settings: Mapping[str, Any]
    seed: int
    trial: int
    scores: Mapping[str, Mapping[str, Any]]
    fingerprints: Mapping[str, Mapping[str, Any]]
    selection: Selection | None

    @classmethod
    def read(cls, folder: Path) -> RunResult:
        """Read a run folder.

        Raises:
            UsvireidError: not a run folder, or one that cannot be read.
        """
        run = Run.open(folder)
        found = outcome(run) or {}
        flat = flatten(run.settings.model_dump(mode="json"))
        kept = {name: value for name, value in flat.items() if name not in _REPEATED | _WITHOUT_EFFECT}
        chosen = found.get("selection")
        return cls(
            folder=folder,
            settings={"DATA": str(run.data), **kept},
            seed=run.settings.seed,
            trial=run.settings.data.trial,
            scores=found.get("scores", {}),
            fingerprints=found.get("fingerprints", {}),
            selection=None if chosen is None else Selection.of_dict(chosen),
        )


@dataclass(frozen=True)
class Row:
    """One line of a comparison: a run, several that differ only in seed or trial, or a paper.

    Attributes:
        name: what it is called.
        note: how its epochs were selected where it is not the last one, or "as published" and where.
        scores: search to measure to spread; empty where nothing was scored.
        runs: the runs; none for a paper.
    """

    name: str
    note: str
    scores: Mapping[str, Mapping[str, Spread]]
    runs: tuple[RunResult, ...] = field(default=())

    @property
    def published(self) -> bool:
        """Whether this is a paper's claim."""
        return not self.runs

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings that its runs have in common; none for a paper."""
        return self.runs[0].settings if self.runs else {}

    @property
    def benchmarks(self) -> list[str]:
        """The benchmarks by whose protocols its runs were scored."""
        protocols = [str(facts.get("protocol")) for run in self.runs for facts in run.fingerprints.values()]
        return [name for name in names.BENCHMARKS if name in protocols]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "name": self.name,
            "note": self.note,
            "published": self.published,
            "scores": spread_to_dict(self.scores),
            "runs": [
                {
                    "folder": str(run.folder),
                    "seed": run.seed,
                    "trial": run.trial,
                    "selection": None if run.selection is None else run.selection.to_dict(),
                    "fingerprints": {name: dict(facts) for name, facts in run.fingerprints.items()},
                }
                for run in self.runs
            ],
        }


def read_rows(folders: Sequence[Path]) -> list[Row]:
    """The rows of run folders and of folders of trials, in the order of their first runs.

    Runs of the same data whose settings differ in the seed or the trial alone are one row.

    Raises:
        UsageError: a folder that is neither, or one that is named twice.
        DataError: a file of a run that cannot be read.
    """
    called = dict(zip(folders, _short_names(folders), strict=True))
    groups: dict[str, list[tuple[str, RunResult]]] = {}
    seen: set[Path] = set()
    for folder in folders:
        for run_folder in trial_folders(folder) or [folder]:
            if run_folder.resolve() in seen:
                raise UsageError(f"{run_folder}: named twice; give every run once.")
            seen.add(run_folder.resolve())
            result = RunResult.read(run_folder)
            key = json.dumps(result.settings, sort_keys=True, default=str)
            groups.setdefault(key, []).append((called[folder], result))
    return [_row(members) for members in groups.values()]


def published_rows(rows: Sequence[Row]) -> list[Row]:
    """The published figures for the benchmarks that the rows are about."""
    benchmarks = dict.fromkeys(name for row in rows for name in row.benchmarks)
    return [
        Row(
            name=figures.method,
            note=f"{AS_PUBLISHED}, {figures.source}",
            scores={
                search: {"rank1": Spread.of([rank1 / 100]), "mAP": Spread.of([mean_precision / 100])}
                for search, (rank1, mean_precision) in figures.scores.items()
            },
        )
        for benchmark in benchmarks
        for figures in published_figures(benchmark)
    ]


def _row(members: Sequence[tuple[str, RunResult]]) -> Row:
    called = list(dict.fromkeys(name for name, _ in members))
    runs = tuple(run for _, run in members)
    name = called[0] if len(called) == 1 else f"{called[0]} and {len(called) - 1} more"
    chosen = runs[0].selection
    note = "" if chosen is None or chosen.method == LAST else chosen.label
    return Row(name=name, note=note, scores=spread_over([run.scores for run in runs]), runs=runs)


def _short_names(folders: Sequence[Path]) -> list[str]:
    """The folders' names, with as many folders above as it takes to tell them apart."""
    parts = [folder.resolve().parts for folder in folders]
    for depth in range(1, max(map(len, parts), default=1) + 1):
        called = ["/".join(part[-depth:]) for part in parts]
        if len(set(called)) == len(called):
            return called
    return [str(folder) for folder in folders]
