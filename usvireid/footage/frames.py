"""A frame of footage, as it passes from the decoder to what looks at it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video.

    Attributes:
        number: counts the decoded frames of the video, from 0.
        time: seconds since the first frame of the video, by its time stamps; never falls from frame to frame.
        image: uint8, height x width x 3, RGB. It belongs to the frame: whoever keeps it keeps its memory.
    """

    number: int
    time: float
    image: np.ndarray

    def __post_init__(self) -> None:
        if self.image.dtype != np.uint8 or self.image.ndim != 3 or self.image.shape[2] != 3:
            raise ValueError(f"a frame is uint8 H x W x 3, not {self.image.dtype} {self.image.shape}")

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return int(self.image.shape[0])

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return int(self.image.shape[1])
