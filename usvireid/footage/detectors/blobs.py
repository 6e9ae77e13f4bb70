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
    if len(left) < 2:
        return left
    table = np.array([(*piece.box, piece.area) for piece in left])
    gaps = np.array([_gaps(row, table, size) for row in table])
    np.fill_diagonal(gaps, np.inf)
    while True:
        a, b = divmod(int(np.argmin(gaps)), len(gaps))
        if not np.isfinite(gaps[a, b]):
            return [piece for piece in left if piece.area]
        left[a] = left[a].with_piece(left[b])
        left[b] = Piece(0, 0, 0, 0, 0)
        table[a] = (*left[a].box, left[a].area)
        gaps[b] = gaps[:, b] = np.inf
        row = np.where(table[:, 4] > 0, _gaps(table[a], table, size), np.inf)
        row[[a, b]] = np.inf
        table[b, 4] = 0
        gaps[a] = gaps[:, a] = row


def _gaps(one: np.ndarray, others: np.ndarray, size: PersonSize) -> np.ndarray:
    """How far a fragment lies from others, in widths and heights of a person; infinite where they are not of one.

    Rows are left, top, right, bottom, area.
    """
    low = np.minimum(one[:2], others[:, :2])
    high = np.maximum(one[2:4], others[:, 2:4])
    tall = size.heights((low[:, 0] + high[:, 0]) / 2, high[:, 1])
    person = np.column_stack([tall / ASPECT, tall])
    apart = np.maximum(one[:2], others[:, :2]) - np.minimum(one[2:4], others[:, 2:4])
    gap = apart.clip(0, None) / person
    near = (gap <= (ACROSS, ALONG)).all(axis=1)
    fits = (high - low <= (WIDER, TALLER) * person).all(axis=1)
    crumb = np.minimum(one[4], others[:, 4]) < CRUMB * person.prod(axis=1)
    inside = (gap == 0).all(axis=1) & crumb
    result: np.ndarray = np.where(near & (fits | inside), gap.sum(axis=1), np.inf)
    return result
