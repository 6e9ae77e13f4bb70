import numpy as np
import pytest

from tests.footage.drawn import overlap
from usvireid.footage.detectors.overlaps import intersection_over_union, kept_by_overlap


def some(count: int, rng: np.random.Generator) -> np.ndarray:
    corner = rng.integers(0, 40, (count, 2)).astype(float)
    return np.concatenate([corner, corner + rng.integers(1, 30, (count, 2))], axis=1)


def kept_slowly(boxes: np.ndarray, scores: np.ndarray, most: float) -> list[int]:
    kept: list[int] = []
    for row in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        if all(overlap(boxes[row], boxes[other]) <= most for other in kept):
            kept.append(row)
    return kept


@pytest.mark.parametrize("seed", range(10))
def test_overlaps_and_suppression_are_those_of_plain_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes, others = some(int(rng.integers(0, 40)), rng), some(int(rng.integers(0, 10)), rng)
    boxes[len(boxes) // 2 :] = boxes[: len(boxes) - len(boxes) // 2]  # twins
    slow = np.array([[overlap(a, b) for b in others] for a in boxes]).reshape(len(boxes), len(others))
    assert np.allclose(intersection_over_union(boxes, others), slow)
    scores = rng.integers(0, 4, len(boxes)) / 4  # ties
    for most in (0.0, 0.3, 1.0):
        assert kept_by_overlap(boxes, scores, most).tolist() == kept_slowly(boxes, scores, most)
