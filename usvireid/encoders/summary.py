"""What an encoder costs, part by part: parameters, multiply-adds and activations for one crop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch
from rich.box import SIMPLE_HEAD
from rich.table import Table
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from usvireid.encoders.interface import Encoded, Encoder
from usvireid.names import MODALITIES

REST = "everything else"
"""The line of what stands in no part."""

_NUMBER_BYTES = 4
_TOTAL = "total"
_FIELDS = ("parameters", "multiply_adds", "activations")


@dataclass(frozen=True)
class Cost:
    """What a part costs, for one crop.

    Attributes:
        parameters: numbers that are stored and may be learnt; the means and deviations of normalisations not counted.
        multiply_adds: of convolutions, linear maps and attention; additions, scalings and non-linearities not counted.
        activations: numbers that its layers (modules without parts of their own) give out.
    """

    parameters: int
    multiply_adds: int
    activations: int

    @property
    def mebibytes(self) -> float:
        """The activations in float32, in units of 2^20 bytes."""
        return self.activations * _NUMBER_BYTES / 2**20


@dataclass(frozen=True)
class EncoderSummary:
    """The cost of an encoder and of its parts at one input size.

    Attributes:
        name: of the encoder.
        height: of the input, pixels.
        width: of the input, pixels.
        parts: by name; a part that a crop passes through in one modality only counts what it costs there.
        total: all parameters, and what one crop of each modality costs, by modality.
    """

    name: str
    height: int
    width: int
    parts: dict[str, Cost]
    total: dict[str, Cost]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    def table(self) -> Table:
        """A row per part and a total for a crop of each modality, or one for both where they cost the same."""
        title = f"{self.name}, one crop of {self.height} x {self.width}"
        table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
        table.add_column("part", no_wrap=True)
        for heading in ("parameters", "multiply-adds", "activations", "MiB"):
            table.add_column(heading, justify="right", no_wrap=True)
        for name, cost in self.parts.items():
            table.add_row(name, *_cells(cost))
        table.add_section()
        alike = len(set(self.total.values())) == 1
        for modality, cost in self.total.items():
            table.add_row("total" if alike else f"total, {modality}", *_cells(cost))
            if alike:
                break
        table.caption_justify = "left"
        table.caption = "a crop passes through the stem of its own modality; MiB: activations in float32"
        return table


def summarise(encoder: Encoder, name: str, height: int, width: int) -> EncoderSummary:
    """Count what one crop of each modality costs, in evaluation mode, on the device that the encoder is on.

    Args:
        encoder: its mode is as before afterwards.
        name: what to call it.
        height: of the input, pixels.
        width: of the input, pixels.
    """
    device = next((parameter.device for parameter in encoder.parameters()), torch.device("cpu"))
    crop = torch.zeros(1, 3, height, width, dtype=torch.uint8, device=device)
    was_training = encoder.training
    encoder.eval()
    found = {modality: _costs(encoder, {modality: crop}) for modality in MODALITIES}
    encoder.train(was_training)
    parts = {
        part: max((costs[part] for costs in found.values()), key=lambda cost: (cost.multiply_adds, cost.activations))
        for part in found[MODALITIES[0]]
    }
    total = {modality: costs.pop(_TOTAL) for modality, costs in found.items()}
    named = {part: cost for part, cost in parts.items() if part != _TOTAL and cost != Cost(0, 0, 0)}
    return EncoderSummary(name, height, width, named, total)


def _costs(encoder: Encoder, images: dict[str, Tensor]) -> dict[str, Cost]:
    """What the images cost in every part, in the rest and in all."""
    # The fused kernels of attention are not among what PyTorch counts on every device; its plain form is.
    with (
        torch.inference_mode(),
        _activations(encoder) as activations,
        sdpa_kernel(SDPBackend.MATH),
        FlopCounterMode(display=False) as counter,
    ):
        encoder(images)
    operations = {path: sum(kinds.values()) // 2 for path, kinds in counter.get_flop_counts().items()}
    root = type(encoder).__name__
    paths = {module: f"{root}.{path}" if path else root for path, module in encoder.named_modules()}

    def cost(*modules: nn.Module) -> Cost:
        inner = {module for part in modules for module in part.modules()}
        return Cost(
            parameters=sum({id(p): p.numel() for module in modules for p in module.parameters()}.values()),
            multiply_adds=sum(operations.get(paths[module], 0) for module in modules),
            activations=sum(activations.get(module, 0) for module in inner),
        )

    parts = {name: cost(*modules) for name, modules in encoder.parts().items()}
    total = cost(encoder)
    rest = [getattr(total, field) - sum(getattr(part, field) for part in parts.values()) for field in _FIELDS]
    return {**parts, REST: Cost(*rest), _TOTAL: total}


@contextmanager
def _activations(encoder: nn.Module) -> Iterator[dict[nn.Module, int]]:
    """Numbers that each module without parts of its own gives out within the body of the `with`."""
    counts: dict[nn.Module, int] = {}

    def count(module: nn.Module, _: Any, output: Any) -> None:
        counts[module] = counts.get(module, 0) + _elements(output)

    hooks = [part.register_forward_hook(count) for part in encoder.modules() if not any(True for _ in part.children())]
    try:
        yield counts
    finally:
        for hook in hooks:
            hook.remove()


def _elements(output: Any) -> int:
    if isinstance(output, Encoded):
        return output.features.numel()
    if isinstance(output, Tensor):
        return output.numel()
    return sum(map(_elements, output)) if isinstance(output, list | tuple) else 0


def _cells(cost: Cost) -> tuple[str, ...]:
    return (_short(cost.parameters), _short(cost.multiply_adds), _short(cost.activations), f"{cost.mebibytes:.1f}")


def _short(number: int) -> str:
    """Three to four digits and a unit: 6,427,413,504 is 6.43 G."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{number / size:.{2 if number < 100 * size else 1}f} {unit}"
    return f"{number}  "
