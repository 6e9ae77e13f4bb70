"""Connected parts of a mask, and the fragments of one person joined."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from usvireid.footage.detectors.size import ASPECT, PersonSize

ACROSS = 0.15
"""Share of a person's width that may lie between two fragments of one."""
ALONG = 0.35
"""Share of a person's height that may: a belt, a railing, a post that hides the middle."""
TALLER, WIDER = 1.15, 1.5
"""Fragments are one person as long as they fill no more than this of the height and width expected there."""
CRUMB = 0.06
"""A fragment below this share of the area of a person's box belongs to whatever blob its box meets."""
MOST = 60
"""Fragments that are tried in pairs; beyond, it is noise, and the largest are taken."""


@dataclass(frozen=True)
class Piece:
    """A connected part of the mask: its box, right and bottom exclusive, and how many pixels it has."""

    left: int
    top: int
    right: int
    bottom: int
    area: int

    @property
    def width(self) -> int:
        """Pixels across."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return self.bottom - self.top

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        return float(self.left), float(self.top), float(self.right), float(self.bottom)

    def with_piece(self, other: Piece) -> Piece:
        """Both as one."""
        return Piece(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
            self.area + other.area,
        )

    def expected(self, size: PersonSize) -> tuple[float, float]:
        """Width and height of a person who would stand at the bottom of it."""
        height = size.height((self.left + self.right) / 2, self.bottom)
        return height / ASPECT, height


def pieces_of(mask: np.ndarray, least: int) -> list[Piece]:
    """The connected parts (8 neighbours) of a uint8 mask that have at least so many pixels, in reading order."""
    count, _, table, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    rows = table[1:count]
    return [Piece(x, y, x + w, y + h, area) for x, y, w, h, area in rows[rows[:, 4] >= least].tolist()]


def joined(pieces: list[Piece], size: PersonSize) -> list[Piece]:
    """Fragments of one person as one: the nearest two whose common box a person can fill, again and again."""
    left = sorted(pieces, key=lambda piece: -piece.area)[:MOST]
    gaps = {(a, b): _gap(a, b, size) for i, a in enumerate(left) for b in left[i + 1 :]}
    while True:
        near = [(gap, pair) for pair, gap in gaps.items() if gap is not None]
        if not near:
            return left
        _, (a, b) = min(near, key=lambda entry: entry[0])
        both = a.with_piece(b)
        left = [piece for piece in left if piece not in (a, b)]
        gaps = {pair: gap for pair, gap in gaps.items() if a not in pair and b not in pair}
        gaps |= {(piece, both): _gap(piece, both, size) for piece in left}
        left.append(both)


def _gap(a: Piece, b: Piece, size: PersonSize) -> float | None:
    """How far apart two fragments of one person lie, in widths and heights of a person; nothing where they are not."""
    both = a.with_piece(b)
    width, height = both.expected(size)
    across = max(max(a.left, b.left) - min(a.right, b.right), 0) / width
    along = max(max(a.top, b.top) - min(a.bottom, b.bottom), 0) / height
    if across > ACROSS or along > ALONG:
        return None
    if both.height > TALLER * height or both.width > WIDER * width:
        crumb = min(a.area, b.area) < CRUMB * width * height
        return 0.0 if crumb and across == along == 0 else None
    return across + along
