"""The last step of every encoder: batch normalisation between the pooled and the retrieval feature."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from usvireid.encoders.interface import Encoded


class Neck(nn.BatchNorm1d):
    """BNNeck: a batch normalisation without shift, in float32 (Luo et al., "Bag of Tricks", CVPRW 2019).

    Args:
        width: D, the length of a feature.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.bias.requires_grad_(False)
        self._held: list[Encoded] | None = None

    @contextmanager
    def held_back(self) -> Iterator[list[Encoded]]:
        """Let everything pass for a while; what was passed on, the pooled maps in every place, is listed.

        In each place they are a tensor object of their own, so that one can find out where an encoder has put which.
        """
        self._held = []
        try:
            yield self._held
        finally:
            self._held = None

    def forward(self, pooled: Tensor, **extra: Tensor) -> Encoded:  # type: ignore[override]  # an Encoded, not a Tensor
        """From pooled maps (float, B x D) and anything an encoder wants to hand on."""
        with torch.autocast(pooled.device.type, enabled=False):
            pooled = pooled.float()
            if self._held is not None:
                necked, features = pooled.view_as(pooled), pooled.view_as(pooled)
                self._held.append(Encoded(pooled=pooled, necked=necked, features=features, extra=extra))
                return self._held[-1]
            necked = super().forward(pooled)
            return Encoded(pooled=pooled, necked=necked, features=functional.normalize(necked), extra=extra)
