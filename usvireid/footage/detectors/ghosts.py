"""Where somebody has left: a blob whose edges belong to the background."""

from __future__ import annotations

import cv2
import numpy as np

from usvireid.footage.detectors.background import Difference
from usvireid.footage.detectors.blobs import Piece

LEAST = 100
"""Pixels; of a smaller fragment the outline says little."""
WEAKER = 0.8
"""A ghost's outline is at most this strong in the frame, compared with the background."""


def is_ghost(piece: Piece, difference: Difference) -> bool:
    """Whether a blob is the hole that someone left who had been taken for background.

    A person has an outline in the frame and none in the background; at a hole it is the other way round.
    """
    if piece.area < LEAST:
        return False
    rows = slice(max(piece.top - 2, 0), piece.bottom + 2)
    columns = slice(max(piece.left - 2, 0), piece.right + 2)
    mask = difference.mask[rows, columns]
    square = np.ones((3, 3), np.uint8)
    outline = cv2.dilate(mask, square) != cv2.erode(mask, square)
    if not outline.any():
        return False
    now = _edges(difference.frame[rows, columns])[outline].mean()
    then = _edges(difference.background[rows, columns])[outline].mean()
    return bool(now < WEAKER * then)


def _edges(image: np.ndarray) -> np.ndarray:
    """The strength of the steepest slope at each pixel, float32."""
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    result: np.ndarray = cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    return result
