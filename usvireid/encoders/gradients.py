"""A descriptor that nobody trains: histograms of gradient directions on a grid.

Edges stay where they are when colour goes and brightness turns over, so the descriptor compares crops across
modalities from the first epoch on, and its errors are not those of the network. As a second signal beside the network's
features it makes the matching of clusters far more often right.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from usvireid.data.crops import Crops, Images
from usvireid.encoders.features import Features

_BINS = 9
"""Directions between 0 and 180 degrees; which side is brighter is left out on purpose."""
_GRID = (16, 8)
"""Cells, rows by columns, whatever the size of the crops."""
DESCRIPTOR = _BINS * _GRID[0] * _GRID[1]
"""The length of a descriptor."""
_BANDS = ((0, 3), (3, 6), (6, 9), (9, 12), (12, 16))
"""Rows of cells of the bands of a body, first and one after the last."""


def gradient_histograms(images: Tensor) -> Tensor:
    """The descriptor of each crop, averaged with that of its mirror image.

    Gradients of the grey image vote with their length for their direction, shared between the two nearest of 9 bins,
    and are summed over a grid of 16 x 8 cells. Each cell is divided by the strength of its 3 x 3 neighbourhood, and
    the square root is taken. After Dalal and Triggs, CVPR 2005; grid, normalisation and mirror are ours.

    Args:
        images: uint8 or float B x H x W x 3, values 0 to 255.

    Returns:
        float32 B x 1152, unit rows (zero for a crop of one flat colour).
    """
    grey = images.float().mean(3)
    one, mirrored = _cells(grey), _cells(grey.flip(2))
    return functional.normalize((one + mirrored).flatten(1), dim=1)


def _cells(grey: Tensor) -> Tensor:
    padded = functional.pad(grey[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    across = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    down = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    strength = (across.square() + down.square()).sqrt()
    place = torch.remainder(torch.atan2(down, across) / torch.pi, 1.0) * _BINS
    # How far each direction is from each bin on the circle, so without a scatter: the descriptor can be exported.
    apart = (place[:, None] - torch.arange(_BINS, device=grey.device).view(1, _BINS, 1, 1)).abs()
    votes = strength[:, None] * (1 - torch.minimum(apart, _BINS - apart)).clamp(min=0)
    cells = functional.adaptive_avg_pool2d(votes, _GRID)
    length = cells.square().sum(1, keepdim=True).sqrt()
    around = functional.avg_pool2d(length, 3, stride=1, padding=1, count_include_pad=False)
    # The constant, about the noise of a camera, keeps flat regions from being blown up.
    return (cells / (around + 2.0)).sqrt()


@torch.inference_mode()
def gradient_features(
    crops: Crops, images: Images, device: torch.device, *, batch: int = 256, progress: Callable[[int], None]
) -> Features:
    """The descriptors of all crops as features; they depend on the images alone."""
    parts = []
    for start in range(0, len(crops), batch):
        rows = np.arange(start, min(start + batch, len(crops)))
        parts.append(gradient_histograms(torch.from_numpy(images(rows)).to(device)).cpu())
        progress(len(rows))
    values = torch.cat(parts).numpy()
    # A crop of one flat colour has no direction: it gets the same one as every other such crop.
    values[~values.any(axis=1), 0] = 1
    return Features(values, crops)


def bands_of_bodies(values: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The descriptor without a horizontal band of the body, and that band alone, for each of five bands.

    Args:
        values: float32, N x 1152; rows of `gradient_histograms`, or means of some.

    Returns:
        From head to feet, (the rest, the band), float32 N x D each; not of unit length.
    """
    cells = values.reshape(len(values), _BINS, *_GRID)
    row = np.arange(_GRID[0])
    found = []
    for start, end in _BANDS:
        inside = (row >= start) & (row < end)
        found.append((cells[:, :, ~inside].reshape(len(values), -1), cells[:, :, inside].reshape(len(values), -1)))
    return found
