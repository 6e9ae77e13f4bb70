"""The dual-stream encoder: one stem per modality, everything after it shared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from usvireid.config import MpfrSettings, SdceSettings
from usvireid.encoders.enhance import make_enhancement
from usvireid.encoders.interface import Encoded, Encoder
from usvireid.encoders.neck import Neck
from usvireid.encoders.pixels import make_scale
from usvireid.encoders.pooling import GeM
from usvireid.encoders.resnet import Stem, Trunk, initialise
from usvireid.encoders.weights import load_backbone
from usvireid.names import MODALITIES
from usvireid.randomness import derived_seed


class DualStreamEncoder(Encoder):
    """ResNet with a stem per modality, shared layers 1-4 of last stride 1, GeM pooling and a BNNeck.

    The shape is the one that the ICRE paper and its field build on. With MPFR and SDCE it is ICRE's encoder; without
    them exactly the plain one.

    Args:
        name: "resnet18" or "resnet50".
        width: channels of the first stage; published weights have 64.
        sees: "colours" or "edges", see `edges.EdgeScale`.
        gem_p: exponent of the pooling.
        mpfr: refinement of the shallow stages; off by default.
        sdce: how the deepest map is enhanced with them; off by default.
        size: height and width of the usual input; any other is accepted.
        seed: seed of the initial weights.

    Raises:
        UsageError: settings of the parts that do not fit the network.
    """

    def __init__(
        self,
        name: str,
        *,
        width: int = 64,
        sees: str = "colours",
        gem_p: float = 3.0,
        mpfr: MpfrSettings | None = None,
        sdce: SdceSettings | None = None,
        size: tuple[int, int] = (288, 144),
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.scale = make_scale(sees)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(seed, "encoder"))
            self.stems = nn.ModuleDict({modality: Stem(width) for modality in MODALITIES})
            self.trunk = Trunk(name, width)
            initialise(self)
            widths = self.trunk.widths
            self.enhance = make_enhancement(widths, size, mpfr or MpfrSettings(), sdce or SdceSettings())
        self.pool = GeM(gem_p)
        self.width = self.trunk.widths[-1]
        self.neck = Neck(self.width)
        # Both streams start equal, as they do from published weights: the modalities differ only in what they show.
        self.stems["infrared"].load_state_dict(self.stems["visible"].state_dict())

    def forward(self, images: Mapping[str, Tensor]) -> Encoded:
        """Encode a batch of either or both modalities, each B x 3 x H x W with values 0 to 255."""
        stems = [self.stems[name](self.scale(images[name])) for name in MODALITIES if name in images]
        deep, extra = self.enhance(self.trunk(torch.cat(stems)))
        encoded: Encoded = self.neck(self.pool(deep), **extra)
        return encoded

    def load_weights(self, path: Path) -> int:
        """Fill stems and trunk with a plain ResNet's weights; see `weights.load_backbone`."""
        return load_backbone(self.stems, self.trunk, path)

    def published(self) -> Iterator[nn.Parameter]:
        """The parameters of stems and trunk."""
        yield from self.stems.parameters()
        yield from self.trunk.parameters()

    def parts(self) -> dict[str, tuple[nn.Module, ...]]:
        """A stem per modality, the four layers, the parts of ICRE, and what makes a feature of the map."""
        stems = {f"stem {name}": (self.stems[name],) for name in MODALITIES}
        layers = {name: (layer,) for name, layer in self.trunk.named_children()}
        return {**stems, **layers, **self.enhance.parts(), "pool and neck": (self.pool, self.neck)}

    def reads_last_map(self) -> nn.Module | None:
        """The pooling: its input is the deepest map, enhanced where that is on."""
        return self.pool
