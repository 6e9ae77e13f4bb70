"""The tone descriptor against loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.encoders.tones import tone_features, tones


def pictures(count: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(("height", "width"), [(8, 4), (32, 16), (24, 12)])
def test_equals_the_definition_in_loops(height: int, width: int) -> None:
    images = pictures(2, height, width)
    for image, found in zip(images, tones(torch.from_numpy(images)).numpy(), strict=True):
        expected = np.zeros((3, 8, 4))
        for channel in range(3):
            for row in range(8):
                for column in range(4):
                    ys = slice(row * height // 8, (row + 1) * height // 8)
                    for side in (image, image[:, ::-1]):
                        xs = slice(column * width // 4, (column + 1) * width // 4)
                        expected[channel, row, column] += side[ys, xs, channel].astype(float).mean()
        assert np.allclose(found, expected.ravel() / np.linalg.norm(expected), atol=1e-5)


def test_a_mirror_image_has_the_same_tones() -> None:
    images = torch.from_numpy(pictures(3, 16, 8))
    assert torch.allclose(tones(images), tones(images.flip(2)), atol=1e-6)


def test_black_crops_get_unit_features() -> None:
    images = pictures(3, 8, 8)
    images[1:] = 0
    table = pd.DataFrame(
        [{"path": f"{i}", "modality": names.VISIBLE} for i in range(3)], columns=list(names.CROP_COLUMNS)
    )
    crops, device = Crops(Path(), table), torch.device("cpu")
    found = tone_features(crops, lambda rows: images[rows], device, batch=2, progress=lambda done: None)
    assert np.allclose(np.linalg.norm(found.values, axis=1), 1)
    assert np.array_equal(found.values[1], found.values[2])
