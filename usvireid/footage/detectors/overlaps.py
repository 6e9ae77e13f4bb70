"""How much boxes overlap, and which to keep of many on one person."""

from __future__ import annotations

import numpy as np


def intersection_over_union(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of each box of one list with each of another: N x 4 and M x 4 in, N x M out; boxes have an area."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    area_a, area_b = ((boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a, b))
    result: np.ndarray = common / (area_a[:, None] + area_b[None] - common)
    return result


def kept_by_overlap(boxes: np.ndarray, scores: np.ndarray, most: float) -> np.ndarray:
    """Non-maximum suppression: row numbers of the boxes kept, best first.

    A box is dropped where it overlaps a kept one of a higher score (of equal scores, an earlier row) by more than
    `most`.
    """
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(order):
        best = int(order[0])
        kept.append(best)
        rest = order[1:]
        order = rest[intersection_over_union(boxes[best : best + 1], boxes[rest])[0] <= most]
    return np.array(kept, dtype=np.int64)
