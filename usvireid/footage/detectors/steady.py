"""A frame brought onto the background: camera shake and changes of exposure undone."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

TILE = 128
"""Pixels of the side of the squares in which shifts are measured; half as far can be seen."""
LEAST_TILE = 16
"""Pixels; in frames less than twice as large no shift is measured."""
TILES = 6
"""How many squares, those with the clearest corners: people are in few of them at a time."""
LEAST_SHIFT = 0.7
"""Pixels; less is left to the background model, since resampling blurs."""
AGREE = 1.0
"""Pixels by which a square may differ from the median; most squares must not."""
CLEAR = 0.15
"""Height of the peak of the phase correlation, of 1, from which a square counts."""
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
        corners: left and top of the squares in which shifts are measured.
        tiles: float32, the grey values of each.
        window: float32, weights that fall off towards the border of a square.
        grey: float32, every eighth row and column of the grey values.
    """

    picture: np.ndarray
    corners: list[tuple[int, int]]
    tiles: list[np.ndarray]
    window: np.ndarray
    grey: np.ndarray

    @classmethod
    def of(cls, picture: np.ndarray) -> Reference:
        """Prepare a picture, uint8 H x W x 3."""
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        side = min(TILE, *(length // 2 for length in grey.shape))
        corners = _clearest(grey, side) if side >= LEAST_TILE else []
        tiles = [grey[y : y + side, x : x + side].astype(np.float32) for x, y in corners]
        return cls(picture, corners, tiles, _window(side), _sampled(grey))

    def shift(self, image: np.ndarray) -> tuple[float, float]:
        """How many pixels the whole picture lies further right and down than the background; (0, 0) where unclear.

        Phase correlation in each square, and the median of them: people, who are in few squares, do not count.
        """
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        shifts = []
        for (x, y), tile in zip(self.corners, self.tiles, strict=True):
            side = len(tile)
            there = grey[y : y + side, x : x + side].astype(np.float32)
            shift, peak = cv2.phaseCorrelate(tile, there, self.window)
            if peak >= CLEAR:
                shifts.append(shift)
        if len(shifts) <= len(self.corners) // 2:
            return 0.0, 0.0
        right, down = np.median(shifts, axis=0).tolist()
        agreeing = (np.abs(np.array(shifts) - (right, down)).max(axis=1) <= AGREE).sum()
        if agreeing <= len(self.corners) // 2 or np.hypot(right, down) < LEAST_SHIFT:
            return 0.0, 0.0
        return right, down

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


def _window(side: int) -> np.ndarray:
    """Hann's window, float32 side x side."""
    line = np.hanning(side).astype(np.float32)
    return np.outer(line, line)


def _clearest(grey: np.ndarray, side: int) -> list[tuple[int, int]]:
    """Left and top of the squares whose weakest direction still has the strongest edges (Shi and Tomasi)."""
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0)
    along = cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    ranked = []
    for y in range(0, grey.shape[0] - side + 1, side):
        for x in range(0, grey.shape[1] - side + 1, side):
            u, v = across[y : y + side, x : x + side], along[y : y + side, x : x + side]
            uu, vv, uv = float((u * u).mean()), float((v * v).mean()), float((u * v).mean())
            ranked.append(((uu + vv) / 2 - np.hypot((uu - vv) / 2, uv), x, y))
    return [(x, y) for _, x, y in sorted(ranked, reverse=True)[:TILES]]


def _sampled(grey: np.ndarray) -> np.ndarray:
    return grey[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE].astype(np.float32)
