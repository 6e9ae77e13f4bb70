"""What the outputs of person detectors mean: those of YOLOX, of YOLOv5 and of YOLOv8, told apart by their shapes."""

from __future__ import annotations

from enum import Enum

import numpy as np

STRIDES = ((8, 16, 32), (8, 16, 32, 64))
"""Pixels between the cells of the grids that the models look at; the larger variants have a fourth."""
ANCHORS = 3
"""Boxes that YOLOv5 gives for each cell."""


class Layout(Enum):
    """The kinds of output that are understood.

    The numbers of a box are its middle, width and height in pixels of the input, then scores.
    """

    YOLOX = "YOLOX"
    """1 x cells x (5 + classes), objectness before the classes; in units of cells where the export left it so."""
    YOLOV5 = "YOLOv5"
    """1 x 3 cells x (5 + classes), objectness before the classes."""
    YOLOV8 = "YOLOv8"
    """1 x (4 + classes) x cells, no objectness; so too those that came after it."""


def layout_of(shape: tuple[int, ...], height: int, width: int) -> Layout | None:
    """Which kind an output of this shape is, for an input of this height and width; nothing where it is none."""
    if len(shape) != 3 or shape[0] != 1:
        return None
    for strides in STRIDES:
        cells = len(_cells(height, width, strides))
        if shape[1] == cells and shape[2] >= 6:
            return Layout.YOLOX
        if shape[1] == ANCHORS * cells and shape[2] >= 6:
            return Layout.YOLOV5
        if shape[2] == cells and shape[1] >= 5:
            return Layout.YOLOV8
    return None


def decoded(output: np.ndarray, layout: Layout, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes and scores of class 0.

    Args:
        output: as `layout` says.
        layout: its kind.
        height: of the input, pixels.
        width: of the input, pixels.

    Returns:
        N x 4 left, top, right, bottom in pixels of the input, and N scores in [0, 1].
    """
    rows = np.asarray(output[0], np.float64)
    if layout is Layout.YOLOV8:
        rows = rows.T
        scores = rows[:, 4]
    else:
        scores = rows[:, 4] * rows[:, 5]
    middle, size = rows[:, :2], rows[:, 2:4]
    # Middles in pixels reach over the whole input; offsets within cells never do.
    if layout is Layout.YOLOX and middle.max() < max(height, width) / 2:
        strides = next(each for each in STRIDES if len(_cells(height, width, each)) == len(rows))
        cells = _cells(height, width, strides)
        middle = (middle + cells[:, :2]) * cells[:, 2:]
        size = np.exp(np.minimum(size, 20.0)) * cells[:, 2:]
    return np.column_stack([middle - size / 2, middle + size / 2]), scores.clip(0, 1)


def _cells(height: int, width: int, strides: tuple[int, ...]) -> np.ndarray:
    """Column, row and stride of every cell: grid after grid, row after row; cells x 3."""
    grids = []
    for stride in strides:
        row, column = np.mgrid[: height // stride, : width // stride]
        grids.append(np.column_stack([column.ravel(), row.ravel(), np.full(row.size, stride)]))
    return np.concatenate(grids).astype(np.float64)
