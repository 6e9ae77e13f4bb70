"""A blob that is too large for one person, taken apart."""

from __future__ import annotations

import cv2
import numpy as np

from usvireid.footage.detectors.blobs import Piece
from usvireid.footage.detectors.size import ASPECT, PersonSize

CORE = 0.6
"""Share of the width of a person's box that head, trunk and legs fill; arms and stride reach out of it."""
PENALTY = 0.7
"""What a pixel of the core counts that is not in the mask, against 1 for one that is."""
WORTH = 0.25
"""A further person must explain this share of a core that nobody else does, penalties taken off."""
STEPS = 8
"""Places tried within the width of a person, across and along."""
MOST = 12
"""People in one blob at most; a blob that would hold more is a change of light."""
ROUNDS = 2
"""How often everyone is moved to his best place after one was added."""


def split(mask: np.ndarray, piece: Piece, size: PersonSize) -> tuple[np.ndarray, np.ndarray]:
    """Take a group apart: the fewest people of the expected sizes that explain it (ours).

    A person at a place is worth the pixels of the mask in his core that nobody else explains, less a penalty for those
    that are not in the mask. People are added while the next is worth enough; after each, all are moved to where they
    are worth most beside the others.

    Returns:
        float32 N x 4 boxes and float32 N shares of their cores that lie in the mask; N may be 0.
    """
    boxes = _places(piece, size)
    image = mask[piece.top : piece.bottom, piece.left : piece.right].astype(np.float32)
    cores = boxes - np.array([piece.left, piece.top, piece.left, piece.top])
    inset = (cores[:, 2] - cores[:, 0]) * (1 - CORE) / 2
    cores[:, 0] += inset
    cores[:, 2] -= inset
    areas = (cores[:, 2] - cores[:, 0]) * (cores[:, 3] - cores[:, 1])
    corners = np.rint(cores).astype(np.int64)
    corners[:, 0::2] = corners[:, 0::2].clip(0, piece.width)
    corners[:, 1::2] = corners[:, 1::2].clip(0, piece.height)
    missing = areas - _sums(image, corners)

    def best_beside(others: list[int]) -> tuple[int, float]:
        rest = image.copy()
        for left, top, right, bottom in corners[others].tolist():
            rest[top:bottom, left:right] = 0
        worth = (_sums(rest, corners) - PENALTY * missing) / areas
        best = int(np.argmax(worth))
        return best, float(worth[best])

    found: list[int] = []
    while len(boxes) and len(found) < MOST:
        best, worth = best_beside(found)
        if worth < WORTH:
            break
        found.append(best)
        for i in [*range(len(found))] * ROUNDS:
            found[i], _ = best_beside(found[:i] + found[i + 1 :])
    shares = 1 - missing[found] / areas[found]
    return boxes[found].astype(np.float32), shares.clip(0, 1).astype(np.float32)


def _sums(image: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """The sum of the image in each box; corners are integers within the image."""
    table: np.ndarray = cv2.integral(image)
    left, top, right, bottom = corners.T
    result: np.ndarray = table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
    return result


def _places(piece: Piece, size: PersonSize) -> np.ndarray:
    """Boxes of people who could stand in a blob: a grid of feet, N x 4; heads at its top or below."""
    width, height = piece.expected(size)
    step = max(width / STEPS, 1.0)
    feet = np.arange(piece.bottom, min(piece.top + 0.5 * height, piece.bottom - 1), -step)
    x, foot = (grid.ravel() for grid in np.meshgrid(np.arange(piece.left, piece.right + step, step), feet))
    tall = size.heights(x, foot)
    half = tall / ASPECT / 2
    boxes = np.column_stack([x - half, foot - tall, x + half, foot])
    inside = (x - half > piece.left - half) & (x + half < piece.right + half) & (foot - tall > piece.top - 0.1 * tall)
    result: np.ndarray = boxes[inside]
    return result
