"""What an encoder is: images of either modality in, a feature per crop out.

An encoder of one's own is a Python file with a function `make(settings)` that returns an `Encoder`; name the file in
`encoder.name`. This one averages colours and learns a projection:

    from torch import cat, nn
    from usvireid.encoders.interface import Encoder
    from usvireid.encoders.neck import Neck
    from usvireid.names import MODALITIES

    class Colours(Encoder):
        def __init__(self, width):
            super().__init__()
            self.width = width
            self.project = nn.Linear(3, width)
            self.neck = Neck(width)

        def forward(self, images):
            maps = cat([images[name].float() / 255 for name in MODALITIES if name in images])
            return self.neck(self.project(maps.mean(dim=(2, 3))))

    def make(settings):
        return Colours(settings.options.get("width", 16))
"""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

from usvireid.errors import UsageError


@dataclass(frozen=True)
class Encoded:
    """What an encoder makes of a batch of B crops: rows in the order of `names.MODALITIES`, the visible ones first.

    Attributes:
        pooled: float32, B x D; before the neck. Distances between crops are measured on it.
        necked: float32, B x D; after the neck, not normalised. A classifier sees it.
        features: float32, B x D; unit rows, the retrieval feature.
        extra: whatever else losses or a person may want, by name; B rows each.
    """

    pooled: Tensor
    necked: Tensor
    features: Tensor
    extra: Mapping[str, Tensor] = field(default_factory=dict)


class Encoder(nn.Module, abc.ABC):
    """The base of all encoders.

    Attributes:
        width: D, the length of a feature.
    """

    width: int

    @abc.abstractmethod
    def forward(self, images: Mapping[str, Tensor]) -> Encoded:
        """Encode a batch of either or both modalities.

        Args:
            images: per modality B x 3 x H x W, values 0 to 255 of any dtype.
        """

    def load_weights(self, path: Path) -> int:
        """Start from a file of published weights; returns the number of tensors taken.

        Raises:
            UsageError: the encoder reads no such file.
            DataError: the file is not what the encoder needs.
        """
        raise UsageError(f"encoder.weights: {path} was named, but a {type(self).__name__} reads no weights file.")

    def published(self) -> Iterator[nn.Parameter]:
        """The parameters that `load_weights` fills, for a learning rate of their own; none if not overridden."""
        return iter(())

    def trained_part(self) -> Encoder:
        """What training sees and changes: the encoder itself, unless something fixed stands beside it."""
        return self

    def parts(self) -> dict[str, tuple[nn.Module, ...]]:
        """The parts that `usvireid encoder summary` counts, by name; the direct children if not overridden."""
        return {name: (child,) for name, child in self.named_children()}

    def reads_last_map(self) -> nn.Module | None:
        """The module whose first input is the last map with places in it, which `usvireid explain` looks at.

        That input is B x C x h x w, or tokens, B x n x C, of which the last h w are the places, row by row. None, if
        not overridden: the encoder has no such map.
        """
        return None
