"""MPFR, multi-perception feature refinement: what three shallow stages know of an identity, in one map.

ICRE (arXiv 2512.04522) reports that features of three successive stages are brought to one scale and width, masked by
where they matter, and joined into one identity-guided map. Its equations are not public: the forms here are a
reconstruction, and every choice in it is a setting.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from usvireid.config import MpfrSettings

STAGES = {"1-3": (0, 1, 2), "2-4": (1, 2, 3)}
"""Positions in the list of stages. 1-3 is the only triple with three resolutions where the last stride is 1."""


class MPFR(nn.Module):
    """Three stages to one map of the deepest stage's grid.

    With F_k the map of stage k, pooled to the grid of h x w:

        F^_k = ReLU(BN(W_k F_k))              1 x 1 convolution to `width` channels
        M_k  = sigmoid(psi_k(F^_k))           3 x 3 convolution to one channel, values in [0, 1]
        F~_k = M_k F^_k + F^_k
        F_id = ReLU(BN(U [F~_1; F~_2; F~_3]))

    Settings change the mask to a softmax over the three stages, leave out the second term of F~_k, or add the F~_k up
    instead of stacking them.

    Args:
        widths: channels of the four stages.
        width: channels of the result.
        settings: the form.
    """

    def __init__(self, widths: Sequence[int], width: int, settings: MpfrSettings) -> None:
        super().__init__()
        self.settings = settings
        self.width = width
        self.stages = STAGES[settings.stages]
        self.align = nn.ModuleList(
            nn.Sequential(nn.Conv2d(widths[stage], width, 1, bias=False), nn.BatchNorm2d(width))
            for stage in self.stages
        )
        self.mask = nn.ModuleList(nn.Conv2d(width, 1, 3, padding=1) for _ in self.stages)
        stacked = width * (len(self.stages) if settings.fuse == "concat" else 1)
        self.fuse = nn.Sequential(nn.Conv2d(stacked, width, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, stages: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Refine.

        Args:
            stages: the maps of layer1 to layer4, each B x C_k x H_k x W_k.

        Returns:
            F_id, B x width x h x w, and the masks, B x 3 x h x w in [0, 1]; h x w is the grid of layer4.
        """
        grid = stages[-1].shape[2:]
        aligned = [
            functional.relu(align(to_grid(stages[stage], grid)))
            for stage, align in zip(self.stages, self.align, strict=True)
        ]
        scores = torch.cat([mask(part) for mask, part in zip(self.mask, aligned, strict=True)], dim=1)
        masks = scores.sigmoid() if self.settings.mask == "sigmoid" else scores.softmax(dim=1)
        gain = masks + 1 if self.settings.residual else masks
        refined = [part * gain[:, place : place + 1] for place, part in enumerate(aligned)]
        joined = torch.cat(refined, dim=1) if self.settings.fuse == "concat" else torch.stack(refined).sum(dim=0)
        return functional.relu(self.fuse(joined)), masks


def to_grid(maps: Tensor, grid: Sequence[int]) -> Tensor:
    """A map averaged down to a grid; sizes that are no multiples of each other are met as evenly as possible."""
    height, width = maps.shape[2:]
    if (height, width) == tuple(grid):
        return maps
    if height % grid[0] == 0 and width % grid[1] == 0:
        return functional.avg_pool2d(maps, (height // grid[0], width // grid[1]))
    return functional.adaptive_avg_pool2d(maps, (grid[0], grid[1]))
