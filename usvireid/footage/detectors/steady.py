"""A frame brought onto the background: camera shake and changes of exposure undone."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

SHRINK = 4
"""Shifts are measured in a picture so many times smaller, to a tenth of its pixels."""
LEAST_SHIFT = 0.5
"""Pixels; less is not worth resampling the frame."""
LARGEST_SHIFT = 0.1
"""Share of the frame; what seems to have moved further is another picture."""
CLEAR = 0.1
"""Height of the peak of the phase correlation, of 1, from which a shift is believed."""
STRIDE = 8
"""Every so manieth row and column is used to compare brightness."""
LEAST_GAIN = 0.02
"""A smaller change of gain is left to the background model."""
LEAST_OFFSET = 3.0
"""Grey values; likewise."""
ALIKE = 0.5
"""Share of the pixels that must follow one line of brightness for it to be believed."""


@dataclass(frozen=True, eq=False)
class Reference:
    """The background as frames are compared with it.

    Attributes:
        picture: uint8 H x W x 3.
        small: float32, its grey values, shrunk.
        window: float32, weights of `small` that fall off towards the border.
        grey: float32, every eighth row and column of its grey values.
    """

    picture: np.ndarray
    small: np.ndarray
    window: np.ndarray
    grey: np.ndarray

    @classmethod
    def of(cls, picture: np.ndarray) -> Reference:
        """Prepare a picture, uint8 H x W x 3, of at least 16 x 16 pixels."""
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        small = _small(grey)
        window = cv2.createHanningWindow((small.shape[1], small.shape[0]), cv2.CV_32F)
        return cls(picture, small, window, _sampled(grey))

    def shift(self, image: np.ndarray) -> tuple[float, float]:
        """How many pixels the whole picture lies further right and down than the background; (0, 0) where unclear.

        People who walk do not matter, since most of the picture does not move with them.
        """
        small = _small(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
        (right, down), peak = cv2.phaseCorrelate(self.small, small, self.window)
        right, down = right * SHRINK, down * SHRINK
        far = max(abs(right) / image.shape[1], abs(down) / image.shape[0]) > LARGEST_SHIFT
        if peak < CLEAR or far or np.hypot(right, down) < LEAST_SHIFT:
            return 0.0, 0.0
        return float(right), float(down)

    def moved_back(self, image: np.ndarray, shift: tuple[float, float]) -> np.ndarray:
        """The image moved by -shift; what came from outside the frame is filled with the background."""
        if shift == (0.0, 0.0):
            return image
        back = np.array([[1, 0, -shift[0]], [0, 1, -shift[1]]], np.float64)
        size = (image.shape[1], image.shape[0])
        moved = self.picture.copy()
        cv2.warpAffine(image, back, size, dst=moved, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT)
        return moved

    def relit(self, image: np.ndarray) -> np.ndarray:
        """The image in the light of the background, where one gain and one offset explain most of the difference.

        A straight line is fitted through the grey values, three times, each time to the half that fits best: people
        and local changes do not count.
        """
        now = _sampled(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)).ravel()
        then = self.grey.ravel()
        seen = (now > 5) & (now < 250) & (then > 5) & (then < 250)
        now, then = now[seen], then[seen]
        if len(now) < 100 or np.ptp(then) < 10:
            return image
        gain, offset = float(np.median(now) / np.median(then)), 0.0
        for _ in range(3):
            off = np.abs(now - gain * then - offset)
            close = off <= max(float(np.median(off)), 1.0)
            spread = then[close] - then[close].mean()
            if spread.var() < 1:
                return image
            gain = float((spread * now[close]).sum() / (spread**2).sum())
            offset = float(now[close].mean() - gain * then[close].mean())
        follows = np.abs(now - gain * then - offset) < 10
        unchanged = abs(gain - 1) < LEAST_GAIN and abs(offset) < LEAST_OFFSET
        if unchanged or follows.mean() < ALIKE or not 0.3 < gain < 3:
            return image
        table = np.clip((np.arange(256) - offset) / gain, 0, 255).astype(np.uint8)
        result: np.ndarray = cv2.LUT(image, table)
        return result


def _small(grey: np.ndarray) -> np.ndarray:
    size = (max(grey.shape[1] // SHRINK, 1), max(grey.shape[0] // SHRINK, 1))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32)


def _sampled(grey: np.ndarray) -> np.ndarray:
    return grey[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE].astype(np.float32)
