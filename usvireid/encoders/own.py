"""An encoder from a researcher's own file, tried once before anything is built on it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from usvireid.config import Settings
from usvireid.encoders.interface import Encoded, Encoder
from usvireid.errors import UsageError
from usvireid.names import INFRARED, VISIBLE
from usvireid.recipe import named_faults
from usvireid.resources import import_file

_TOLERANCE = 1e-3
"""Of unit lengths, and between features of the same crop."""


def own_encoder(path: Path, settings: Settings) -> Encoder:
    """Import a file, call its `make(settings)`, and try the encoder on three crops of noise, in evaluation mode.

    Raises:
        UsageError: the file cannot be imported, `make` fails or returns something else, or what comes out of the
            encoder is not what `Encoded` says: shapes, number format, unit rows, visible crops first.
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
    return encoder


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
    """What is wrong with what an encoder returned, to follow the word "returned"."""
    if not isinstance(encoded, Encoded):
        return f"a {type(encoded).__name__}; it has to be an usvireid.encoders.interface.Encoded"
    for name in ("pooled", "necked", "features"):
        values = getattr(encoded, name)
        found = _described(values)
        if found != f"float32 {rows} x {width}":
            return f"{name} as {found}; it has to be float32 {rows} x {width} (crops x the attribute width)"
        if not torch.isfinite(values).all():
            return f"{name} with values that are not finite"
    lengths = encoded.features.norm(dim=1)
    if ((lengths - 1).abs() > _TOLERANCE).any():
        return f"features of length {float(lengths[0]):.4g}; they have to be unit rows"
    for name, values in encoded.extra.items():
        if not isinstance(values, Tensor) or values.ndim == 0 or len(values) != rows:
            return f"extra '{name}' as {_described(values)}; it has to be a tensor with a row for each of the crops"
    return None


def _described(values: object) -> str:
    if not isinstance(values, Tensor):
        return f"a {type(values).__name__}"
    return f"{str(values.dtype).removeprefix('torch.')} {' x '.join(map(str, values.shape)) or 'number'}"
