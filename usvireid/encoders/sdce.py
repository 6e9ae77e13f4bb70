"""SDCE, semantic distillation cascade enhancement: attention that brings shallow clues into the deepest map.

ICRE (arXiv 2512.04522) reports a cross-attention, then a self-attention, then a non-linear refinement. The form here,
a pre-norm transformer block of these three, is a reconstruction, and every choice in it is a setting.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from usvireid.config import SdceSettings
from usvireid.encoders.positions import resized

_LARGEST = 1e4
"""Activations beyond are cut off, so that no product overflows float16; a working network stays far below."""


class SDCE(nn.Module):
    """The deepest map, enhanced by another map on the same grid.

    With tokens X = P_in(deep) and S = clues, one for each of the n = h w positions, and a learned table of positions
    added to both:

        Z1 = X + attention(q = LN(X), kv = LN(S))
        Z2 = Z1 + attention(LN(Z1))
        Z3 = Z2 + FFN(LN(Z2))                  GELU
        out = deep + BN(P_out(Z3))             BN begins at zero: training starts from the plain encoder

    `query` "shallow" exchanges the sides: S asks, X answers.

    Args:
        deep: channels of the deepest map.
        width: channels of the clues and of the tokens; a multiple of the heads.
        grid: h and w that the table of positions is made for; at another grid it is interpolated.
        settings: the form.
    """

    def __init__(self, deep: int, width: int, grid: tuple[int, int], settings: SdceSettings) -> None:
        super().__init__()
        if width % settings.heads:
            raise ValueError(f"{settings.heads} heads do not divide a width of {width}")
        self.settings = settings
        self.grid = grid
        self.inward = nn.Linear(deep, width)
        self.position = nn.Parameter(torch.empty(grid[0] * grid[1], width))
        self.norm_query, self.norm_source = nn.LayerNorm(width), nn.LayerNorm(width)
        self.cross = Attention(width, settings.heads)
        self.norm_self = nn.LayerNorm(width)
        self.itself = Attention(width, settings.heads)
        self.norm_feedforward = nn.LayerNorm(width)
        self.feedforward = nn.Sequential(
            nn.Linear(width, width * settings.feedforward), nn.GELU(), nn.Linear(width * settings.feedforward, width)
        )
        self.outward = nn.Linear(width, deep, bias=False)
        self.scale = nn.BatchNorm2d(deep)
        self._initialise()

    def forward(self, deep: Tensor, clues: Tensor) -> Tensor:
        """Enhance.

        Args:
            deep: B x D x h x w.
            clues: B x width x h x w.

        Returns:
            B x D x h x w, of the dtype that `deep` has or is promoted to.
        """
        enhancement = self.outward(self.tokens(deep, clues)).transpose(1, 2).reshape(deep.shape)
        enhanced: Tensor = deep + self.scale(enhancement.contiguous(memory_format=torch.channels_last))
        return enhanced

    def tokens(self, deep: Tensor, clues: Tensor) -> Tensor:
        """Z3, B x (h w) x width, finite for every finite input in every number format."""
        position = resized(self.position, self.grid, (deep.shape[2], deep.shape[3]))
        inner = _bounded(self.inward(_bounded(_tokens(deep)))) + position
        shallow = _bounded(_tokens(clues)) + position
        asking, answering = (inner, shallow) if self.settings.query == "deep" else (shallow, inner)
        tokens = asking + self.cross(self.norm_query(asking), self.norm_source(answering))
        normalised = self.norm_self(tokens)
        tokens = tokens + self.itself(normalised, normalised)
        refined: Tensor = tokens + self.feedforward(self.norm_feedforward(tokens))
        return refined

    def _initialise(self) -> None:
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.trunc_normal_(part.weight, std=part.in_features**-0.5)
                if part.bias is not None:
                    nn.init.zeros_(part.bias)
        nn.init.trunc_normal_(self.position, std=0.02)
        if self.settings.zero_output:
            nn.init.zeros_(self.scale.weight)


class Attention(nn.Module):
    """Multi-head attention from one set of tokens to another.

    Args:
        width: channels of the tokens.
        heads: they share the channels out evenly.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.outward = nn.Linear(width, width)

    def forward(self, asking: Tensor, answering: Tensor) -> Tensor:
        """From B x n x width, asked of B x m x width, to B x n x width; crops of a batch do not see each other."""
        query = self._split(self.query(asking))
        key, value = (self._split(part) for part in self.key_value(answering).chunk(2, dim=-1))
        with _quick_on_cpu(query):
            found = functional.scaled_dot_product_attention(query, key, value)
        joined: Tensor = self.outward(found.transpose(1, 2).flatten(2))
        return joined

    def _split(self, tokens: Tensor) -> Tensor:
        """B x n x width to B x heads x n x (width / heads)."""
        return tokens.reshape(*tokens.shape[:2], self.heads, -1).transpose(1, 2)


@contextlib.contextmanager
def _quick_on_cpu(query: Tensor) -> Iterator[None]:
    """Training in bfloat16 on a CPU: let PyTorch attend by plain matrix products, in the format of what comes in.

    Its fused kernel takes three times as long there, nearly all of it in the backward pass. bfloat16 has the range of
    float32, so nothing overflows; float16 is left to the fused kernel, which sums in float32.
    """
    if query.device.type != "cpu" or query.dtype != torch.bfloat16 or not query.requires_grad:
        yield
        return
    before = torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed()  # type: ignore[no-untyped-call]  # PyTorch's own
    torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(True)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(before)


def _tokens(maps: Tensor) -> Tensor:
    """B x C x h x w to B x (h w) x C."""
    return maps.flatten(2).transpose(1, 2)


def _bounded(values: Tensor) -> Tensor:
    return values.clamp(-_LARGEST, _LARGEST)
