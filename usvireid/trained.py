"""The encoder that a run has arrived at, for the commands that only use it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from usvireid.encoders.interface import Encoder
from usvireid.encoders.make import make_encoder
from usvireid.errors import UsageError
from usvireid.outcome import selected
from usvireid.run import Run
from usvireid.training.checkpoint import read_epoch, restore_encoder


@dataclass(frozen=True)
class Trained:
    """A run and its encoder after the selected epoch: on the CPU, in evaluation mode."""

    run: Run
    encoder: Encoder
    epoch: int


def open_trained(folder: Path) -> Trained:
    """Open a run folder and read the encoder of the epoch that the run stands for.

    Raises:
        UsageError: not a run folder, or no epoch is finished yet.
        DataError: the checkpoint is damaged, or of another network.
    """
    run = Run.open(folder)
    chosen = selected(run)
    if chosen is None:
        raise UsageError(
            f"{folder}: no epoch is finished yet, so there is no trained encoder; "
            f"`usvireid run --out {folder}` goes on with it."
        )
    checkpoint = read_epoch(run.checkpoints, chosen.epoch)
    encoder = make_encoder(run.settings)
    restore_encoder(encoder, checkpoint)
    return Trained(run, encoder.eval(), checkpoint.epoch)
