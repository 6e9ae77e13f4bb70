"""Which boxes have walked: what only flickers, sways or is burnt in stays where it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usvireid.footage.detectors.overlaps import intersection_over_union

SAME = 0.3
"""Intersection over union with a box of the frame before from which it is the same thing."""
FAR = 0.25
"""Heights of its box that a thing must have moved from where it was first seen."""
GONE = 1.0
"""Seconds for which a thing that was not seen is remembered."""
STAYED = 0.5
"""Factor on the score of what has not walked yet: it begins no track, but continues one."""


@dataclass
class _Thing:
    box: np.ndarray
    origin: np.ndarray
    walked: bool
    time: float


class Walked:
    """Follows boxes from frame to frame, just well enough to tell what moves from what does not."""

    def __init__(self) -> None:
        self._things: list[_Thing] = []

    def update(self, boxes: np.ndarray, time: float) -> np.ndarray:
        """Whether each box, N x 4, has come from elsewhere; boolean N."""
        known = [thing for thing in self._things if time - thing.time <= GONE]
        overlaps = intersection_over_union(boxes, np.array([thing.box for thing in known]).reshape(-1, 4))
        now = []
        taken = set()
        for box, row in zip(boxes, overlaps, strict=True):
            thing = _Thing(box, box, False, time)
            if len(row) and row.max() >= SAME:
                nearest = int(np.argmax(row))
                taken.add(nearest)
                before = known[nearest]
                far = _way(before.origin, box) >= FAR * float(box[3] - box[1])
                thing = _Thing(box, before.origin, before.walked or far, time)
            now.append(thing)
        self._things = now + [thing for i, thing in enumerate(known) if i not in taken]
        return np.array([thing.walked for thing in now], dtype=bool)


def _way(a: np.ndarray, b: np.ndarray) -> float:
    """How far head and feet have both moved, pixels; a box that only grows or shrinks leaves one of them in place."""
    across = (b[0] + b[2] - a[0] - a[2]) / 2
    return float(np.hypot(across, np.abs(b[[1, 3]] - a[[1, 3]]).min()))
