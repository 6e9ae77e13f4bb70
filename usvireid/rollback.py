"""What a run does where its pseudo-labels collapse: the way back to the state before, in its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from usvireid import names
from usvireid.encoders.features import Features
from usvireid.run import Run
from usvireid.training.checkpoint import Checkpoint, checkpoint_files, read_epoch, remove_after
from usvireid.training.guard import Guard, Rollback, Signs, Symptom, spread_of
from usvireid.training.monitor import Shown


def signs_of(
    quality: dict[str, Any], shown: Mapping[str, Shown], features: Features, known: np.ndarray
) -> dict[str, Signs]:
    """What the guard judges an epoch by: its clusters, and the features they were made from.

    A crop of known identity is in its cluster because that was said, so it is not judged by it.

    Args:
        quality: the measures of its labels, for a recipe that does not show how it clusters.
        shown: how each modality was clustered. Labels may differ from it: with `brst-images` a visible crop's is what
            it selected in the other modality.
        features: of all crops.
        known: bool, N; the crops of known identity.
    """
    signs = {}
    for modality in names.MODALITIES:
        judged = ~known[features.crops.rows_of(modality)]
        spread = spread_of(features.of_modality(modality).values[judged])
        if modality in shown:
            label = shown[modality].result.clusters.label[judged]
            sizes = np.unique(label[label >= 0], return_counts=True)[1]
            signs[modality] = Signs(len(label), len(sizes), int(sizes.sum()), int(sizes.max(initial=0)), spread)
        else:
            counts = quality[modality]
            clustered = counts["crops"] - counts["outliers"]
            signs[modality] = Signs(counts["crops"], counts["clusters"], clustered, counts["size_max"], spread)
    return signs


def roll_back(
    run: Run,
    guard: Guard,
    epoch: int,
    symptoms: dict[str, Symptom],
    untrained: Callable[[], Checkpoint],
) -> tuple[Checkpoint, Rollback]:
    """Go back to the state before the one that an epoch's labels show to be ill, as far as one is kept.

    That state's checkpoint is written anew with what the guard knows now, and then the later ones go. A process killed
    in between leaves either the old state, in which the same is noticed again, or the new one.

    Args:
        run: the run folder.
        guard: the guard; values that it changes are changed in it.
        epoch: whose labels are ill; the state after the epoch before made them.
        symptoms: what is wrong.
        untrained: gives the state before the first epoch, called where nothing was trained and no checkpoint stands.

    Returns:
        The checkpoint to go on from, and what was done.

    Raises:
        UsvireidError: the guard gives up.
    """
    standing = {path.name for path in checkpoint_files(run.checkpoints)}
    two_back = f"epoch_{epoch - 2:03d}.safetensors" in standing
    to = epoch - 2 if two_back else epoch - 1
    rollback = guard.go_back(epoch, to, symptoms)
    checkpoint = read_epoch(run.checkpoints, to) if standing else untrained()
    checkpoint = replace(checkpoint, facts={**checkpoint.facts, "guard": guard.state.model_dump(mode="json")})
    checkpoint.write(run.checkpoints)
    run.forget_metrics_after(to)
    remove_after(run.checkpoints, to)
    return checkpoint, rollback
