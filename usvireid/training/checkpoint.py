"""Checkpoints: one safetensors file each, complete or absent, loadable without pickle."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from usvireid.errors import DataError, UsvireidError
from usvireid.files import write_atomically

_NAME = re.compile(r"epoch_(\d+)\.safetensors")
_FACTS_CRC = "facts_crc32"


@dataclass(frozen=True)
class Checkpoint:
    """Everything a run needs to go on after an epoch.

    `tensors` holds the encoder that the run stands for ("encoder."), where that is an average also the one that learns
    ("learner."), the identity classifier where there is one ("classifier."), the optimiser's state ("optimizer."), the
    memory banks ("memory.") and PyTorch's own random state ("random."); `facts` the rest, as JSON: the epoch, the
    optimiser's groups with the schedule's rate, how many steps the average is of, in float16 the scale of losses, and
    the epoch's line of metrics.
    """

    epoch: int
    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors of one part, without its prefix."""
        return {key.removeprefix(prefix): value for key, value in self.tensors.items() if key.startswith(prefix)}

    def fact(self, name: str) -> Any:
        """One of the facts.

        Raises:
            DataError: the checkpoint does not have it.
        """
        if name not in self.facts:
            raise DataError(
                f"the checkpoint of epoch {self.epoch} lacks '{name}', so no run wrote it as it is; remove its file, "
                "and the same command goes on from the one before."
            )
        return self.facts[name]

    @property
    def learner(self) -> str:
        """The part with the encoder that learns: "learner" where the run stands for its average, else "encoder"."""
        return "learner" if self.part("learner.") else "encoder"

    def copied(self) -> Checkpoint:
        """The same with tensors of its own, on the CPU, which further training leaves alone."""
        tensors = {key: value.detach().to("cpu", copy=True) for key, value in self.tensors.items()}
        return replace(self, tensors=tensors)

    def write(self, folder: Path) -> Path:
        """Write `epoch_NNN.safetensors`, whole or not at all."""
        tensors = {key: value.detach().cpu().contiguous() for key, value in self.tensors.items()}
        # A tensor that shares memory with another is refused by the format: each gets its own.
        seen: set[int] = set()
        for key, value in tensors.items():
            if value.data_ptr() in seen:
                tensors[key] = value.clone()
            seen.add(value.data_ptr())
        path = folder / f"epoch_{self.epoch:03d}.safetensors"
        facts = json.dumps(self.facts)
        metadata = {"epoch": str(self.epoch), "facts": facts, "crc32": _checksum(tensors), _FACTS_CRC: _crc(facts)}
        write_atomically(path, save(tensors, metadata=metadata))
        return path

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Read a checkpoint.

        Raises:
            DataError: not a checkpoint of this project, or damaged.
        """
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
            facts_crc = metadata.get(_FACTS_CRC, _crc(metadata["facts"]))  # files of before have none
            if metadata["crc32"] != _checksum(tensors) or facts_crc != _crc(metadata["facts"]):
                raise ValueError("its content has changed since it was written")
            name = _NAME.fullmatch(path.name)
            if name is None or int(name[1]) != int(metadata["epoch"]):
                raise ValueError(f"it is that of epoch {metadata['epoch']}, under another name")
            facts = json.loads(metadata["facts"])
            if not isinstance(facts, dict):
                raise ValueError("its facts are none")
            return cls(epoch=int(metadata["epoch"]), tensors=tensors, facts=facts)
        except KeyError as error:
            raise DataError(f"{path}: a file of tensors, but no checkpoint of a run (it lacks {error})") from None
        except (SafetensorError, ValueError, OSError, RecursionError) as error:
            raise DataError(f"{path}: a damaged checkpoint ({' '.join(str(error).split())})") from None


def _crc(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    """A checksum over names and values; the format itself notices a file that is cut, but not one that is changed."""
    crc = 0
    for key in sorted(tensors):
        # A contiguous tensor of one element may have any stride, which a view as bytes does not take.
        flat = tensors[key].contiguous().as_strided((tensors[key].numel(),), (1,))
        crc = zlib.crc32(flat.view(torch.uint8).numpy().data, zlib.crc32(key.encode(), crc))
    return f"{crc:08x}"


def checkpoint_files(folder: Path) -> list[Path]:
    """The checkpoints of a run, oldest first."""
    return sorted((path for path in folder.glob("epoch_*") if _NAME.fullmatch(path.name)), key=_epoch_of)


def latest_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest checkpoint, or None before the first epoch.

    Raises:
        DataError: it is damaged; the message says what removing it would mean.
    """
    files = checkpoint_files(folder)
    return _read(files[-1], files[:-1]) if files else None


def _read(path: Path, before: list[Path]) -> Checkpoint:
    try:
        return Checkpoint.read(path)
    except DataError as error:
        onward = f"goes on from {before[-1].name}" if before else "starts from the beginning"
        raise DataError(f"{error}; remove the file, and the same `usvireid run` {onward}.") from None


def newest_epoch(folder: Path) -> int:
    """The epoch of the newest checkpoint; 0 before the first."""
    return max(map(_epoch_of, checkpoint_files(folder)), default=0)


def read_epoch(folder: Path, epoch: int) -> Checkpoint:
    """The checkpoint of an epoch.

    Raises:
        DataError: it is not there, or cannot be read.
    """
    path = folder / f"epoch_{epoch:03d}.safetensors"
    if not path.is_file():
        raise DataError(f"{path}: the checkpoint of the selected epoch is gone; bring it back.")
    return _read(path, [other for other in checkpoint_files(folder) if _epoch_of(other) < epoch])


def remove_old(folder: Path, keep: int, spare: int | None = None) -> None:
    """Delete all but the newest `keep` checkpoints and that of the epoch `spare`."""
    for path in checkpoint_files(folder)[:-keep]:
        if _epoch_of(path) != spare:
            path.unlink(missing_ok=True)


def remove_after(folder: Path, epoch: int) -> None:
    """Delete the checkpoints of all later epochs."""
    for path in checkpoint_files(folder):
        if _epoch_of(path) > epoch:
            path.unlink(missing_ok=True)


def _epoch_of(path: Path) -> int:
    return int(path.stem.rpartition("_")[2])


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """An optimiser's state as named tensors ("0.exp_avg") and its groups as plain values."""
    state = optimizer.state_dict()
    tensors = {
        f"{number}.{key}": torch.as_tensor(value)
        for number, entries in state["state"].items()
        for key, value in entries.items()
    }
    return tensors, state["param_groups"]


def restore_optimizer(
    optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], groups: list[dict[str, Any]]
) -> None:
    """Bring back what `optimizer_tensors` gave, in the memory layout of the parameters."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, _, key = name.partition(".")
        parameter = parameters[int(number)]
        if value.shape == parameter.shape:
            value = torch.empty_like(parameter, dtype=value.dtype, device="cpu").copy_(value)  # noqa: PLW2901
        state.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def restore_encoder(encoder: nn.Module, checkpoint: Checkpoint, part: str = "encoder") -> None:
    """Fill an encoder from a checkpoint: with what the run stands for, or with what learns ("learner").

    Raises:
        DataError: the checkpoint is of another network.
    """
    try:
        encoder.load_state_dict(checkpoint.part(f"{part}."))
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise DataError(f"the checkpoint of epoch {checkpoint.epoch} is of another network ({reason}).") from None


def shapes_of(encoder: nn.Module) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor that a checkpoint keeps of an encoder."""
    return {name: tuple(tensor.shape) for name, tensor in encoder.state_dict().items()}


def refuse_changed(encoder: nn.Module, made_with: Mapping[str, tuple[int, ...]], name: str) -> None:
    """See to it that an encoder can be restored: a new one has the tensors that it had itself when it was made.

    Raises:
        UsvireidError: one is gone, has come, or has another shape.
    """
    now = shapes_of(encoder)
    changed = [key for key in {**made_with, **now} if now.get(key) != made_with.get(key)]
    if changed:
        raise UsvireidError(
            f"{name}: the encoder's tensor '{changed[0]}' is {_shape(now.get(changed[0]))} after training and was "
            f"{_shape(made_with.get(changed[0]))} before, so no checkpoint could be read again; make it in __init__, "
            "in the shape it keeps."
        )


def _shape(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else " x ".join(map(str, shape)) or "a number"
