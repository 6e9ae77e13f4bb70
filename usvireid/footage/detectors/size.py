"""How tall a person is where: learnt from the clip."""

from __future__ import annotations

import numpy as np

ASPECT = 2.7
"""Height over width of a person's box; about 2 in full stride seen from the side, 3.5 standing."""
ENOUGH = 8
"""Blobs that are needed before they say anything; so many new ones, and it is learnt again."""
CELLS = 12
"""The frame has so many cells along its longer side, of each of which the newest blobs are kept, so that one who
lingers does not outvote those who walk through."""
PER_CELL = ENOUGH
TOLERANCE = 0.125
"""Heights of people at one place spread by about this share: bodies, posture, hats, stride."""
RIDGE = 1e-3
"""Pulls the slopes towards zero while all blobs were at one place."""
LIMITS = (0.5, 1.5)
"""Beyond the blobs that were seen the plane goes on, down to and up to these multiples of the small and tall ones."""


class PersonSize:
    """The height in pixels of a person whose feet stand at (x, y): a plane over the image.

    On flat ground the height in the image is a linear function of where the feet are, however the camera is tilted. The
    plane is fitted to blobs that stand alone, by reweighted least squares (Cauchy's squared weights) from the median
    slope of all pairs.

    Args:
        width: of the frame, pixels.
        height: of the frame, pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        self._scale = float(max(width, height))
        self._cells: dict[tuple[int, int], list[tuple[float, float, float]]] = {}
        self._plane: np.ndarray | None = None
        self._limits = (0.0, 0.0)
        self._new = 0

    @property
    def known(self) -> bool:
        """Whether enough was seen."""
        return self._plane is not None

    def learn(self, boxes: np.ndarray) -> None:
        """Take in boxes, N x 4, of blobs that look like one whole person each."""
        for left, top, right, bottom in boxes.tolist():
            x, y = (left + right) / 2 / self._scale, bottom / self._scale
            cell = self._cells.setdefault((int(x * CELLS), int(y * CELLS)), [])
            cell.append((x, y, bottom - top))
            del cell[:-PER_CELL]
            self._new += 1
        if self._new >= ENOUGH and sum(map(len, self._cells.values())) >= ENOUGH:
            self._new = 0
            self._fit(np.array([sample for cell in self._cells.values() for sample in cell]))

    def _fit(self, samples: np.ndarray) -> None:
        heights = samples[:, 2]
        middle = samples[:, :2].mean(axis=0)
        terms = np.column_stack([np.ones(len(samples)), samples[:, :2] - middle])
        plane = np.array([np.median(heights), 0.0, _slope(samples[:, 1], heights)])
        ridge = np.diag([0.0, RIDGE, RIDGE])
        for _ in range(20):
            off = (heights / np.maximum(terms @ plane, 1.0) - 1) / TOLERANCE
            weighted = terms / ((1 + off**2) ** 2)[:, None]
            trust = weighted[:, 0].sum()
            plane = np.linalg.solve(weighted.T @ terms + ridge * trust, weighted.T @ heights)
        self._plane = np.array([plane[0] - plane[1:] @ middle, *plane[1:]])
        low, high = np.percentile(heights, (5, 95)).tolist()
        self._limits = (LIMITS[0] * low, LIMITS[1] * high)

    def heights(self, x: np.ndarray, foot: np.ndarray) -> np.ndarray:
        """Expected heights, pixels, of people whose feet stand at (x, foot), pixels; arrays of one shape.

        Raises:
            ValueError: nothing is known yet.
        """
        if self._plane is None:
            raise ValueError("no size is known yet")
        base, right, down = self._plane.tolist()
        result: np.ndarray = np.clip(base + right * x / self._scale + down * foot / self._scale, *self._limits)
        return result

    def height(self, x: float, foot: float) -> float:
        """As `heights`, of one person."""
        return float(self.heights(np.array(x), np.array(foot)))


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    """The median slope over all pairs that lie apart (Theil and Sen); 0 where there are few."""
    apart = x[:, None] - x[None]
    pairs = apart > 0.05
    if pairs.sum() < ENOUGH:
        return 0.0
    return float(np.median((y[:, None] - y[None])[pairs] / apart[pairs]))
