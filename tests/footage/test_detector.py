import numpy as np
import pytest

from usvireid.footage.detectors.detector import Detections
from usvireid.footage.frames import Frame

BOX = np.array([[1, 2, 3, 4]], np.float32)
SCORE = np.array([0.5], np.float32)


def test_detections_check_themselves() -> None:
    assert len(Detections(BOX, SCORE)) == 1
    assert len(Detections.none()) == 0
    for boxes, scores in (
        (BOX.astype(np.float64), SCORE),
        (BOX[0], SCORE),
        (BOX, np.zeros(2, np.float32)),
        (BOX, SCORE.astype(np.float64)),
        (BOX * np.float32(np.nan), SCORE),
        (BOX[:, [2, 1, 0, 3]], SCORE),
        (BOX, SCORE * 3),
        (BOX, SCORE * np.float32(np.nan)),
    ):
        with pytest.raises(ValueError):
            Detections(boxes, scores)


def test_detections_take_some() -> None:
    found = Detections(np.concatenate([BOX, BOX + 1]), np.array([0.1, 0.9], np.float32))
    assert found.take(found.scores > 0.5).boxes.tolist() == [[2, 3, 4, 5]]


def test_a_frame_checks_its_image() -> None:
    assert (
        Frame(0, 0.0, np.zeros((2, 3, 3), np.uint8)).height,
        Frame(0, 0.0, np.zeros((2, 3, 3), np.uint8)).width,
    ) == (2, 3)
    with pytest.raises(ValueError, match="uint8 H x W x 3"):
        Frame(0, 0.0, np.zeros((2, 3), np.uint8))
