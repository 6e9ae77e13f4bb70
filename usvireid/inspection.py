"""What `usvireid encoder summary` does: from settings to what their encoder costs."""

from __future__ import annotations

import re

from usvireid.devices import choose_compute
from usvireid.encoders.make import make_encoder
from usvireid.encoders.speed import Speed, measure_speed
from usvireid.encoders.summary import EncoderSummary, summarise
from usvireid.errors import UsageError
from usvireid.run import Configs, settings_of

_SIZE = re.compile(r"(\d{1,6})[xX](\d{1,6})")


def inspect_encoder(
    config: Configs, assign: list[str], size: str | None, device: str | None, speed: bool, batch: int | None
) -> tuple[EncoderSummary, Speed | None]:
    """Count what the encoder of the settings costs, and measure its speed where that is wanted.

    Args:
        config: names or paths of settings files, later ones first in rank.
        assign: `--set` texts.
        size: height and width of the input, as in "288x144"; None: as the settings have it.
        device: where speed is measured; None: as the settings have it.
        speed: whether it is measured.
        batch: crops of each modality at a time meanwhile; None: as suits the device.

    Raises:
        UsageError: an unknown or wrong setting, a size that is none, or a device that is not there.
    """
    given: dict[str, object] = {} if device is None else {"device": device}
    if size is not None:
        given["data.height"], given["data.width"] = _pixels(size)
    settings = settings_of(config, given, assign)
    height, width = settings.data.height, settings.data.width
    encoder = make_encoder(settings)
    counted = summarise(encoder, settings.encoder.name, height, width)
    if not speed:
        return counted, None
    compute = choose_compute(settings.device, settings.precision)
    return counted, measure_speed(encoder, height, width, compute, batch)


def _pixels(size: str) -> tuple[int, int]:
    found = _SIZE.fullmatch(size.strip())
    if found is None:
        raise UsageError(f"--size {size}: write it as HEIGHTxWIDTH in pixels, for example 288x144.")
    return int(found[1]), int(found[2])
