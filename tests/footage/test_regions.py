from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from usvireid.errors import DataError, UsageError
from usvireid.footage.detectors.detector import Detections
from usvireid.footage.regions import Region, clipped


def written(path: Path, white: np.ndarray) -> Region:
    Image.fromarray(white.astype(np.uint8) * 255).save(path)
    return Region.read(path)


def slow_share(white: np.ndarray, box: np.ndarray) -> float:
    left, top = np.floor(box[:2]).astype(int)
    right, bottom = np.ceil(box[2:]).astype(int)
    return float(white[top:bottom, left:right].mean())


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (40, 60)])
def test_share_is_the_white_part_of_each_box(tmp_path: Path, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(size[0])
    white = rng.random(size) < 0.5
    white[0, 0] = True
    region = written(tmp_path / "mask.png", white)
    low = rng.random((50, 2)) * (size[1], size[0]) * 0.9
    high = low + rng.random((50, 2)) * ((size[1], size[0]) - low) + 1e-3
    boxes = np.concatenate([low, np.minimum(high, (size[1], size[0]))], axis=1).astype(np.float32)
    found = region.share(Detections(boxes, np.ones(50, np.float32)))
    np.testing.assert_allclose(found, [slow_share(white, box) for box in boxes])
    assert region.share(Detections.none()).shape == (0,)


def test_what_is_not_white_is_black_for_the_detector(tmp_path: Path) -> None:
    white = np.zeros((4, 6), bool)
    white[1:3, 2:5] = True
    image = np.full((4, 6, 3), 7, np.uint8)
    masked = written(tmp_path / "mask.png", white).masked(image)
    assert masked.dtype == np.uint8
    np.testing.assert_array_equal(masked, 7 * white[..., None].repeat(3, axis=2))
    assert image.min() == 7


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_masks_of_all_kinds(tmp_path: Path, mode: str) -> None:
    white = np.zeros((4, 6), np.uint8)
    white[:, 3:] = 255
    if mode == "I;16":
        Image.fromarray(white.astype(np.uint16) * 257).save(tmp_path / "mask.png")
    else:
        Image.fromarray(white).convert(mode).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(Region.read(tmp_path / "mask.png").white, white > 0)


def test_what_is_transparent_is_not_white(tmp_path: Path) -> None:
    pixels = np.full((4, 6, 4), 255, np.uint8)
    pixels[:, :3, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    assert Region.read(tmp_path / "mask.png").white.sum() == 12


def test_a_mask_that_does_not_fit_is_refused_with_both_sizes(tmp_path: Path) -> None:
    region = written(tmp_path / "mask.png", np.ones((4, 6), bool))
    region.refuse_other_size(6, 4, Path("a.mp4"))
    with pytest.raises(DataError, match=r"6 x 4 pixels and the picture of a\.mp4 4 x 6"):
        region.refuse_other_size(4, 6, Path("a.mp4"))


def test_masks_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        Region.read(tmp_path / "gone.png")
    (tmp_path / "text.png").write_text("white")
    with pytest.raises(DataError, match="not an image"):
        Region.read(tmp_path / "text.png")
    with pytest.raises(DataError, match="no white"):
        written(tmp_path / "black.png", np.zeros((4, 6), bool))


def test_boxes_are_cut_at_the_edge() -> None:
    boxes = np.array([[-5, -5, 3, 4], [2, 2, 90, 90], [20, 2, 30, 8], [1, 1, 3, 3], [-9, 0, 0.5, 8]], np.float32)
    found = clipped(Detections(boxes, np.linspace(0, 1, 5, dtype=np.float32)), 10, 8)
    assert found.boxes.tolist() == [[0, 0, 3, 4], [2, 2, 10, 8], [1, 1, 3, 3]]
    assert found.scores.tolist() == [0, 0.25, 0.75]
    assert len(clipped(Detections.none(), 10, 8)) == 0
