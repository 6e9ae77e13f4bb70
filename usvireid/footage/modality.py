"""Is a recording visible or infrared? Visible ones have colours, infrared ones have none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from usvireid import names
from usvireid.data.looks import COLOR_ABOVE, GREY_BELOW
from usvireid.data.measuring import color_of
from usvireid.errors import DataError
from usvireid.footage.probe import VideoFacts, open_video, pyav

AUTO: Final = "auto"
FRAMES: Final = 8
"""Frames that are looked at, evenly over the recording where its reader can jump, else from its beginning."""
_TELLING: Final = (10.0, 245.0)
"""Mean brightness between which a frame can tell: a black one has no colours whatever the camera."""


@dataclass(frozen=True)
class Decision:
    """A modality, and the grounds in a few words."""

    modality: str
    grounds: str


def decide(path: Path, facts: VideoFacts, wanted: str) -> Decision:
    """The modality of a recording: what is wanted, or with "auto" what its pixels say.

    The measure is how far the hue changes over a frame, in grey levels (`usvireid.data.measuring.color_of`): a weak
    even tint, as some infrared cameras give it, counts as grey. An infrared picture in false colours looks visible.

    Raises:
        DataError: "auto", and the frames do not agree, lie between, or are all too dark or too bright to tell.
    """
    if wanted != AUTO:
        return Decision(wanted, "as told")
    seen = _some_frames(path, facts)
    telling = [frame for frame in seen if _TELLING[0] <= float(frame.mean()) <= _TELLING[1]]
    colors = np.array([color_of(frame) for frame in telling])
    asked = "say --modality visible or --modality infrared"
    if not len(colors):
        raise DataError(f"{path}: too dark or too bright to tell the modality ({len(seen)} frames looked at); {asked}.")
    grounds = f"colour {_between(colors)} grey levels in {len(colors)} frame{'s' * (len(colors) > 1)}"
    if (colors > COLOR_ABOVE).all():
        return Decision(names.VISIBLE, f"{grounds}; above {COLOR_ABOVE:g} is visible")
    if (colors < GREY_BELOW).all():
        return Decision(names.INFRARED, f"{grounds}; below {GREY_BELOW:g} is infrared")
    raise DataError(
        f"{path}: the modality is unclear ({grounds}; infrared is below {GREY_BELOW:g} and visible above "
        f"{COLOR_ABOVE:g} in all of them); {asked}."
    )


def _between(colors: np.ndarray) -> str:
    low, high = f"{colors.min():.1f}", f"{colors.max():.1f}"
    return low if low == high else f"{low} to {high}"


def _some_frames(path: Path, facts: VideoFacts) -> list[np.ndarray]:
    """Up to `FRAMES` frames, uint8 H x W x 3, upright or not."""
    errors = pyav().error.FFmpegError
    container, stream = open_video(path)
    found: list[np.ndarray] = []
    stamps: set[Any] = set()
    with container:
        for place in range(FRAMES):
            try:
                if facts.seconds is not None and place:
                    container.seek(int((container.start_time or 0) + 1e6 * facts.seconds * place / FRAMES))
                picture = next(iter(container.decode(stream)), None)
            except errors:
                continue
            if picture is None or picture.pts in stamps:
                continue
            stamps.add(picture.pts)
            found.append(picture.to_ndarray(format="rgb24"))
    return found
