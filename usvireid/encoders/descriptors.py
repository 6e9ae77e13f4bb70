"""Features of crops by a fixed function of their pixels, which nobody trains."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from usvireid.data.crops import Crops, Images
from usvireid.encoders.features import Features


@torch.inference_mode()
def described(
    descriptor: Callable[[Tensor], Tensor],
    crops: Crops,
    images: Images,
    device: torch.device,
    *,
    batch: int = 256,
    progress: Callable[[int], None],
) -> Features:
    """The descriptors of all crops as features; they depend on the images alone.

    Args:
        descriptor: from B x H x W x 3, uint8, to float32 B x D, unit rows or rows of zeros.
        crops: N crops.
        images: gives the pixels of rows of `crops`.
        device: where to compute.
        batch: crops at a time.
        progress: told the number of crops of each finished batch.
    """
    parts = []
    for start in range(0, len(crops), batch):
        rows = np.arange(start, min(start + batch, len(crops)))
        parts.append(descriptor(torch.from_numpy(images(rows)).to(device)).cpu())
        progress(len(rows))
    values = torch.cat(parts).numpy()
    # A crop in which the descriptor sees nothing gets the same feature as every other such crop.
    values[~values.any(axis=1), 0] = 1
    return Features(values, crops)
