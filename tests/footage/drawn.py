"""Sequences of plain drawn figures before a textured wall, with their true boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from usvireid.footage.detectors.detector import Detections, Detector
from usvireid.footage.frames import Frame

SIZE = (240, 320)
Change = Callable[[np.ndarray, int], np.ndarray]


def wall(seed: int = 0, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A still background with edges in all directions, float64 H x W in 60..140."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(60, 140, (size[0] // 16, size[1] // 16))
    return np.kron(coarse, np.ones((16, 16)))


def put(canvas: np.ndarray, x: float, foot: float, height: float, value: float, step: int = 0) -> tuple[float, ...]:
    """Draw a person on an H x W canvas: head, trunk and two legs in stride. Returns the box."""
    rows, columns = np.mgrid[: canvas.shape[0], : canvas.shape[1]]
    top = foot - height
    head = ((rows - top - 0.08 * height) / (0.08 * height)) ** 2 + ((columns - x) / (0.07 * height)) ** 2 <= 1
    trunk = (rows >= top + 0.14 * height) & (rows < top + 0.55 * height) & (np.abs(columns - x) <= 0.13 * height)
    down = (rows - top - 0.55 * height) / (0.45 * height)
    stride = 0.1 * height * np.sin(step * 0.8)
    legs = np.zeros_like(trunk)
    for side in (-1, 1):
        middle = x + side * (0.05 * height + stride * down * side)
        legs |= (down >= 0) & (rows < foot) & (np.abs(columns - middle) <= 0.05 * height)
    drawn = head | trunk | legs
    canvas[drawn] = value
    inside = np.argwhere(drawn)
    if not len(inside):
        return (x, top, x + 1, foot)
    (y0, x0), (y1, x1) = inside.min(axis=0), inside.max(axis=0) + 1
    return float(x0), float(y0), float(x1), float(y1)


def walkers(
    frame: int, ways: Sequence[tuple[int, float, float, float, float]]
) -> list[tuple[float, float, float, int]]:
    """Where people are: each way is (first frame, first x, pixels a frame, foot, height)."""
    return [
        (x + speed * (frame - first), foot, height, frame - first)
        for first, x, speed, foot, height in ways
        if frame >= first
    ]


def sequence(
    frames: int,
    ways: Sequence[tuple[int, float, float, float, float]],
    value: float = 220,
    change: Change | None = None,
    noise: float = 2.0,
    seed: int = 0,
) -> Iterator[tuple[Frame, np.ndarray]]:
    """Frames at 10 a second, and the true boxes, N x 4, of those who are wholly in them."""
    rng = np.random.default_rng(seed)
    still = wall(seed)
    for number in range(frames):
        canvas = still.copy()
        boxes = []
        for x, foot, height, step in walkers(number, ways):
            box = put(canvas, x, foot, height, value, step)
            if box[0] > 2 and box[2] < SIZE[1] - 2 and box[2] - box[0] > 0.2 * height:
                boxes.append(box)
        if change is not None:
            canvas = change(canvas, number)
        picture = np.clip(canvas + rng.normal(0, noise, canvas.shape), 0, 255).astype(np.uint8)
        yield Frame(number, number / 10, np.repeat(picture[..., None], 3, axis=2)), np.array(boxes).reshape(-1, 4)


def reached(detector: Detector, shown: Iterator[tuple[Frame, np.ndarray]], begin: int = 0) -> tuple[float, float]:
    """Recall and precision at an intersection over union of 0.5, of boxes that score 0.5, from frame `begin`."""
    found = wrong = missed = 0
    for frame, truth in shown:
        detections = detector.detect(frame)
        if frame.number < begin:
            continue
        hits = matched(detections.take(detections.scores >= 0.5), truth)
        found += hits
        wrong += int((detections.scores >= 0.5).sum()) - hits
        missed += len(truth) - hits
    return found / max(found + missed, 1), found / max(found + wrong, 1)


def matched(detections: Detections, truth: np.ndarray) -> int:
    """How many true boxes have a detection of their own; greedy, which is exact where people stand apart."""
    left = [box.astype(float) for box in detections.boxes]
    hits = 0
    for box in truth:
        best = max(range(len(left)), key=lambda i: overlap(left[i], box), default=None)
        if best is not None and overlap(left[best], box) >= 0.5:
            hits += 1
            del left[best]
    return hits


def overlap(a: Sequence[float] | np.ndarray, b: Sequence[float] | np.ndarray) -> float:
    """Intersection over union of two boxes, slow and plain."""
    across = max(min(a[2], b[2]) - max(a[0], b[0]), 0)
    along = max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    both = across * along
    return float(both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both))
