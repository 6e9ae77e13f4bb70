"""Whether what an epoch has taught can be gone on from: looked at before it is kept."""

from __future__ import annotations

import math

import numpy as np
import torch

from usvireid import names
from usvireid.encoders.extract import extract
from usvireid.errors import UsvireidError
from usvireid.training.experiment import Experiment

_LOOKED_AT = 2
"""Crops of each modality whose features are looked at. Weights that are finite and too large spoil those of all."""


def refuse_unsound(experiment: Experiment, losses: dict[str, float], epoch: int) -> None:
    """Stop before a checkpoint is written that no epoch could go on from.

    Args:
        experiment: as it stands after the epoch.
        losses: of the epoch, by name.
        epoch: its number.

    Raises:
        UsvireidError: a loss, a weight or a feature is not finite.
    """
    what = _unsound(experiment, losses)
    if what is not None:
        lower = "" if experiment.compute.dtype == torch.float32 else " or precision float32"
        raise UsvireidError(
            f"epoch {epoch}: {what}; nothing of this epoch was kept. Start anew, with another --out, a smaller "
            f"optimizer.learning_rate, smaller weights in losses{lower}."
        )


def _unsound(experiment: Experiment, losses: dict[str, float]) -> str | None:
    """What is not finite, in words; None: nothing."""
    bad = [name for name, value in losses.items() if not math.isfinite(value)]
    if bad:
        return f"of the losses {', '.join(bad)} {'is' if len(bad) == 1 else 'are'} not finite"
    for name, value in experiment.encoder.state_dict().items():
        if value.is_floating_point() and not value.isfinite().all():
            return f"the encoder's weights are not finite any more ({name})"
    crops = experiment.crops
    rows = np.concatenate([crops.rows_of(modality)[:_LOOKED_AT] for modality in names.MODALITIES])
    try:
        extract(
            experiment.encoder.trained_part(),
            crops.take(rows),
            lambda some: experiment.images(rows[some]),
            experiment.compute,
        )
    except UsvireidError:
        return "the encoder gives no finite features any more"
    return None
