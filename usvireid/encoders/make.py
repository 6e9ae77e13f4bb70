"""The encoder that the settings ask for."""

from __future__ import annotations

from pathlib import Path

from usvireid.config import RESNETS, VIT, Settings
from usvireid.encoders.beside import BesideGradients
from usvireid.encoders.dual_stream import DualStreamEncoder
from usvireid.encoders.interface import Encoder
from usvireid.encoders.own import own_encoder
from usvireid.encoders.vit import TwoHeadViT


def make_encoder(settings: Settings) -> Encoder:
    """Make an encoder with its initial weights; `encoder.weights` is not read yet.

    Raises:
        UsageError: an encoder file of one's own that does not do what the interface asks; see `own_encoder`.
    """
    network, share = _network(settings), settings.encoder.gradients
    return BesideGradients(network, share) if share else network


def _network(settings: Settings) -> Encoder:
    wanted = settings.encoder
    size = settings.data.height, settings.data.width
    if wanted.name in RESNETS:
        return DualStreamEncoder(
            wanted.name,
            width=wanted.width,
            sees=wanted.sees,
            gem_p=wanted.gem_p,
            mpfr=wanted.mpfr,
            sdce=wanted.sdce,
            size=size,
            seed=settings.seed,
        )
    if wanted.name == VIT:
        return TwoHeadViT(wanted.vit, size=size, sees=wanted.sees, seed=settings.seed)
    return own_encoder(Path(wanted.name), settings)
