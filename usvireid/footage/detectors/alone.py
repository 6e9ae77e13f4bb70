"""Blobs that look like one person who stands alone: from them it is learnt how tall people are."""

from __future__ import annotations

import numpy as np

from usvireid.footage.detectors.blobs import Piece
from usvireid.footage.detectors.size import PersonSize
from usvireid.footage.detectors.walked import Walked

LEAST_HEIGHT = 1 / 30
"""Share of the frame's height below which nothing is taken for a person."""
SHAPES = (1.6, 4.5)
"""Height over width, least and most, of the blob of a person."""
SOLID = (0.35, 0.9)
"""Share of its box, least and most, that the blob of a person fills."""
ROOM = (0.1, 0.4)
"""Shares of its height beside a blob, and above and below it, in which nothing else may be: where one is part of a
person, the rest of the person is there."""
MATTERS = 0.05
"""Share of its area from which another blob counts as something."""


class Learner:
    """Shows a `PersonSize` the blobs that are whole, stand alone and have walked; whatever it already believes."""

    def __init__(self, size: PersonSize) -> None:
        self._size = size
        self._walked = Walked()

    def learn(self, pieces: list[Piece], shape: tuple[int, int], time: float) -> None:
        """Take in the blobs of the next frame; `shape` is its height and width."""
        boxes = np.array(
            [piece.box for piece in pieces if is_whole(piece, shape) and has_room(piece, pieces)], np.float64
        )
        boxes = boxes.reshape(-1, 4)
        self._size.learn(boxes[self._walked.update(boxes, time)])


def is_whole(piece: Piece, shape: tuple[int, int]) -> bool:
    """Whether a blob looks like one upright person, wholly in a frame of this height and width."""
    height, width = shape
    if piece.left <= 1 or piece.top <= 1 or piece.right >= width - 1 or piece.bottom >= height - 1:
        return False
    if piece.height < LEAST_HEIGHT * height or not SHAPES[0] <= piece.height / piece.width <= SHAPES[1]:
        return False
    return SOLID[0] <= piece.area / (piece.height * piece.width) <= SOLID[1]


def has_room(piece: Piece, pieces: list[Piece]) -> bool:
    """Whether no other blob that matters is near."""
    beside, along = (share * piece.height for share in ROOM)
    return not any(
        other is not piece
        and other.area >= MATTERS * piece.area
        and other.left < piece.right + beside
        and other.right > piece.left - beside
        and other.top < piece.bottom + along
        and other.bottom > piece.top - along
        for other in pieces
    )
