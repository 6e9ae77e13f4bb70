"""A descriptor that nobody trains: how bright and how coloured a crop is, from place to place.

Within a modality clothes keep their colours and warm places stay warm, so it helps to tell people apart there, above
all beside a network that sees edges alone. Across modalities it says nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from usvireid.data.crops import Crops, Images
from usvireid.encoders.descriptors import described
from usvireid.encoders.features import Features

_GRID = (8, 4)
"""Cells, rows by columns, whatever the size of the crops."""


def tones(images: Tensor) -> Tensor:
    """The mean colour of each cell of an 8 x 4 grid, averaged with that of the mirror image (ours).

    Args:
        images: uint8 or float B x H x W x 3, values 0 to 255.

    Returns:
        float32 B x 96, unit rows (zero for a black crop).
    """
    cells = functional.adaptive_avg_pool2d(images.permute(0, 3, 1, 2).float(), _GRID)
    return functional.normalize((cells + cells.flip(3)).flatten(1), dim=1)


def tone_features(
    crops: Crops, images: Images, device: torch.device, *, batch: int = 256, progress: Callable[[int], None]
) -> Features:
    """The descriptors of all crops as features; see `descriptors.described`."""
    return described(tones, crops, images, device, batch=batch, progress=progress)
