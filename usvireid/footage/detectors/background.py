"""What stands still before a fixed camera, and what differs from it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from usvireid.footage.detectors.steady import Reference

MEMORY = 120.0
"""Seconds over which the background is remembered."""
YOUTH = 20.0
"""Seconds of memory at the start, where nothing better is known; it grows with the video."""
BACKGROUND_SHARE = 0.8
"""Looks of a pixel that together held for this share of the memory are background. Who stands still is so for some 25
seconds before he is part of it; two looks that take turns (a digit of a clock, a branch, a lamp) are both known."""
DIFFERENCE = 16.0
"""Squared distance, in units of the variance of a pixel, from which it differs: four standard deviations."""
NOISE = 4.0
"""Standard deviation assumed of a new look, in grey values; the least that is believed is half of it."""
SHADOW = 0.5
"""A shadow keeps at least this share of the brightness, and the colour."""
BETWEEN = 1 / 12
"""Share of the frame's height over which a person is closed along the height, and half as far across."""
COLOURLESS = 4.0
"""Mean difference of the highest and the lowest channel, in grey values, below which a picture has no colours."""
CHANGED = 0.5
"""Where more of the frame than this differs, it is another scene or another light, not people."""
PATIENCE = 1.0
"""Seconds for which so much may differ before the background is learnt anew."""
REFRESH = 1.0
"""Seconds between two pictures of the background; the first few frames have one each."""
FIRST = 10


@dataclass(frozen=True, eq=False)
class Difference:
    """How a frame differs from the background.

    Attributes:
        mask: uint8 H x W, 1 where the frame differs, shadows left out.
        frame: uint8 H x W x 3, the frame as compared: moved onto the background and brought to its light.
        background: uint8 H x W x 3, the picture of the background.
        shift: how many pixels the picture lies further right and down than the background.
    """

    mask: np.ndarray
    frame: np.ndarray
    background: np.ndarray
    shift: tuple[float, float]


class Background:
    """An adaptive mixture of Gaussians per pixel (MOG2 of OpenCV) that follows slow changes of light.

    Around it, ours: shake and changes of exposure are undone first (`steady.py`), the memory grows with the video, and
    where most of the picture stays different the background is learnt anew. Polarity does not matter: a warm person
    before a cold wall differs from it as a cold one from a warm wall does.

    Args:
        colour: whether the footage may have colours. Only then are shadows left out, as what is darker but keeps its
            colour; without colours a shadow cannot be told from a dark coat.
    """

    def __init__(self, colour: bool = True) -> None:
        self._colour = colour
        self._restart()

    def _restart(self) -> None:
        model = cv2.createBackgroundSubtractorMOG2(varThreshold=DIFFERENCE, detectShadows=True)
        model.setBackgroundRatio(BACKGROUND_SHARE)
        model.setShadowThreshold(SHADOW)
        model.setVarMin(NOISE**2 / 4)
        model.setVarInit(NOISE**2)
        self._model = model
        self._frames = 0
        self._start = self._time = 0.0
        self._reference: Reference | None = None
        self._reference_time = 0.0
        self._changed_since: float | None = None

    def compare(self, image: np.ndarray, time: float) -> Difference:
        """Compare a frame with the background, then learn from it. The first frame differs nowhere.

        Args:
            image: uint8 H x W x 3, always of one size.
            time: seconds, never falling.
        """
        frame = cv2.GaussianBlur(image, (3, 3), 0)
        shift = (0.0, 0.0)
        if self._reference is not None:
            shift = self._reference.shift(frame)
            frame = self._reference.relit(self._reference.moved_back(frame, shift))
        mask = self._learn(frame, time)
        if self._is_other_scene(mask, time):
            self._restart()
            frame, shift = cv2.GaussianBlur(image, (3, 3), 0), (0.0, 0.0)
            mask = self._learn(frame, time)
        reference = self._reference
        if reference is None or self._frames <= FIRST or time - self._reference_time >= REFRESH:
            self._reference = reference = Reference.of(self._model.getBackgroundImage())
            self._reference_time = time
        return Difference(mask, frame, reference.picture, shift)

    def _learn(self, frame: np.ndarray, time: float) -> np.ndarray:
        if self._frames == 0:
            self._start, rate = time, 1.0
        else:
            memory = min(max(time - self._start, YOUTH), MEMORY)
            rate = min((time - self._time) / memory, 1.0)
        self._time = time
        self._frames += 1
        answer = self._model.apply(frame, learningRate=rate)
        if self._frames == 1:
            return np.zeros_like(answer)
        if self._colour and _has_colours(frame):
            return without_shadows(answer)
        return (answer > 0).astype(np.uint8)

    def _is_other_scene(self, mask: np.ndarray, time: float) -> bool:
        if mask.mean() <= CHANGED:
            self._changed_since = None
            return False
        if self._changed_since is None:
            self._changed_since = time
        return time - self._changed_since >= PATIENCE


def without_shadows(answer: np.ndarray) -> np.ndarray:
    """The mask, 0 or 1, of what differs (255) and of those shadows (127) that lie between: uint8 H x W in and out.

    A cast shadow lies beside or below a person; what looks like one with the person above and below it, or left and
    right, is a dull coat before a dull wall.
    """
    sure = (answer == 255).astype(np.uint8)
    reach = max(round(BETWEEN * len(answer)), 3)
    between = cv2.morphologyEx(sure, cv2.MORPH_CLOSE, np.ones((reach, 1), np.uint8))
    result: np.ndarray = sure | (between & (answer == 127))
    return result


def _has_colours(image: np.ndarray) -> bool:
    sampled = image[::16, ::16].astype(np.int16)
    return float(np.ptp(sampled, axis=2).mean()) >= COLOURLESS
