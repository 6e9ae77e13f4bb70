"""The pictures of a report: which crops get one, and how much room all of them may take."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from usvireid.quality.pictures import DATA_PREFIX, ImagesOf, PictureStyle, encode_within

_ROOM = 11_000_000
"""Characters of all pictures. A file is then below 15 MB, which phones open and mail servers let pass."""
_MOST = 12_000
"""Pictures; encoding more would take longer than a person waits for a report."""
_MANY_PEOPLE = 2_000
"""Pseudo-identities from which on pictures are made smaller, so that more of them have one."""
_SMALLER = (48, 96)


@dataclass(frozen=True)
class Album:
    """The pictures of a report.

    Attributes:
        pictures: base64 text by row; empty for a report without pictures.
        wanted: how many there would be with room for all.
        blurred: the head regions are blurred.
    """

    pictures: Mapping[int, str]
    wanted: int
    blurred: bool

    def source(self, row: int) -> str:
        """What stands in the `src` of a picture."""
        return DATA_PREFIX + self.pictures[row]

    def sources(self, rows: Iterable[int]) -> dict[int, str]:
        """By row, what stands in `src`, for those of the rows that have a picture."""
        return {row: self.source(row) for row in rows if row in self.pictures}


def make_album(
    important: Iterable[int], others: Iterable[int], people: int, images: ImagesOf | None, blur_heads: bool
) -> Album:
    """Make the pictures.

    Args:
        important: rows that come first.
        others: rows that follow as far as there is room, in their order. They may repeat themselves.
        people: how many pseudo-identities there are.
        images: the pixels; None makes an album without pictures.
        blur_heads: blur the head region.
    """
    if images is None:
        return Album({}, 0, blur_heads)
    rows = list(dict.fromkeys(itertools.chain(important, others)))
    size = _SMALLER if people > _MANY_PEOPLE else (PictureStyle.width, PictureStyle.height)
    style = PictureStyle(*size, blur_heads=blur_heads)
    made = encode_within(np.array(rows[:_MOST], dtype=np.int64), images, style, _ROOM)
    return Album(made, len(rows), blur_heads)
