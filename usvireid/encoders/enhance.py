"""What is pooled: the deepest map as it is, or enhanced with the clues of the shallow stages."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from usvireid.config import MpfrSettings, SdceSettings
from usvireid.encoders.mpfr import MPFR
from usvireid.encoders.sdce import SDCE
from usvireid.errors import UsageError

MASKS = "masks"
"""The name of MPFR's masks among what an encoder hands on: B x 3 x h x w."""


class Deepest(nn.Module):
    """The plain choice: the deepest stage as it is."""

    def forward(self, stages: Sequence[Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The output of layer4, and nothing else."""
        return stages[-1], {}

    def parts(self) -> dict[str, tuple[nn.Module, ...]]:
        """None."""
        return {}


class Enhanced(nn.Module):
    """The deepest map with MPFR's map brought into it, by SDCE or, where that is off, by a 1 x 1 convolution (ours).

    Either begins at zero, so that training starts from the plain encoder, unless `zero_output` is off.

    Args:
        widths: channels of the four stages.
        grid: h and w of the deepest map at the usual input size.
        mpfr: its form.
        sdce: its form; it may be off.

    Raises:
        UsageError: the heads of SDCE do not divide the width.
    """

    def __init__(self, widths: Sequence[int], grid: tuple[int, int], mpfr: MpfrSettings, sdce: SdceSettings) -> None:
        super().__init__()
        width = widths[-1] // 4 if mpfr.width == "auto" else mpfr.width
        if sdce.use and width % sdce.heads:
            raise UsageError(
                f"encoder.sdce.heads: {sdce.heads} heads do not divide {width} channels (encoder.mpfr.width); "
                "change one of the two."
            )
        self.mpfr = MPFR(widths, width, mpfr)
        self.bring = (
            SDCE(widths[-1], width, grid, sdce) if sdce.use else _Injection(width, widths[-1], sdce.zero_output)
        )

    def forward(self, stages: Sequence[Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The enhanced map, of the shape of layer4's, and MPFR's masks."""
        clues, masks = self.mpfr(stages)
        return self.bring(stages[-1], clues), {MASKS: masks}

    def parts(self) -> dict[str, tuple[nn.Module, ...]]:
        """MPFR, and what brings its map into the deepest."""
        return {"mpfr": (self.mpfr,), "sdce" if isinstance(self.bring, SDCE) else "injection": (self.bring,)}


class _Injection(nn.Module):
    def __init__(self, width: int, deep: int, zero_output: bool) -> None:
        super().__init__()
        self.outward = nn.Conv2d(width, deep, 1, bias=False)
        self.scale = nn.BatchNorm2d(deep)
        if zero_output:
            nn.init.zeros_(self.scale.weight)

    def forward(self, deep: Tensor, clues: Tensor) -> Tensor:
        enhanced: Tensor = deep + self.scale(self.outward(clues))
        return enhanced


def grid_of(height: int, width: int) -> tuple[int, int]:
    """The grid of layer4 for an input size: a sixteenth, rounded up."""
    return -(-height // 16), -(-width // 16)


def make_enhancement(
    widths: Sequence[int], size: tuple[int, int], mpfr: MpfrSettings, sdce: SdceSettings
) -> Deepest | Enhanced:
    """The module that takes the four stages of a ResNet to the map that is pooled."""
    return Enhanced(widths, grid_of(*size), mpfr, sdce) if mpfr.use else Deepest()
