"""The encoder that the settings ask for."""

from __future__ import annotations

from pathlib import Path

from usvireid.config import RESNETS, Settings
from usvireid.encoders.dual_stream import DualStreamEncoder
from usvireid.encoders.interface import Encoder
from usvireid.errors import UsageError
from usvireid.resources import import_file


def make_encoder(settings: Settings) -> Encoder:
    """Make an encoder with its initial weights; `encoder.weights` is not read yet.

    Raises:
        UsageError: an encoder file that cannot be imported, or that makes something else.
    """
    wanted = settings.encoder
    if wanted.name in RESNETS:
        return DualStreamEncoder(
            wanted.name,
            width=wanted.width,
            gem_p=wanted.gem_p,
            mpfr=wanted.mpfr,
            sdce=wanted.sdce,
            size=(settings.data.height, settings.data.width),
            seed=settings.seed,
        )
    path = Path(wanted.name)
    encoder = import_file(path, "encoder", {"make": "make(settings)"}).make(settings)
    if not isinstance(encoder, Encoder) or not isinstance(getattr(encoder, "width", None), int):
        raise UsageError(
            f"{path}: make(settings) returned a {type(encoder).__name__}; it has to return an "
            "usvireid.encoders.interface.Encoder with the attribute width."
        )
    return encoder
