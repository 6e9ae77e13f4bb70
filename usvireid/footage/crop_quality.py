"""How good a crop is to tell a person by, and how it looks, from its pixels alone."""

from __future__ import annotations

import cv2
import numpy as np

HEIGHT, WIDTH = 96, 40
"""The size at which crops are compared: a larger one is not sharper for being larger."""
LOOK = (6, 3)
"""Rows and columns of the colours that make up a look: head to feet, left to right."""


def quality_of(image: np.ndarray, score: float, covered: float) -> tuple[float, float]:
    """The quality in (0, 1) of a crop, and its sharpness.

    Sharpness is the mean of the squared Laplacian over the variance, at one size and after a slight blur, so that
    neither contrast nor noise nor size pass for it. The quality is the geometric mean of four shares: of sharpness and
    of height that saturate, of the detector's score and of the area that no other box covers.

    Args:
        image: uint8 H x W x 3.
        score: of the detector, in [0, 1].
        covered: share of the box that another box covers.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.GaussianBlur(cv2.resize(grey, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), (3, 3), 0)
    curved = cv2.Laplacian(small, cv2.CV_32F)
    sharpness = float(np.mean(curved**2) / (np.var(small.astype(np.float32)) + 1.0))
    height = image.shape[0]
    shares = np.array([sharpness / (sharpness + 0.1), height / (height + HEIGHT), score, 1 - covered])
    return float(shares.clip(0.01).prod() ** 0.25), sharpness


def look_of(image: np.ndarray) -> np.ndarray:
    """Colours of a coarse grid over the crop, float32, in units where 1 is a clear difference."""
    rows, columns = LOOK
    small = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
    result: np.ndarray = (small / 255).ravel() / np.sqrt(rows)
    return result
