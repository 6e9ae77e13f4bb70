"""Where in a crop its similarity to others comes from: class activation maps, without a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from usvireid.encoders.enhance import MASKS
from usvireid.encoders.interface import Encoder
from usvireid.errors import UsvireidError

_AT_ONCE = 8
"""Crops in one pass: everything on the way to the map is held until the gradient is known."""


@dataclass(frozen=True)
class Saliency:
    """Where crops of one modality are looked at.

    Attributes:
        maps: float32, N x h x w on the encoder's own grid; 0 or more, in no unit: to be compared within a crop.
        similarity: float32, N; the crop's feature times its reference, from -1 to 1; NaN for a crop without one.
        masks: MPFR's, float32, N x 3 x h x w in [0, 1], or None for an encoder without.
    """

    maps: np.ndarray
    similarity: np.ndarray
    masks: np.ndarray | None


def saliency(encoder: Encoder, modality: str, images: np.ndarray, references: np.ndarray) -> Saliency:
    """What each place adds to the similarity, for crops of one modality, in float32 and evaluation mode.

    With A the last map that has places in it, C x h x w, and s the cosine of the crop's feature and its reference,

        map = ReLU(sum over c of A_c * ds/dA_c),     place by place

    This is Grad-CAM in the form of HiResCAM (Draelos and Carin, arXiv 2011.08891), with s instead of the score of a
    class, which an encoder for retrieval does not have. Grad-CAM itself first averages the gradient over the places;
    here that would let negative values count, which the pooling cuts off. A crop without a reference takes
    half of the squared length of its feature before normalisation: what makes it strong at all.

    Args:
        encoder: on any device; its mode and its parameters are as before afterwards.
        modality: of the crops.
        images: uint8 N x H x W x 3, not mirrored.
        references: float32 N x D, unit rows, or rows of zeros for crops that have none.

    Raises:
        UsvireidError: the encoder has no map with places in it.
    """
    reader = encoder.reads_last_map()
    if reader is None:
        raise UsvireidError(
            f"a {type(encoder).__name__} says of no map where in the image it looks (Encoder.reads_last_map), "
            "so there is nothing to draw."
        )
    device = next((parameter.device for parameter in encoder.parameters()), torch.device("cpu"))
    taken: list[Tensor] = []

    def take(_: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        # A leaf of its own: the gradient is asked for here and needs to go no further down.
        taken.append(inputs[0].detach().float().requires_grad_())
        return (taken[-1], *inputs[1:])

    was_training = encoder.training
    encoder.eval()
    hook = reader.register_forward_pre_hook(take)
    parts = []
    try:
        for start in range(0, len(images), _AT_ONCE):
            pixels = torch.from_numpy(images[start : start + _AT_ONCE]).permute(0, 3, 1, 2).to(device)
            wanted = torch.from_numpy(references[start : start + _AT_ONCE]).to(device)
            encoded = encoder({modality: pixels})
            target, similarity = _target(encoded.features, encoded.necked, wanted)
            (gradient,) = torch.autograd.grad(target.sum(), taken[-1])
            maps = _map_of(*(_on_grid(part, pixels.shape[2:]) for part in (taken.pop().detach(), gradient)))
            parts.append((maps, similarity.detach(), encoded.extra.get(MASKS)))
    finally:
        hook.remove()
        encoder.train(was_training)
    masks = [mask for _, _, mask in parts if mask is not None]
    return Saliency(
        _joined([maps for maps, _, _ in parts]),
        _joined([found for _, found, _ in parts]),
        _joined(masks) if masks else None,
    )


def _target(features: Tensor, necked: Tensor, references: Tensor) -> tuple[Tensor, Tensor]:
    """What is differentiated for each crop, and its similarity."""
    has_reference = references.any(dim=1)
    similarity = (features * references).sum(dim=1)
    strength = necked.square().sum(dim=1) / 2
    return torch.where(has_reference, similarity, strength), torch.where(has_reference, similarity, torch.nan)


def _map_of(values: Tensor, gradient: Tensor) -> Tensor:
    found: Tensor = functional.relu((gradient * values).sum(dim=1))
    return found


def _on_grid(values: Tensor, size: torch.Size) -> Tensor:
    """B x C x h x w as it is; tokens, B x n x C, as such a map."""
    if values.ndim == 4:
        return values
    height, width = grid_of_tokens(values.shape[1], size[0], size[1])
    return values[:, -height * width :].transpose(1, 2).reshape(len(values), -1, height, width)


def grid_of_tokens(tokens: int, height: int, width: int) -> tuple[int, int]:
    """The grid that tokens stand on: with at most four more before it, of the image's aspect as nearly as can be.

    Raises:
        UsvireidError: no number near that of the tokens makes such a grid.
    """
    grids = [
        (abs(np.log(rows * width / (columns * height))), tokens - rows * columns, rows, columns)
        for count in range(max(tokens - 4, 1), tokens + 1)
        for rows in range(1, count + 1)
        for columns in [count // rows]
        if rows * columns == count
    ]
    skew, _, rows, columns = min(grids)
    if skew > np.log(1.5):
        raise UsvireidError(f"{tokens} tokens make no grid of the aspect of {height} x {width} pixels.")
    return rows, columns


def _joined(parts: list[Tensor]) -> np.ndarray:
    joined: np.ndarray = torch.cat(parts).detach().float().cpu().numpy()
    return joined
