"""A vision transformer with a patch stem per modality, a shared trunk, and a deep and a shallow head.

HIL (arXiv 2509.11587) trains a ViT-B/16 and has two heads, whose agreement its multi-centre loss asks for. Known from
its released code: the backbone, and that there are a deep and a shallow head. A reconstruction: that the shallow head
reads the class token of a middle block through a norm and a neck of its own, and which block that is
(`encoder.vit.shallow`, 6 of 12). The trunk is that of Dosovitskiy et al., "An Image is Worth 16x16 Words" (ICLR 2021).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from usvireid.config import VitSettings
from usvireid.encoders.interface import Encoded, Encoder
from usvireid.encoders.neck import Neck
from usvireid.encoders.pixels import make_scale
from usvireid.encoders.positions import resized
from usvireid.encoders.vit_weights import load_vit
from usvireid.names import MODALITIES
from usvireid.randomness import derived_seed

SHALLOW = "shallow"
"""The name of the shallow head's feature among what an encoder hands on: float32, B x D, unit rows."""
SHALLOW_POOLED = "shallow pooled"
"""The name of what the shallow head has before its neck: float32, B x D."""

_EPSILON = 1e-6
"""Of every layer normalisation, as in published weights."""


class TwoHeadViT(Encoder):
    """ViT with a patch stem per modality; its feature is the deep head's, the shallow head's is handed on as extra.

    Both heads are a class token, layer-normalised, and a BNNeck: the deep one's after the last block, the shallow
    one's after an earlier block. Losses may use the shallow head; retrieval does not.

    Colours are scaled by ImageNet's mean and deviation, as DeiT's and torchvision's weights expect them.

    Args:
        settings: depth, width, heads, patches, and the block of the shallow head.
        size: height and width of the usual input, for which the table of positions is made; any other is accepted.
        sees: "colours" or "edges", see `edges.EdgeScale`.
        seed: seed of the initial weights.
    """

    def __init__(
        self, settings: VitSettings, *, size: tuple[int, int] = (288, 144), sees: str = "colours", seed: int = 0
    ) -> None:
        super().__init__()
        self.width = settings.width
        self.scale = make_scale(sees)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(seed, "encoder"))
            self.stems = nn.ModuleDict({modality: PatchStem(settings) for modality in MODALITIES})
            self.trunk = Trunk(settings, grid_of(*size, settings))
            self.neck = Neck(self.width)
            self.shallow_norm = nn.LayerNorm(self.width, _EPSILON)
            self.shallow_neck = Neck(self.width)
            _initialise(self)
        # Both streams start equal, as they do from published weights: the modalities differ only in what they show.
        self.stems["infrared"].load_state_dict(self.stems["visible"].state_dict())

    def forward(self, images: Mapping[str, Tensor]) -> Encoded:
        """Encode a batch of either or both modalities, each B x 3 x H x W with values 0 to 255."""
        patches = [self.stems[name](self.scale(images[name])) for name in MODALITIES if name in images]
        middle, last = self.trunk(torch.cat(patches))
        shallow = self.shallow_neck(self.shallow_norm(middle))
        encoded: Encoded = self.neck(last, **{SHALLOW: shallow.features, SHALLOW_POOLED: shallow.pooled})
        return encoded

    def load_weights(self, path: Path) -> int:
        """Fill stems and trunk with a plain ViT's weights; see `vit_weights.load_vit`. The shallow head stays new."""
        return load_vit(self.stems, self.trunk, self.trunk.grid, path)

    def reads_last_map(self) -> nn.Module:
        """The last block, which reads the tokens that the deep head's class token gathers from."""
        return self.trunk.blocks[-1]

    def published(self) -> Iterator[nn.Parameter]:
        """The parameters of stems and trunk, the norm of the deep head among them."""
        yield from self.stems.parameters()
        yield from self.trunk.parameters()


class PatchStem(nn.Module):
    """Square patches to tokens: one convolution, on an image padded at the bottom and right to whole patches."""

    def __init__(self, settings: VitSettings) -> None:
        super().__init__()
        self.settings = settings
        self.project = nn.Conv2d(3, settings.width, settings.patch, stride=settings.stride)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images, B x 3 x H x W, to B x width x h x w."""
        height, width = images.shape[2:]
        patch, stride = self.settings.patch, self.settings.stride
        down, across = ((count - 1) * stride + patch for count in grid_of(height, width, self.settings))
        tokens: Tensor = self.project(functional.pad(images, (0, across - width, 0, down - height)))
        return tokens


def grid_of(height: int, width: int, settings: VitSettings) -> tuple[int, int]:
    """Patches down and across for an input size; where they touch, size / patch, rounded up."""
    down, across = (max(0, -(-(length - settings.patch) // settings.stride)) + 1 for length in (height, width))
    return down, across


class Trunk(nn.Module):
    """Class token, table of positions, blocks, and the last layer normalisation.

    Args:
        settings: the form.
        grid: patches down and across that the table is made for; for another grid it is interpolated.
    """

    def __init__(self, settings: VitSettings, grid: tuple[int, int]) -> None:
        super().__init__()
        self.grid = grid
        self.shallow = settings.shallow
        self.class_token = nn.Parameter(torch.empty(1, 1, settings.width))
        self.position = nn.Parameter(torch.empty(1, 1 + grid[0] * grid[1], settings.width))
        self.blocks = nn.ModuleList(Block(settings.width, settings.heads) for _ in range(settings.depth))
        self.norm = nn.LayerNorm(settings.width, _EPSILON)

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Run the blocks.

        Args:
            patches: B x width x h x w.

        Returns:
            The class token after the shallow head's block, as it is, and after the last one, normalised; B x width.
        """
        tokens = patches.flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(tokens.shape[0], -1, -1), tokens], dim=1)
        tokens = tokens + self._positions(patches.shape[2], patches.shape[3])
        seen = []
        for block in self.blocks:
            tokens = block(tokens)
            seen.append(tokens[:, 0])
        return seen[self.shallow - 1], self.norm(seen[-1])

    def _positions(self, height: int, width: int) -> Tensor:
        return torch.cat([self.position[0, :1], resized(self.position[0, 1:], self.grid, (height, width))])


class Block(nn.Module):
    """Self-attention, then two layers with a GELU between them; each after a layer normalisation, beside a shortcut."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, _EPSILON)
        self.attention = SelfAttention(width, heads)
        self.norm2 = nn.LayerNorm(width, _EPSILON)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """B x n x width to the same."""
        tokens = tokens + self.attention(self.norm1(tokens))
        refined: Tensor = tokens + self.mlp(self.norm2(tokens))
        return refined


class SelfAttention(nn.Module):
    """Multi-head attention among the tokens of a crop; query, key and value in one matrix, as in published weights."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """B x n x width to the same; crops of a batch do not see each other."""
        count, length, width = tokens.shape
        joined = self.qkv(tokens).reshape(count, length, 3, self.heads, width // self.heads)
        query, key, value = joined.permute(2, 0, 3, 1, 4)
        found = functional.scaled_dot_product_attention(query, key, value)
        mixed: Tensor = self.proj(found.transpose(1, 2).flatten(2))
        return mixed


def _initialise(encoder: TwoHeadViT) -> None:
    """Truncated normal weights whose outputs are of the size of their inputs, whatever the width; biases zero."""
    for part in encoder.modules():
        if isinstance(part, nn.Linear | nn.Conv2d):
            nn.init.trunc_normal_(part.weight, std=part.weight[0].numel() ** -0.5)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    nn.init.trunc_normal_(encoder.trunk.class_token, std=0.02)
    nn.init.trunc_normal_(encoder.trunk.position, std=0.02)
