"""Tracks cut where a tracker may have confused two people: what is left is one person, as good as certain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usvireid.footage.frames import Frame
from usvireid.footage.tracking import LOST_AFTER, Tracked

CROSSING = 0.4
"""Share of a box that another covers from which either may go on with the other's track."""
TOUCHING = 0.1
"""Share of a box that another covers from which the other may have taken in or given off a person."""
CLEAR = 0.15
"""Share of a box that another covers up to which it stands alone again."""
AWAY = 0.5
"""Seconds without a box after which who comes back may be another."""


TWO = LOST_AFTER
"""Seconds for which a blob is held for two people after one who touched it vanished, unless someone comes out of it."""


@dataclass(frozen=True)
class Numbered:
    """What is known of a tracked box.

    Attributes:
        tracklet: its number, counted from 0 within a video.
        alone: whether no one else is likely to be in it, since no one who touched it has just vanished.
    """

    tracklet: int
    alone: bool


@dataclass
class _State:
    tracklet: int
    box: np.ndarray
    time: float
    doubtful: bool = False
    two_until: float = -np.inf


class Tracklets:
    """Numbers the pieces of tracks between doubtful moments (ours).

    A track is in doubt when its box and another have crossed, when a box that touched it vanishes or appears (one blob
    may hold two people), and when it was away. Once its box stands alone again it goes on under a new number.
    """

    def __init__(self) -> None:
        self._states: dict[int, _State] = {}
        self._next = 0
        self._last = -np.inf

    def number(self, frame: Frame, tracked: list[Tracked]) -> list[Numbered]:
        """The tracklets of the boxes of the next frame, each of which is of another track."""
        boxes = np.array([one.box for one in tracked], np.float64).reshape(-1, 4)
        shares = covered_shares(boxes, boxes)
        np.fill_diagonal(shares, 0.0)
        came = np.array([self._came(one.track, frame.time) for one in tracked], dtype=bool)
        took = self._took(frame.time, {one.track for one in tracked}, boxes)
        back = np.array([self._is_back(one.track) for one in tracked], dtype=bool)
        gave: np.ndarray = (np.maximum(shares, shares.T)[:, back] > TOUCHING).any(axis=1)
        crossed: np.ndarray = (np.maximum(shares, shares.T) > CROSSING).any(axis=1)
        covered: np.ndarray = shares.max(axis=1, initial=0)
        found = []
        for row, one in enumerate(tracked):
            known = self._states.get(one.track)
            doubtful = bool(took[row] or gave[row] or crossed[row] or (known is not None and known.doubtful))
            begins = known is None or came[row] or (doubtful and covered[row] <= CLEAR)
            if known is None or begins:
                known = self._states[one.track] = _State(self._next, one.box, frame.time)
                self._next += 1
            known.doubtful = doubtful and not begins
            known.box, known.time = one.box, frame.time
            if took[row]:
                known.two_until = frame.time + TWO
            found.append(Numbered(known.tracklet, frame.time >= known.two_until))
        self._last = frame.time
        return found

    def _came(self, track: int, time: float) -> bool:
        """Whether a track is new, or was away for long."""
        return track not in self._states or time - self._states[track].time > AWAY

    def _is_back(self, track: int) -> bool:
        """Whether a track is new, or was not seen in the frame before."""
        return track not in self._states or self._states[track].time < self._last

    def _took(self, time: float, seen: set[int], boxes: np.ndarray) -> np.ndarray:
        """Which boxes may have taken in someone who has just vanished beside them; forgets who is gone for good."""
        took = np.zeros(len(boxes), dtype=bool)
        for track, state in list(self._states.items()):
            if track in seen:
                continue
            if time - state.time > TWO:
                del self._states[track]
            elif state.time == self._last:
                touched = covered_shares(state.box[None], boxes)[0] > TOUCHING
                took |= touched
                state.doubtful |= bool(touched.any())
        return took


def covered_shares(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The share of the area of each box that each of the others covers; N x 4 and M x 4 in, N x M out."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    result: np.ndarray = common / (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)[:, None]
    return result
