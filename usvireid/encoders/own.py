"""An encoder from a researcher's own file: tried once before anything is built on it, and watched from then on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from usvireid.config import Settings
from usvireid.encoders.interface import Encoded, Encoder
from usvireid.errors import UsageError, UsvireidError
from usvireid.names import INFRARED, VISIBLE
from usvireid.recipe import named_faults
from usvireid.resources import import_file

_TOLERANCE = 1e-3
"""Of unit lengths, and between features of the same crop."""
_FIELDS = ("pooled", "necked", "features")
_FORMATS = ("float32", "bfloat16", "float16")
"""Of what comes out under autocast."""


def own_encoder(path: Path, settings: Settings) -> Encoder:
    """Import a file, call its `make(settings)`, and try the encoder on three crops of noise, in evaluation mode.

    Raises:
        UsageError: the file cannot be imported, `make` fails or returns something else, or what comes out of the
            encoder is not what `Encoded` says: shapes, number format, unit rows, visible crops first; or nothing in it
            can learn.
    """
    module = import_file(path, "encoder", {"make": "make(settings)"})
    with named_faults(path, "make(settings) failed", UsageError):
        encoder = module.make(settings)
    if not isinstance(encoder, Encoder) or not isinstance(getattr(encoder, "width", None), int):
        raise UsageError(
            f"{path}: make(settings) returned a {type(encoder).__name__}; it has to return an "
            "usvireid.encoders.interface.Encoder with the attribute width."
        )
    _try(encoder, (settings.data.height, settings.data.width), path)
    _refuse_unlearnable(encoder, path)
    _watch(encoder, path)
    return encoder


def _refuse_unlearnable(encoder: Encoder, path: Path) -> None:
    for name, parameter in encoder.named_parameters():
        if is_lazy(parameter):
            raise UsageError(f"{path}: parameter '{name}' has no shape yet, as forward does not use it; leave it out.")
    if not any(parameter.requires_grad for parameter in encoder.parameters()):
        raise UsageError(f"{path}: the encoder has no parameter that learns (requires_grad); give it one.")


def _watch(encoder: Encoder, path: Path) -> None:
    """Name the file where `forward` fails later on, or returns what it did not when it was tried."""
    forward = encoder.forward

    def watched(images: Mapping[str, Tensor]) -> Encoded:
        if torch.compiler.is_compiling():  # while it is written as ONNX
            return forward(images)
        with named_faults(path, "forward failed"):
            encoded = forward(images)
        rows = sum(map(len, images.values()))
        problem = _misshapen(encoded, rows, encoder.width)
        if problem is None and encoder.training and torch.is_grad_enabled() and not encoded.features.requires_grad:
            problem = "features without a gradient, so nothing would be learnt"
        if problem is not None:
            raise UsvireidError(f"{path}: for {rows} crops forward returned {problem}.")
        return encoded

    # On the instance: another module around it would change the names of the weights.
    vars(encoder)["forward"] = watched


@torch.inference_mode()
def _try(encoder: Encoder, size: tuple[int, int], path: Path) -> None:
    was_training = encoder.training
    encoder.eval()
    noise = torch.randint(0, 256, (3, 3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    shape = " x ".join(map(str, noise.shape[1:]))
    with torch.random.fork_rng(devices=[]):
        with named_faults(path, f"forward failed, given two infrared crops of {shape} and no visible one", UsageError):
            alone = encoder({INFRARED: noise[1:]})
        with named_faults(path, f"forward failed, given a visible and two infrared crops of {shape}", UsageError):
            both = encoder({INFRARED: noise[1:], VISIBLE: noise[:1]})
    encoder.train(was_training)
    for encoded, rows in ((alone, 2), (both, 3)):
        problem = _problem(encoded, rows, encoder.width)
        if problem:
            raise UsageError(f"{path}: for {rows} crops of {shape} forward returned {problem}.")
    if not torch.allclose(alone.features, both.features[1:], atol=_TOLERANCE):
        raise UsageError(
            f"{path}: forward gives infrared crops other features beside a visible crop than alone; rows have to be "
            "the visible crops first, and crops must not see each other in evaluation mode."
        )


def _problem(encoded: object, rows: int, width: int) -> str | None:
    """What is wrong with what an encoder returned when it was tried, to follow the word "returned"."""
    problem = _misshapen(encoded, rows, width, formats=("float32",))
    if problem is not None:
        return problem
    assert isinstance(encoded, Encoded)
    for name in _FIELDS:
        if not torch.isfinite(getattr(encoded, name)).all():
            return f"{name} with values that are not finite"
    lengths = encoded.features.norm(dim=1)
    if ((lengths - 1).abs() > _TOLERANCE).any():
        return f"features of length {float(lengths[0]):.4g}; they have to be unit rows"
    return None


def _misshapen(encoded: object, rows: int, width: int, formats: tuple[str, ...] = _FORMATS) -> str | None:
    """What is wrong with types and shapes, all that can be asked of every batch without waiting for a GPU."""
    if not isinstance(encoded, Encoded):
        return f"a {type(encoded).__name__}; it has to be an usvireid.encoders.interface.Encoded"
    for name in _FIELDS:
        found = _described(getattr(encoded, name))
        if found not in [f"{kind} {rows} x {width}" for kind in formats]:
            return f"{name} as {found}; it has to be float32 {rows} x {width} (crops x the attribute width)"
    for name, values in encoded.extra.items():
        if not isinstance(values, Tensor) or values.ndim == 0 or len(values) != rows:
            return f"extra '{name}' as {_described(values)}; it has to be a tensor with a row for each of the crops"
    return None


def _described(values: object) -> str:
    if not isinstance(values, Tensor):
        return f"a {type(values).__name__}"
    return f"{str(values.dtype).removeprefix('torch.')} {' x '.join(map(str, values.shape)) or 'number'}"
