"""An encoder as one file that stands by itself: all its weights, and what a person or a program needs to use them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from usvireid import __version__
from usvireid.config import Settings
from usvireid.encoders.beside import NETWORK
from usvireid.encoders.interface import Encoder
from usvireid.encoders.make import make_encoder
from usvireid.encoders.pixels import ImageNetScale
from usvireid.encoders.weights import refuse_not_finite
from usvireid.errors import DataError
from usvireid.files import write_atomically
from usvireid.layers import make_settings

FORMAT = "usvireid encoder 1"
"""Marks such a file, under the key `format` of its metadata."""


def facts_of(encoder: Encoder, settings: Settings, epoch: int) -> dict[str, str]:
    """What is written beside the weights: text under `format`, `usvireid` (version), `epoch`, `height`, `width` and
    `channels` (of the input), `features` (their length), `mean` and `std` (JSON, per channel, of values 0 to 255, where
    the encoder scales so) and `settings` (JSON: what makes the network, and no path of this machine).
    """
    facts = {
        "format": FORMAT,
        "usvireid": __version__,
        "epoch": str(epoch),
        "height": str(settings.data.height),
        "width": str(settings.data.width),
        "channels": "RGB",
        "features": str(encoder.width),
        "settings": json.dumps(_of_network(settings)),
    }
    scale = next((part for part in encoder.modules() if isinstance(part, ImageNetScale)), None)
    if scale is not None:
        facts["mean"] = json.dumps([round(value, 4) for value in scale.mean.flatten().tolist()])
        facts["std"] = json.dumps([round(value, 4) for value in scale.std.flatten().tolist()])
    return facts


def write_exported(path: Path, encoder: Encoder, settings: Settings, epoch: int) -> None:
    """Write an encoder's weights under their own names, whole or not at all.

    Raises:
        UsvireidError: the file cannot be written.
    """
    # Copies, because the format refuses tensors that share memory.
    tensors = {
        key: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for key, value in encoder.state_dict().items()
    }
    write_atomically(path, save(tensors, metadata=facts_of(encoder, settings, epoch)))


def read_exported(path: Path) -> tuple[Encoder, dict[str, str]]:
    """The encoder in a file of `write_exported`, in evaluation mode, and the facts written beside it.

    Raises:
        DataError: not such a file, or damaged.
        UsageError: the encoder was made by a Python file that is not here.
    """
    facts = _facts(path)
    if facts is None:
        raise DataError(f"{path}: not a file that `usvireid export --to safetensors` wrote.")
    encoder = make_encoder(make_settings([(str(path), json.loads(facts["settings"]))]))
    _fill(encoder, load_file(path), path)
    return encoder.eval(), facts


def start_from(encoder: Encoder, path: Path) -> int:
    """Fill what is trained from `encoder.weights`: an exported encoder, or whatever published weights it reads itself.

    Returns:
        The number of tensors taken.

    Raises:
        UsvireidError: a tensor that does not fit; or what the encoder's own `load_weights` says.
    """
    facts, trained = _facts(path), encoder.trained_part()
    if facts is None:
        return trained.load_weights(path)
    tensors = load_file(path)
    if json.loads(facts["settings"])["encoder"].get("gradients"):
        tensors = {name.removeprefix(NETWORK): value for name, value in tensors.items() if name.startswith(NETWORK)}
    return _fill(trained, tensors, path)


def _fill(encoder: Encoder, tensors: dict[str, Tensor], path: Path) -> int:
    """Fill an encoder with tensors of a file. Parts that they do not have, such as MPFR, stay as they begin.

    Returns:
        The number of tensors taken.

    Raises:
        DataError: a tensor of the file has no place in the encoder, or one of another shape, or is not finite.
    """
    places = encoder.state_dict()
    for key, tensor in tensors.items():
        there = "none" if key not in places else str(tuple(places[key].shape))
        if there != str(tuple(tensor.shape)):
            raise DataError(
                f"{path}: tensor '{key}' has the shape {tuple(tensor.shape)}, the encoder has {there}; "
                "set encoder.*, data.height and data.width as they were for this file, or leave encoder.weights out."
            )
        refuse_not_finite(key, tensor, path)
    encoder.load_state_dict(tensors, strict=False)
    return len(tensors)


def _facts(path: Path) -> dict[str, str] | None:
    """The metadata of an exported encoder; None for any other file."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
    except (SafetensorError, OSError):
        return None
    return metadata if metadata.get("format") == FORMAT else None


def _of_network(settings: Settings) -> dict[str, Any]:
    """The settings that make the network. A path says something about a machine and nothing about weights."""
    encoder = settings.encoder.model_dump(mode="json", exclude={"weights"})
    own = encoder["name"].endswith(".py")
    if own:
        encoder["name"] = Path(encoder["name"]).name
    data = {"height": settings.data.height, "width": settings.data.width}
    return {"data": data, "encoder": encoder, **({"options": settings.options} if own else {})}
