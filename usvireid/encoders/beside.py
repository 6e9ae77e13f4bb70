"""An encoder with the gradient descriptor beside it: what is compared is both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from usvireid.encoders.features import Features
from usvireid.encoders.gradients import DESCRIPTOR, gradient_histograms
from usvireid.encoders.interface import Encoded, Encoder
from usvireid.names import MODALITIES

NETWORK = "network."
"""What the names of the network's tensors begin with here."""


class BesideGradients(Encoder):
    """A network that learns, and the gradient descriptor, which does not, in one retrieval feature (ours).

    In evaluation mode a feature is the network's and the descriptor's side by side, so that the cosine of two is the
    weighted mean of theirs. From descriptors the mean of their modality over the training crops is subtracted, which is
    mostly the sensor's. In training mode it is the network alone, and so is `trained_part`.

    Args:
        network: what learns.
        share: weight of the descriptor in the mean, above 0; at 1 the network does not count.
    """

    means: Tensor

    def __init__(self, network: Encoder, share: float) -> None:
        super().__init__()
        self.network = network
        self.share = share
        self.width = network.width + DESCRIPTOR
        self.register_buffer("means", torch.zeros(len(MODALITIES), DESCRIPTOR))

    def centre(self, descriptors: Features) -> None:
        """Subtract the means of these descriptors from now on; 0 for a modality without any."""
        for place, modality in enumerate(MODALITIES):
            values = descriptors.of_modality(modality).values
            mean = values.mean(axis=0, dtype="float64") if len(values) else 0 * self.means[place].numpy(force=True)
            self.means[place] = torch.from_numpy(mean).to(self.means)

    def forward(self, images: Mapping[str, Tensor]) -> Encoded:
        """Encode a batch of either or both modalities, each B x 3 x H x W with values 0 to 255."""
        encoded: Encoded = self.network(images)
        if self.training:
            return encoded
        with torch.autocast(self.means.device.type, enabled=False):
            described = [
                functional.normalize(gradient_histograms(images[name].permute(0, 2, 3, 1)) - self.means[place])
                for place, name in enumerate(MODALITIES)
                if name in images
            ]
            sides = ((1 - self.share) ** 0.5 * encoded.features, self.share**0.5 * torch.cat(described))
            return replace(encoded, features=functional.normalize(torch.cat(sides, dim=1)))

    def trained_part(self) -> Encoder:
        """The network."""
        return self.network

    def load_weights(self, path: Path) -> int:
        """Fill the network."""
        return self.network.load_weights(path)

    def published(self) -> Iterator[nn.Parameter]:
        """Those of the network."""
        return self.network.published()

    def parts(self) -> dict[str, tuple[nn.Module, ...]]:
        """Those of the network; the descriptor has nothing to learn."""
        return self.network.parts()

    def reads_last_map(self) -> nn.Module | None:
        """As the network has it."""
        return self.network.reads_last_map()
