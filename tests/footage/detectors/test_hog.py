import cv2
import numpy as np
import pytest

from tests.footage.drawn import wall
from usvireid.errors import UsvireidError
from usvireid.footage.detectors.hog import EVEN, Hog
from usvireid.footage.frames import Frame

needs_four = pytest.mark.skipif(not hasattr(cv2, "HOGDescriptor"), reason="OpenCV 5 has no people detector")


def frame(number: int) -> Frame:
    return Frame(number, number / 10, np.repeat(wall()[..., None], 3, axis=2).astype(np.uint8))


@needs_four
@pytest.mark.parametrize("shape", [(240, 320), (10, 10), (40, 300)])
def test_a_wall_is_nobody(shape: tuple[int, int]) -> None:
    image = np.repeat(wall(0, (240, 320))[: shape[0], : shape[1], None], 3, axis=2).astype(np.uint8)
    assert len(Hog().detect(Frame(0, 0.0, image))) == 0


@needs_four
def test_what_walks_scores_more_than_what_stands_and_other_sizes_go(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = Hog()

    def search(frame: Frame) -> tuple[np.ndarray, np.ndarray]:
        x = 10.0 + 6 * frame.number
        walks, post = [x, 100, x + 30, 190], [250.0, 100, 280, 190]
        weaker, giant = [x + 2, 102, x + 32, 192], [100.0, 10, 180, 230]
        return np.array([walks, post, weaker, giant]), np.array([1.0, 1.0, 0.5, 0.4])

    monkeypatch.setattr(detector, "_search", search)
    found = [detector.detect(frame(number)) for number in range(30)]
    assert len(found[0]) == 3
    assert found[-1].scores.tolist() == pytest.approx([1 / (1 + EVEN), 0.5 / (1 + EVEN)])
    assert found[-1].boxes[0].tolist() == [184, 100, 214, 190]


def test_without_the_detector_opencv_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "HOGDescriptor", raising=False)
    with pytest.raises(UsvireidError, match=r"has no people detector"):
        Hog()
