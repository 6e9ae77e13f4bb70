"""How many crops can be trained on at a time on this machine: measured, not guessed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from usvireid.devices import Compute
from usvireid.encoders.interface import Encoder
from usvireid.errors import UsvireidError
from usvireid.names import MODALITIES

FEWEST = 4
"""Two crops of each modality."""
_SHARE = 0.8
"""Of the free memory that is counted on; the rest is for batches that wait, and for what nobody counted."""
_BESIDES = 1.45
"""A step takes more than what it keeps for the backward pass: gradients on the way, workspaces of convolutions."""
_COPIES = 3
"""As large as the weights: their gradients, and both moments of AdamW."""


def crops_that_fit(encoder: Encoder, compute: Compute, height: int, width: int, most: int) -> int:
    """The most crops, half of them of each modality, whose forward and backward pass fit into the device's memory.

    On a GPU, two small steps say what a crop takes; a step of as many as that promises is then tried, and halved where
    it does not fit. On a CPU, where trying would end the process, the bytes are counted that a small step keeps for its
    backward pass, and set against the memory that is available. The encoder itself is left as it is.

    Args:
        encoder: on its device.
        compute: device and number format.
        height: of the crops, pixels.
        width: of the crops, pixels.
        most: never more than this; 4 at least.

    Raises:
        UsvireidError: not even four fit.
    """
    trial = copy.deepcopy(encoder).train()

    def step(crops: int) -> Tensor:
        pixels = torch.zeros(crops // 2, 3, height, width, device=compute.device)
        with compute.autocast():
            features: Tensor = trial(dict.fromkeys(MODALITIES, pixels)).features
        return features.sum()

    with torch.random.fork_rng(devices=[compute.device] if compute.device.type == "cuda" else []):
        found = _tried(trial, step, most, compute) if compute.device.type == "cuda" else _counted(trial, step, most)
    if found < FEWEST:
        raise UsvireidError(
            f"training.batch auto: not even {FEWEST} crops of {height} x {width} fit into the memory of "
            f"{compute.device}; free some, or give a smaller encoder.width, data.height and data.width."
        )
    return min(found, most)


def kept_bytes(encoder: Encoder, forward: Callable[[], object]) -> int:
    """Bytes that autograd keeps for the backward pass of what `forward` does, weights not counted."""
    own = {parameter.untyped_storage().data_ptr() for parameter in encoder.parameters()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        # Held until all are counted: memory that is freed and used again would count once.
        if tensor.untyped_storage().data_ptr() not in own:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        forward()
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def available_memory() -> int | None:
    """Bytes of main memory that a process may still take; None where the system does not tell."""
    found = []
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        line = next(line for line in lines if line.startswith("MemAvailable:"))
        found.append(int(line.split()[1]) * 1024)
    with suppress(OSError, ValueError):  # a container's limit
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
        found.append(limit - int(Path("/sys/fs/cgroup/memory.current").read_text()))
    return min(found, default=None)


def _counted(trial: Encoder, step: Callable[[int], Tensor], most: int) -> int:
    memory = available_memory()
    if memory is None:
        return most
    two, four = (kept_bytes(trial, lambda crops=crops: step(crops)) for crops in (FEWEST, 2 * FEWEST))  # type: ignore[misc]
    each = (four - two) / FEWEST * _BESIDES
    room = memory * _SHARE - _weights(trial)
    return int(room / max(each, 1.0)) // 2 * 2


def _tried(trial: Encoder, step: Callable[[int], Tensor], most: int, compute: Compute) -> int:
    device = compute.device
    _peak(step, device, FEWEST)  # gradients and workspaces that stay are made here
    few, more = _peak(step, device, FEWEST), _peak(step, device, 4 * FEWEST)
    if few is None:
        return 0
    if more is None:
        return FEWEST
    each = max((more - few) / (3 * FEWEST), 1.0)
    free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    crops = min(most, int((free * _SHARE - _weights(trial)) / each)) // 2 * 2
    while crops >= FEWEST and _peak(step, device, crops) is None:
        crops = crops // 4 * 2
    return crops


def _peak(step: Callable[[int], Tensor], device: torch.device, crops: int) -> int | None:
    """Most bytes on the GPU during a step beyond those before it; None where they are not there."""
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    try:
        step(crops).backward()  # type: ignore[no-untyped-call]
        return torch.cuda.max_memory_allocated(device) - before
    except torch.cuda.OutOfMemoryError:
        return None
    finally:
        torch.cuda.empty_cache()


def _weights(encoder: Encoder) -> int:
    return _COPIES * sum(parameter.numel() * parameter.element_size() for parameter in encoder.parameters())
