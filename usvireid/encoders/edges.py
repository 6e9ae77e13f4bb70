"""Pixels as edges: what is left of a crop when colour, brightness and the sensor are gone."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_AROUND = 17
"""Side, in pixels, of the square whose mean strength an edge is measured by."""
_NOISE = 4.0
"""Added to that mean, about the noise of a camera: it keeps flat regions from being blown up."""
_USUAL = 0.7
"""About the mean of the strengths that come out, and their deviation."""
_TINY = 1e-6


class EdgeScale(nn.Module):
    """The edges of a crop as three channels of about mean 0 and deviation 1, float32 and channels last (ours).

    The first channel is the strength of the grey image's gradient, the others its cosine and sine at twice its angle,
    so that an edge looks the same whichever of its sides is brighter: in thermal images that is often the other one.
    Each strength is divided by the root mean square of those around it, as in histograms of gradients (Dalal and
    Triggs, CVPR 2005).
    """

    def forward(self, images: Tensor) -> Tensor:
        """B x 3 x H x W of any dtype, values 0 to 255."""
        with torch.autocast(images.device.type, enabled=False):
            padded = functional.pad(images.float().mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
            across = padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]
            down = padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]
            square = across.square() + down.square()
            around = functional.avg_pool2d(square, _AROUND, stride=1, padding=_AROUND // 2, count_include_pad=False)
            strength = square.sqrt() / (around.sqrt() + _NOISE)
            # cos 2a and sin 2a of the angle a; where there is no edge the strength is 0 and the angle does not matter.
            angle = torch.cat([across.square() - down.square(), 2 * across * down], 1) / square.clamp(min=_TINY)
            edges = torch.cat([(strength - _USUAL) / _USUAL, strength * angle / _USUAL], 1)
            return edges.contiguous(memory_format=torch.channels_last)
