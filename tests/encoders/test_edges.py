"""Edges of pixels, against loops and against what they must not see."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from usvireid.encoders.edges import EdgeScale
from usvireid.encoders.pixels import ImageNetScale, make_scale


def pictures(count: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (count, 3, height, width), dtype=np.uint8))


def edges_by_loops(image: np.ndarray) -> np.ndarray:
    """The definition, pixel by pixel; `image` is 3 x H x W."""
    grey = image.astype(np.float64).mean(0)
    height, width = grey.shape
    across, down = np.zeros_like(grey), np.zeros_like(grey)
    for y in range(height):
        for x in range(width):
            across[y, x] = grey[y, min(x + 1, width - 1)] - grey[y, max(x - 1, 0)]
            down[y, x] = grey[min(y + 1, height - 1), x] - grey[max(y - 1, 0), x]
    found = np.zeros((3, height, width))
    for y in range(height):
        for x in range(width):
            near = np.s_[max(y - 8, 0) : y + 9, max(x - 8, 0) : x + 9]
            around = math.sqrt((across[near] ** 2 + down[near] ** 2).mean())
            strength = math.hypot(across[y, x], down[y, x]) / (around + 4)
            angle = math.atan2(down[y, x], across[y, x])
            shares = strength - 0.7, strength * math.cos(2 * angle), strength * math.sin(2 * angle)
            found[:, y, x] = np.array(shares) / 0.7
    return found


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 5), (7, 3), (24, 20)])
def test_equals_the_definition_in_loops(height: int, width: int) -> None:
    images = pictures(2, height, width)
    found = EdgeScale()(images).numpy()
    for image, values in zip(images.numpy(), found, strict=True):
        assert np.allclose(values, edges_by_loops(image), atol=1e-4)


def test_inverting_changes_nothing_and_brightness_little() -> None:
    images = pictures(3, 32, 16).float()
    edges = EdgeScale()(images)
    assert torch.allclose(edges, EdgeScale()(255 - images), atol=1e-4)
    assert torch.allclose(edges, EdgeScale()(images + 100), atol=1e-3)
    assert (edges - EdgeScale()(images / 2)).abs().mean() < 0.1 * edges.abs().mean()


def test_colours_count_by_their_mean_only() -> None:
    images = pictures(2, 8, 8).float()
    assert torch.allclose(
        EdgeScale()(images), EdgeScale()(images.mean(1, keepdim=True).expand(-1, 3, -1, -1)), atol=1e-4
    )


def test_a_flat_crop_has_no_edges() -> None:
    edges = EdgeScale()(torch.full((1, 3, 8, 8), 93))
    assert torch.equal(edges[:, 0], torch.full((1, 8, 8), -1.0))
    assert torch.equal(edges[:, 1:], torch.zeros(1, 2, 8, 8))


def test_the_setting_chooses() -> None:
    assert isinstance(make_scale("edges"), EdgeScale)
    assert isinstance(make_scale("colours"), ImageNetScale)
