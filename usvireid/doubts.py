"""What `usvireid doubts` does: the most doubtful clusters, matches and crops of a run, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.devices import choose_compute
from usvireid.display import Display
from usvireid.encoders.features import Features
from usvireid.errors import UsageError
from usvireid.loading import Data, open_data, training_data
from usvireid.matching.labels import PseudoLabels
from usvireid.printable import shown
from usvireid.quality.doubts import KINDS, Doubt, Kind, Order, find_doubts
from usvireid.run import Run
from usvireid.training.checkpoint import checkpoint_files, read_epoch, restore_encoder
from usvireid.training.experiment import Experiment

_NAMED = 3
"""Crops of each side that the list names."""


@dataclass(frozen=True)
class Examination:
    """The newest labels of a run and what speaks for or against them.

    Attributes:
        run: the run.
        data: the crops it trains on, the identities emptied, and their pixels.
        labels: the newest labels, a row for each of these crops.
        features: of the run's encoder as it made the labels, or the nearest that stands; None where not asked for.
        gradients: the gradient descriptors of the crops; None where not asked for.
    """

    run: Run
    data: Data
    labels: PseudoLabels
    features: Features | None
    gradients: Features | None

    def doubts(self, *, kinds: Sequence[Kind] = KINDS, top: int | None = None, order: Order = "score") -> list[Doubt]:
        """`quality.doubts.find_doubts` on this run."""
        return find_doubts(
            self.labels,
            self.features,
            gradients=self.gradients,
            crops=self.data.crops,
            kinds=kinds,
            top=top,
            order=order,
        )


def examine_run(folder: Path, display: Display, device: str | None = None, with_features: bool = True) -> Examination:
    """Open a run and extract what doubts rest on.

    Args:
        folder: the run folder.
        display: where to show progress.
        device: where features are extracted; None: as the run has it.
        with_features: False takes what the labels say themselves for all there is, and is done at once.

    Raises:
        UsvireidError: not a run folder, no labels yet, or its data are gone.
    """
    run = Run.open(folder)
    path = run.latest_labels()
    opened = training_data(open_data(run.data, run.settings, display), run.settings)
    data = Data(opened.crops.without_identities(), opened.images)
    labels = PseudoLabels.read(path, data.crops, display.warn)
    if not with_features:
        return Examination(run, data, labels, None, None)
    compute = choose_compute(device or run.settings.device, run.settings.precision)
    experiment = Experiment(run.settings, data.crops, data.images, compute, display)
    epoch = epoch_before(run, path)
    if epoch is None:
        experiment.begin()
    else:
        checkpoint = read_epoch(run.checkpoints, epoch)
        restore_encoder(experiment.encoder, checkpoint, checkpoint.learner)
    return Examination(run, data, labels, experiment.extract_features(), experiment.gradient_features())


def epoch_before(run: Run, labels: Path) -> int | None:
    """The newest epoch with a checkpoint before that of the labels, or the oldest there is where all are later.

    The encoder after the epoch before has made the labels; later ones have been taught them.
    """
    epochs = sorted(int(path.stem.rpartition("_")[2]) for path in checkpoint_files(run.checkpoints))
    made_for = int(labels.stem.rpartition("_")[2])
    before = [epoch for epoch in epochs if epoch < made_for]
    return before[-1] if before else next(iter(epochs), None)


def parse_kinds(text: str) -> list[Kind]:
    """The kinds of doubts named in a text, separated by commas.

    Raises:
        UsageError: there is no such kind.
    """
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in KINDS]
    if unknown or not wanted:
        raise UsageError(f"--kind {text}: no such kind of doubt; use some of {','.join(KINDS)}.")
    return [kind for kind in KINDS if kind in wanted]


def doubts_text(doubts: Sequence[Doubt], crops: Crops) -> str:
    """The doubts for a person, three lines each."""
    lines = []
    for place, doubt in enumerate(doubts, start=1):
        lines.append(f"{place:4}  {100 * doubt.score:3.0f} %  {doubt.reason}")
        lines += [f"             {_named(rows, crops)}" for rows in (doubt.first, doubt.second)]
    return "\n".join(lines)


def _named(rows: np.ndarray, crops: Crops) -> str:
    paths = [shown(str(path)) for path in crops.table[names.PATH].iloc[rows[:_NAMED]]]
    return ", ".join(paths) + (f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else "")


def doubts_dict(doubts: Sequence[Doubt], crops: Crops) -> list[dict[str, Any]]:
    """The doubts as plain JSON values; crops are told by their paths."""
    paths = crops.table[names.PATH]
    return [
        {
            "kind": doubt.kind,
            "score": round(doubt.score, 4),
            "together": doubt.together,
            "reason": doubt.reason,
            "first": paths.iloc[doubt.first].tolist(),
            "second": paths.iloc[doubt.second].tolist(),
        }
        for doubt in doubts
    ]
