"""Device, number format and memory layout, decided in one place."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import torch

from usvireid.errors import UsageError
from usvireid.processes import own_device

_FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Compute:
    """Where the encoder runs and in which number format.

    Weights, features and losses are float32; with another `dtype`, bfloat16 or float16, the convolutions run in that
    format (autocast).
    """

    device: torch.device
    dtype: torch.dtype

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """The context in which the encoder runs forward."""
        if self.dtype == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)

    @property
    def scales_losses(self) -> bool:
        """Whether losses are scaled for the backward pass, in which float16 would lose small gradients."""
        return self.dtype == torch.float16

    def __str__(self) -> str:
        return f"{self.device} {str(self.dtype).removeprefix('torch.')}"


def choose_compute(device: str, precision: str) -> Compute:
    """Resolve the settings `device` ("auto", "cpu", "cuda", "cuda:1") and `precision` ("auto", or a format by name).

    "auto" takes a GPU where there is one, and bfloat16 where the device has instructions for it. Of several processes
    each takes a GPU of its own.

    Raises:
        UsageError: a device that is not there, or not for each process.
    """
    device = own_device(device)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise UsageError(f"device: '{device}' is no device; use auto, cpu, cuda or cuda:N.") from None
    if chosen.type not in ("cpu", "cuda") or (chosen.type == "cpu" and chosen.index is not None):
        raise UsageError(f"device: '{device}' is not supported; use auto, cpu, cuda or cuda:N.")
    if chosen.type == "cuda" and not (torch.cuda.is_available() and (chosen.index or 0) < torch.cuda.device_count()):
        raise UsageError(f"device: '{device}' is not here ({torch.cuda.device_count()} GPUs seen); use auto.")
    if chosen.index is not None:
        # Memory is pinned and libraries allocate on the current GPU, whatever tensors are where.
        torch.cuda.set_device(chosen)
    if precision == "auto":
        precision = "bfloat16" if has_fast_bfloat16(chosen) else "float32"
    return Compute(device=chosen, dtype=_FORMATS[precision])


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether the device has bfloat16 matrix instructions; without them the format is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(cpu_flags())


def cpu_flags() -> frozenset[str]:
    """Instruction sets of the CPU as the kernel names them; empty where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    flags = next((line for line in lines if line.startswith("flags")), ":")
    return frozenset(flags.partition(":")[2].split())
