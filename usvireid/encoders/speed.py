"""How many crops a second an encoder takes on this machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from usvireid.devices import Compute
from usvireid.encoders.interface import Encoder
from usvireid.names import MODALITIES
from usvireid.randomness import torch_generator

BATCH = {"cpu": 16, "cuda": 64}
"""Crops of each modality at a time, by device: enough to keep it busy, few enough for its memory."""

_FEWEST = 3
"""Batches that are timed, unless they take longer than `_PATIENCE`."""
_SECONDS = 2.0
_PATIENCE = 20.0


@dataclass(frozen=True)
class Speed:
    """Crops a second, and how that was measured.

    Attributes:
        inference: forward in evaluation mode, without mirror images.
        training: forward and backward in training mode; neither reading of images nor the optimiser's step.
        batch: crops at a time, half of them of either modality.
        threads: of the CPU.
        compute: device and number format, as a run would choose them.
    """

    inference: float
    training: float
    batch: int
    threads: int
    compute: str

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"on this machine: inference {self.inference:,.1f} img/s, training (forward and backward) "
            f"{self.training:,.1f} img/s; batch {self.batch}, {self.compute}, {self.threads} CPU threads"
        )


def measure_speed(encoder: Encoder, height: int, width: int, compute: Compute, batch: int | None = None) -> Speed:
    """Measure on random pixels: the median over 2 to 20 seconds of batches, after one that is not counted.

    The weights are not changed; the encoder's running means are, and it is moved to the device.

    Args:
        encoder: what is measured.
        height: of the input, pixels.
        width: of the input, pixels.
        compute: device and number format.
        batch: crops of each modality at a time; None: as `BATCH` has it.
    """
    batch = batch or BATCH[compute.device.type]
    encoder = encoder.to(compute.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    generator = torch_generator(0, "speed")
    pixels = torch.randint(0, 256, (batch, 3, height, width), dtype=torch.uint8, generator=generator)
    images = dict.fromkeys(MODALITIES, pixels.to(compute.device))
    direction = torch.randn(len(MODALITIES) * batch, encoder.trained_part().width, generator=generator).to(
        compute.device
    )

    def forward() -> None:
        with torch.inference_mode(), compute.autocast():
            encoder(images)

    def forward_and_backward() -> None:
        encoder.zero_grad(set_to_none=True)
        with compute.autocast():
            features = encoder(images).features
        (features * direction).sum().backward()

    encoder.eval()
    inference = len(direction) / _median_seconds(forward, compute.device)
    encoder.train()
    training = len(direction) / _median_seconds(forward_and_backward, compute.device)
    encoder.zero_grad(set_to_none=True)
    return Speed(inference, training, len(direction), torch.get_num_threads(), str(compute))


def _median_seconds(step: Callable[[], None], device: torch.device) -> float:
    step()
    seconds: list[float] = []
    while sum(seconds) < (_PATIENCE if len(seconds) < _FEWEST else _SECONDS):
        _wait(device)
        before = time.perf_counter()
        step()
        _wait(device)
        seconds.append(time.perf_counter() - before)
    return statistics.median(seconds)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
