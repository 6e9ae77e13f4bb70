"""Crops as small pictures for a page: encoded, bounded in size, and with blurred heads where that is asked for."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image

ImagesOf = Callable[[np.ndarray], np.ndarray]
"""Row numbers (int64, N) to pictures (uint8, N x H x W x 3, RGB)."""

MEDIA_TYPE = "image/webp"
"""At this size WebP needs half of what JPEG does, whose tables alone are 600 bytes a file."""
DATA_PREFIX = f"data:{MEDIA_TYPE};base64,"

_QUALITY = 60
_METHOD = 4
_READ_AT_ONCE = 64
_HEAD_SHARE = 0.3
"""Of the height of a crop, from its top; heads end above it even in a loose crop."""
_HEAD_CELLS = (4, 3)
"""Columns and rows that are left of the head region; a head is then about one or two of them."""


@dataclass(frozen=True)
class PictureStyle:
    """How pictures are made small.

    Attributes:
        width: at most, in pixels; the shape of a crop is kept.
        height: at most, in pixels.
        blur_heads: blur the head region (`blur_head`).
    """

    width: int = 64
    height: int = 128
    blur_heads: bool = False


def blur_head(picture: np.ndarray) -> np.ndarray:
    """A crop whose upper part, where a head is, keeps only the mean colours of a few large fields.

    What is lost is lost: nothing of the fields' inside can be computed back. It is no face detector: a head elsewhere
    in a crop, as of a person who lies or of a second one, is not found.

    Args:
        picture: uint8, H x W x 3, RGB.

    Returns:
        A copy, uint8, H x W x 3.
    """
    blurred = picture.copy()
    rows = max(1, round(_HEAD_SHARE * len(picture)))
    head = Image.fromarray(np.ascontiguousarray(picture[:rows]))
    few = head.resize(_HEAD_CELLS, Image.Resampling.BOX)
    blurred[:rows] = np.asarray(few.resize(head.size, Image.Resampling.BILINEAR))
    return blurred


def encode_picture(picture: np.ndarray, style: PictureStyle) -> bytes:
    """A small picture of a crop (uint8, H x W x 3, RGB) as a file of `MEDIA_TYPE`, without any metadata."""
    image = Image.fromarray(np.ascontiguousarray(blur_head(picture) if style.blur_heads else picture))
    image.thumbnail((style.width, style.height))
    file = io.BytesIO()
    image.save(file, format="WEBP", quality=_QUALITY, method=_METHOD)
    return file.getvalue()


def encode_within(rows: np.ndarray, images: ImagesOf, style: PictureStyle, budget: int) -> dict[int, str]:
    """Pictures of rows, the first ones first, until a number of characters is used up.

    Args:
        rows: int64, distinct, the most important first.
        images: gives their pixels.
        style: of the pictures.
        budget: characters that all of them may have together.

    Returns:
        Base64 text by row, to stand behind `DATA_PREFIX`; rows beyond the budget are not in it.

    Raises:
        ValueError: `images` returns something other than uint8, N x H x W x 3.
    """
    found: dict[int, str] = {}
    used = 0
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for part in _parts(rows):
            pictures = _checked(images(part), len(part))
            for row, content in zip(
                part.tolist(), pool.map(encode_picture, pictures, [style] * len(part)), strict=True
            ):
                text = base64.b64encode(content).decode("ascii")
                used += len(text)
                if used > budget:
                    return found
                found[row] = text
    return found


def _parts(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), _READ_AT_ONCE):
        yield rows[start : start + _READ_AT_ONCE]


def _checked(pictures: np.ndarray, count: int) -> np.ndarray:
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[::3] != (count, 3):
        raise ValueError(f"images must return uint8, {count} x H x W x 3; got {pictures.dtype} {pictures.shape}")
    return pictures
