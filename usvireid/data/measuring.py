"""What can be told of an image without knowing what it shows: its size, its colour, its content in a few bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from usvireid.data.crops import Crops
from usvireid.data.decoding import (
    UnreadableImage,
    as_rgb,
    open_image,
    oriented_size,
    quiet_pillow,
    read_image_file,
    why_unreadable,
)
from usvireid.data.digests import DIGEST_BYTES, Progress, digest

SKETCH_SHAPE = (16, 8)
"""Rows and columns of the grey sketch that near duplicates are told by."""

_CHUNK = 32


@dataclass(frozen=True)
class Measurements:
    """One row per crop; the rows of images that cannot be decoded are zero.

    `width` and `height` are int64, N, in pixels as the image is meant to be seen. `color` is float32, N: how far the
    hue changes over the image, in grey levels; 0 for a grey image, also for one with an even tint, as some infrared
    cameras give it. `sketch` is uint8, N x 16 x 8: the image in grey, very small. `digest` is uint8, N x 16: equal for
    equal files. `problems` says, by row, why an image cannot be decoded.
    """

    width: np.ndarray
    height: np.ndarray
    color: np.ndarray
    sketch: np.ndarray
    digest: np.ndarray
    problems: dict[int, str]

    @classmethod
    def empty(cls, count: int) -> Measurements:
        """Room for the measurements of so many crops."""
        return cls(
            width=np.zeros(count, dtype=np.int64),
            height=np.zeros(count, dtype=np.int64),
            color=np.zeros(count, dtype=np.float32),
            sketch=np.zeros((count, *SKETCH_SHAPE), dtype=np.uint8),
            digest=np.zeros((count, DIGEST_BYTES), dtype=np.uint8),
            problems={},
        )

    @property
    def good(self) -> np.ndarray:
        """Mask of the rows that could be decoded (bool, N)."""
        mask = np.ones(len(self.width), dtype=bool)
        mask[list(self.problems)] = False
        return mask


def measure(crops: Crops, workers: int | None = None, progress: Progress | None = None) -> Measurements:
    """Measure every crop's image; nothing is written anywhere.

    Args:
        crops: N crops.
        workers: number of threads; None takes one per core, at most 16.
        progress: called with how many images are measured and how many there are.
    """
    files = crops.files()
    result = Measurements.empty(len(files))
    with ThreadPoolExecutor(workers or min(os.cpu_count() or 1, 16)) as pool, quiet_pillow():
        for done in pool.map(partial(_measure_chunk, files, result), _chunks(len(files))):
            if progress is not None:
                progress(done, len(files))
    return result


def _chunks(count: int) -> Iterator[range]:
    return (range(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK))


def _measure_chunk(files: Sequence[Path], result: Measurements, rows: range) -> int:
    """Measure some rows and return how far that is; threads write to rows of their own."""
    for row in rows:
        try:
            _measure_one(files[row], result, row)
        except OSError as error:
            result.problems[row] = why_unreadable(error)
        except UnreadableImage as error:
            result.problems[row] = str(error)
    return rows.stop


def _measure_one(file: Path, result: Measurements, row: int) -> None:
    content = read_image_file(file)
    rows, columns = SKETCH_SHAPE
    with open_image(content) as image:
        # Four times the sketch is enough to see, and quick to unpack.
        size = oriented_size(image)
        image.draft(None, (4 * rows, 4 * rows))
        small = as_rgb(ImageOps.exif_transpose(image)).resize((2 * columns, 2 * rows), Image.Resampling.BOX)
    grey = small.convert("L")
    result.width[row], result.height[row] = size
    result.color[row] = color_spread(np.asarray(small))
    result.sketch[row] = np.asarray(grey.resize((columns, rows), Image.Resampling.BOX))
    result.digest[row] = np.frombuffer(digest(content), dtype=np.uint8)


def color_of(pixels: np.ndarray) -> float:
    """`Measurements.color` of an image that is decoded already.

    Args:
        pixels: uint8, H x W x 3.
    """
    rows, columns = SKETCH_SHAPE
    small = Image.fromarray(pixels).resize((2 * columns, 2 * rows), Image.Resampling.BOX)
    return color_spread(np.asarray(small))


def color_spread(rgb: np.ndarray) -> float:
    """How far the hue changes over an image, in grey levels ("ours").

    The standard deviations of the two opponent colours, red - green and yellow - blue, with the part removed that goes
    along with the brightness: an even tint is proportional to it.

    Args:
        rgb: uint8, H x W x 3.
    """
    red, green, blue = (rgb[..., channel].astype(np.float32).ravel() for channel in range(3))
    opponents = np.stack([red - green, (red + green) / 2 - blue])
    opponents -= opponents.mean(axis=1, keepdims=True)
    brightness = red + green + blue
    brightness -= brightness.mean()
    power = float(brightness @ brightness)
    if power > 0:
        opponents -= np.outer(opponents @ brightness / power, brightness)
    return float(np.sqrt(np.mean(np.square(opponents), axis=1).sum()))
