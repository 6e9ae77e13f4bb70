"""Features of all crops: evaluation mode, image and its mirror averaged."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from usvireid.data.crops import Crops, Images
from usvireid.devices import Compute
from usvireid.encoders.features import Features
from usvireid.encoders.interface import Encoded
from usvireid.errors import UsvireidError
from usvireid.names import MODALITIES
from usvireid.processes import acting


@torch.inference_mode()
def extract(
    encoder: nn.Module,
    crops: Crops,
    images: Images,
    compute: Compute,
    *,
    batch: int = 128,
    mirror: bool = True,
    head: str | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Features:
    """The feature of every crop, each through the stream of its own modality.

    Within a joint task the processes share the batches; the batches are those of a single one, and so are the features.

    Args:
        encoder: takes a mapping from modality to images and returns `Encoded`.
        crops: N crops.
        images: gives the pixels of rows of `crops`.
        compute: device and number format.
        batch: crops at a time.
        mirror: average the unit features of the image and of its mirror image, then normalise again.
        head: name of another feature that the encoder hands on (`Encoded.extra`), unit rows; None: its feature.
        progress: told the number of crops of each finished batch.

    Raises:
        UsvireidError: the encoder gives values that are not finite; the first crop is named.
    """
    was_training = encoder.training
    encoder.eval()
    group = acting()
    blocks = _blocks(crops, batch)
    parts: list[torch.Tensor] = []
    for turn in range(0, len(blocks), group.size):
        if turn + group.rank < len(blocks):
            modality, part = blocks[turn + group.rank]
            pixels = torch.from_numpy(images(part)).to(compute.device, non_blocking=True).permute(0, 3, 1, 2)
            with compute.autocast():
                features = _feature(encoder({modality: pixels}), head)
                if mirror:
                    features = functional.normalize(features + _feature(encoder({modality: pixels.flip(3)}), head))
            parts.append(features.float())
        progress(sum(len(part) for _, part in blocks[turn : turn + group.size]))
    encoder.train(was_training)
    own = torch.cat(parts).cpu().numpy() if parts else None
    found = group.gather_objects(own)
    width = next((values.shape[1] for values in found if values is not None), 1)
    array = np.empty((len(crops), width), dtype=np.float32)
    for rank, values in enumerate(found):
        if values is not None:
            array[np.concatenate([part for _, part in blocks[rank :: group.size]])] = values
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        raise UsvireidError(
            f"{crops.files()[bad[0]]}: the encoder gives no finite feature for this crop ({len(bad)} such crops); "
            "lower optimizer.learning_rate or use precision float32."
        )
    return Features(values=array, crops=crops)


def _feature(encoded: Encoded, head: str | None) -> torch.Tensor:
    return encoded.features if head is None else encoded.extra[head]


def _blocks(crops: Crops, batch: int) -> list[tuple[str, np.ndarray]]:
    """The batches: a modality, and rows of it (int64, at most `batch`)."""
    return [
        (modality, rows[start : start + batch])
        for modality in MODALITIES
        for rows in [crops.rows_of(modality)]
        for start in range(0, len(rows), batch)
    ]
