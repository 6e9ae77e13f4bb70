"""The running average of an encoder's weights: calmer from epoch to epoch than the weights themselves."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor

from usvireid.encoders.interface import Encoder


class WeightAverage:
    """The exponential moving average of an encoder's weights and of its batch statistics.

    At the n-th step (n from 0) the new weights come in with the share 1 / min(n + 1, reach): it is the plain mean of
    the weights after each step until that reaches back far enough, so the random weights of the beginning never weigh
    anything. What counts (integers) is taken as it is. Averaging weights is well known (Polyak); the plain mean at
    first is ours.

    Args:
        encoder: what learns; it is copied, and trained elsewhere.

    Attributes:
        encoder: with the averaged weights, in evaluation mode; before the first step it means nothing.
        steps: how many steps it is the average of.
        reach: how many steps it reaches back, at least 1.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder: Encoder = copy.deepcopy(encoder).requires_grad_(False).eval()
        self.steps = 0
        self.reach = math.inf

    @torch.no_grad()
    def update(self, encoder: Encoder) -> None:
        """Take in the weights as they are after a step."""
        share = 1 / max(1, min(self.steps + 1, self.reach))
        now = encoder.state_dict()
        floats: list[Tensor] = []
        news: list[Tensor] = []
        for name, value in self.encoder.state_dict().items():
            if value.is_floating_point():
                floats.append(value)
                news.append(now[name])
            else:
                value.copy_(now[name])
        # One after the other would be many small operations, which a GPU waits for.
        torch._foreach_lerp_(floats, news, share)
        self.steps += 1
