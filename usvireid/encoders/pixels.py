"""From pixels to what a network sees."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from usvireid.encoders.edges import EdgeScale

# Of ImageNet, per colour channel.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


class ImageNetScale(nn.Module):
    """Values 0 to 255 to ImageNet's mean 0 and deviation 1 per channel, float32 and channels last."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1) * 255, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """B x 3 x H x W of any dtype."""
        return ((images.float() - self.mean) / self.std).contiguous(memory_format=torch.channels_last)


def make_scale(sees: str) -> nn.Module:
    """What stands before a network's first layer, by the setting `encoder.sees`."""
    return EdgeScale() if sees == "edges" else ImageNetScale()
