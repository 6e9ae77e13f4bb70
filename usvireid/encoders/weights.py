"""Backbone weights from a file: read without executing anything, matched by the usual key names."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from usvireid.encoders.resnet import Trunk
from usvireid.errors import DataError
from usvireid.names import MODALITIES

_NOT_TENSORS = "Unsupported global"
"""What PyTorch says of a pickle with anything but tensors and plain values in it."""
_ANCHOR = "layer1.0.conv1.weight"


def load_backbone(stems: nn.ModuleDict, trunk: Trunk, path: Path) -> int:
    """Fill the stem of each modality and the trunk they share with the weights of a plain ResNet.

    The file may be a PyTorch state dict (.pth, .pt; read with `weights_only`) or .safetensors, whole or under a key
    `state_dict` or `model`, with any prefix before torchvision's names; the prefix is found and removed. The stem goes
    to both modalities. A classifier in the file is left out.

    Returns:
        The number of tensors that were taken from the file.

    Raises:
        DataError: no such file, not a file of weights, no ResNet in it, or a network of another shape: the message
            names the first tensor that differs with both shapes.
    """
    weights = without_prefix(read_weights(path), _ANCHOR)
    if weights is None:
        raise DataError(f"{path}: no ResNet in this file (no tensor '{_ANCHOR}' under any prefix).")
    wanted = trunk.state_dict()
    stem = stems[MODALITIES[0]].state_dict()
    learnt = {key: value for key, value in {**stem, **wanted}.items() if not key.endswith("num_batches_tracked")}
    taken = fitting(weights, learnt, path, "encoder.name and encoder.width")
    trunk.load_state_dict({key: taken[key] for key in wanted if key in taken}, strict=False)
    for modality in MODALITIES:
        stems[modality].load_state_dict({key: taken[key] for key in stem if key in taken}, strict=False)
    extra = [key for key in weights if key.startswith("layer") and key not in wanted]
    if extra:
        raise DataError(
            f"{path}: has a tensor '{extra[0]}' that the encoder has no place for; set encoder.name to match."
        )
    return len(taken)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a state dict in a file (.pth, .pt or .safetensors), read without executing anything.

    Raises:
        DataError: no such file, or not a file of weights.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such weights file (encoder.weights).")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():  # PyTorch's doubts about a pickle that is refused, or loads, either way
            warnings.simplefilter("ignore", UserWarning)
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, OSError) as error:
        if _NOT_TENSORS in str(error):
            raise DataError(
                f"{path}: holds Python objects beside the tensors, which are not loaded, as they could run code; "
                "save the network's state dict alone."
            ) from None
        raise DataError(
            f"{path}: not a PyTorch or safetensors weights file, or a damaged one; "
            "give a state dict (.pth, .safetensors)."
        ) from None
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        raise DataError(f"{path}: holds no state dict but a {type(content).__name__}; give a state dict.")
    return {str(key): value for key, value in content.items() if isinstance(value, Tensor)}


def without_prefix(weights: Mapping[str, Tensor], anchor: str) -> dict[str, Tensor] | None:
    """The tensors that stand under the same prefix as `anchor`, without it; None if there is no anchor.

    Of several, as in a file with two networks, the shortest prefix counts.
    """
    found = min((key for key in weights if f".{key}".endswith(f".{anchor}")), key=len, default=None)
    if found is None:
        return None
    prefix = found.removesuffix(anchor)
    return {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}


def fitting(
    weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor], path: Path, settings: str
) -> dict[str, Tensor]:
    """The tensors of a file that have the names and shapes of those wanted, as float32.

    Args:
        weights: what stands in the file.
        wanted: tensors of the network, by the file's names.
        path: the file, for the message.
        settings: names of the settings that decide on shapes, for the message.

    Raises:
        DataError: a tensor is missing, has another shape or is not finite.
    """
    for key, tensor in wanted.items():
        if key not in weights:
            raise DataError(f"{path}: has no tensor '{key}'; the file holds another network than encoder.name.")
        if weights[key].shape != tensor.shape:
            raise DataError(
                f"{path}: tensor '{key}' is {_shape(weights[key])}, the encoder needs {_shape(tensor)}; "
                f"set {settings} to the network in the file."
            )
        refuse_not_finite(key, weights[key], path)
    return {key: weights[key].float() for key in wanted}


def refuse_not_finite(key: str, tensor: Tensor, path: Path) -> None:
    """See to it that no weights are taken from a training that went wrong.

    Raises:
        DataError: a number of the tensor is not finite.
    """
    if tensor.is_floating_point() and not torch.isfinite(tensor).all():
        raise DataError(f"{path}: tensor '{key}' has numbers that are not finite; give another weights file.")


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a single number"
