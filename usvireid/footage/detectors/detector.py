"""What every detector of people is: frames in, boxes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from usvireid.footage.frames import Frame


@dataclass(frozen=True, eq=False)
class Detections:
    """The boxes found in one frame.

    Attributes:
        boxes: float32, N x 4: left, top, right, bottom in pixels of the frame; right > left, bottom > top. A box may
            reach over the edge of the frame; whoever cuts it out clips it.
        scores: float32, N, in [0, 1]; what they mean is the detector's affair, larger is surer.

    Raises:
        ValueError: other types, shapes or values.
    """

    boxes: np.ndarray
    scores: np.ndarray

    def __post_init__(self) -> None:
        boxes, scores = self.boxes, self.scores
        if boxes.dtype != np.float32 or boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(f"boxes are float32 N x 4, not {boxes.dtype} {boxes.shape}")
        if scores.dtype != np.float32 or scores.shape != (len(boxes),):
            raise ValueError(f"scores are float32 of {len(boxes)} boxes, not {scores.dtype} {scores.shape}")
        if not np.isfinite(boxes).all():
            raise ValueError("a box has a corner that is no number")
        if not (boxes[:, 2:] > boxes[:, :2]).all():
            raise ValueError("a box has no width or no height")
        if not ((scores >= 0) & (scores <= 1)).all():
            raise ValueError("a score lies outside [0, 1]")

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def none(cls) -> Detections:
        """No boxes."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))

    def take(self, rows: np.ndarray) -> Detections:
        """Some of the boxes, by row numbers or by a boolean for each."""
        return Detections(self.boxes[rows], self.scores[rows])


class Detector(Protocol):
    """Finds people. One object serves one video: it is shown every frame once, in order, and may remember."""

    name: str

    def detect(self, frame: Frame) -> Detections:
        """The people in a frame."""
        ...
