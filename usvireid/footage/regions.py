"""Where in a camera's picture to look: a mask, white where people are looked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from usvireid.errors import DataError, UsageError
from usvireid.footage.detectors.detector import Detections

_WHITE = 128


@dataclass(frozen=True, eq=False)
class Region:
    """A region mask.

    `white` is bool, height x width: where to look. `sums` (int64, one more on each side) holds the number of white
    pixels above and left of each corner of a pixel.
    """

    path: Path
    white: np.ndarray
    sums: np.ndarray

    @classmethod
    def read(cls, path: Path) -> Region:
        """Read a mask image: pixels of a brightness of 128 and more, of 255, are white.

        Raises:
            UsageError: no such file.
            DataError: it is no image, or has no white.
        """
        if not path.is_file():
            raise UsageError(f"{path}: no such file; the region mask is an image, white where people are looked for.")
        try:
            with Image.open(path) as image:
                flat = image if image.mode in ("1", "L") else image.convert("RGBA")
                if flat.mode == "RGBA":  # what is transparent is not white
                    flat = Image.alpha_composite(Image.new("RGBA", flat.size, "black"), flat)
                white = np.asarray(flat.convert("L")) >= _WHITE
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            raise DataError(f"{path}: not an image that can be read; save the region mask as PNG.") from None
        if not white.any():
            raise DataError(f"{path}: the region mask has no white, so there is nowhere to look; paint some.")
        sums = np.zeros((white.shape[0] + 1, white.shape[1] + 1), dtype=np.int64)
        sums[1:, 1:] = white.cumsum(0, dtype=np.int64).cumsum(1)
        return cls(path, white, sums)

    def refuse_other_size(self, width: int, height: int, video: Path) -> None:
        """See to it that the mask is as large as a video's picture.

        Raises:
            DataError: it is not; the message has both sizes.
        """
        if self.white.shape != (height, width):
            own = f"{self.white.shape[1]} x {self.white.shape[0]}"
            raise DataError(
                f"{self.path}: the region mask is {own} pixels and the picture of {video} {width} x {height}; "
                "paint it on a frame of that camera."
            )

    def masked(self, image: np.ndarray) -> np.ndarray:
        """A copy of a frame (uint8 H x W x 3) that is black outside the region."""
        return np.asarray(image * self.white[..., None])

    def share(self, detections: Detections) -> np.ndarray:
        """How much of each box (float64, N, 0..1) is white; boxes lie inside the picture."""
        height, width = self.white.shape
        left, top = np.floor(detections.boxes[:, :2].astype(np.float64)).astype(np.int64).T
        right, bottom = np.ceil(detections.boxes[:, 2:].astype(np.float64)).astype(np.int64).T
        left, right = np.clip(left, 0, width), np.clip(right, 0, width)
        top, bottom = np.clip(top, 0, height), np.clip(bottom, 0, height)
        inside = self.sums[bottom, right] - self.sums[top, right] - self.sums[bottom, left] + self.sums[top, left]
        return np.asarray(inside / np.maximum((right - left) * (bottom - top), 1))


def clipped(detections: Detections, width: int, height: int) -> Detections:
    """Boxes cut at the edge of the picture; those with nothing in it are gone."""
    edge = np.array([width, height, width, height], dtype=np.float32)
    boxes = np.clip(detections.boxes, 0, edge)
    size = boxes[:, 2:] - boxes[:, :2]
    kept = (size >= 1).all(axis=1)
    return Detections(boxes[kept], detections.scores[kept])
