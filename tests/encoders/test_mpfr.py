import math

import pytest
import torch
from torch import Tensor

from usvireid.config import MpfrSettings
from usvireid.encoders.mpfr import MPFR, to_grid

WIDTHS = (6, 8, 10, 12)
SHAPES = ((12, 8), (6, 4), (3, 2), (3, 2))


def stages(batch: int = 2, scale: float = 1.0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        scale * torch.randn(batch, width, *shape, generator=generator)
        for width, shape in zip(WIDTHS, SHAPES, strict=True)
    ]


def made(**settings: object) -> MPFR:
    torch.manual_seed(0)
    return MPFR(WIDTHS, 4, MpfrSettings(**settings)).eval()  # type: ignore[arg-type]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def normalised(value: float, norm: torch.nn.BatchNorm2d, channel: int) -> float:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    deviation = math.sqrt(float(norm.running_var[channel]) + norm.eps)
    scaled = (value - float(norm.running_mean[channel])) / deviation
    return scaled * float(norm.weight[channel]) + float(norm.bias[channel])


def plain_masks_and_clues(part: MPFR, maps: list[Tensor]) -> tuple[list[list[list[float]]], list[list[list[float]]]]:
    """One crop, position by position and channel by channel, from the formulas."""
    height, width = maps[-1].shape[1:]
    aligned = []
    for place, stage in enumerate(part.stages):
        source = maps[stage]
        rows, columns = source.shape[1] // height, source.shape[2] // width
        convolution, norm = part.align[place][0], part.align[place][1]
        grid = [[[0.0] * width for _ in range(height)] for _ in range(part.width)]
        for y in range(height):
            for x in range(width):
                cell = source[:, y * rows : (y + 1) * rows, x * columns : (x + 1) * columns]
                means = [float(channel.mean()) for channel in cell]
                for out in range(part.width):
                    value = sum(
                        float(weight) * mean
                        for weight, mean in zip(convolution.weight[out, :, 0, 0], means, strict=True)
                    )
                    grid[out][y][x] = max(0.0, normalised(value, norm, out))
        aligned.append(grid)
    masks = []
    for place, grid in enumerate(aligned):
        psi = part.mask[place]
        mask = [[0.0] * width for _ in range(height)]
        for y in range(height):
            for x in range(width):
                score = float(psi.bias[0])
                for channel in range(part.width):
                    for dy in (-1, 0, 1):
                        for dx in (-1, 0, 1):
                            if 0 <= y + dy < height and 0 <= x + dx < width:
                                score += float(psi.weight[0, channel, dy + 1, dx + 1]) * grid[channel][y + dy][x + dx]
                mask[y][x] = score
        masks.append(mask)
    for y in range(height):
        for x in range(width):
            scores = [mask[y][x] for mask in masks]
            if part.settings.mask == "sigmoid":
                shares = [sigmoid(score) for score in scores]
            else:
                total = sum(math.exp(score) for score in scores)
                shares = [math.exp(score) / total for score in scores]
            for mask, share in zip(masks, shares, strict=True):
                mask[y][x] = share
    convolution, norm = part.fuse[0], part.fuse[1]
    clues = [[[0.0] * width for _ in range(height)] for _ in range(part.width)]
    for y in range(height):
        for x in range(width):
            refined = [
                [
                    grid[channel][y][x] * (mask[y][x] + (1 if part.settings.residual else 0))
                    for channel in range(part.width)
                ]
                for grid, mask in zip(aligned, masks, strict=True)
            ]
            joined = (
                [value for stage in refined for value in stage]
                if part.settings.fuse == "concat"
                else [sum(stage[channel] for stage in refined) for channel in range(part.width)]
            )
            for out in range(part.width):
                value = sum(
                    float(weight) * one for weight, one in zip(convolution.weight[out, :, 0, 0], joined, strict=True)
                )
                clues[out][y][x] = max(0.0, normalised(value, norm, out))
    return masks, clues


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"mask": "softmax"},
        {"residual": False},
        {"fuse": "sum"},
        {"stages": "2-4", "mask": "softmax", "residual": False, "fuse": "sum"},
    ],
)
def test_every_form_equals_plain_loops(settings: dict[str, object]) -> None:
    part = made(**settings)
    maps = stages()
    with torch.no_grad():
        clues, masks = part(maps)
        for crop in range(2):
            expected_masks, expected = plain_masks_and_clues(part, [stage[crop] for stage in maps])
            torch.testing.assert_close(masks[crop], torch.tensor(expected_masks), atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(clues[crop], torch.tensor(expected), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("mask", ["sigmoid", "softmax"])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
def test_masks_lie_between_0_and_1(mask: str, scale: float) -> None:
    masks = made(mask=mask)(stages(scale=scale))[1]
    assert masks.shape == (2, 3, 3, 2)
    assert float(masks.min()) >= 0
    assert float(masks.max()) <= 1
    if mask == "softmax":
        torch.testing.assert_close(masks.sum(dim=1), torch.ones(2, 3, 2))


@pytest.mark.parametrize("shape", [(12, 8), (7, 5), (3, 2), (13, 3)])
def test_a_map_comes_to_the_grid_as_a_mean_of_its_parts(shape: tuple[int, int]) -> None:
    maps = torch.rand(2, 3, *shape)
    found = to_grid(maps, (3, 2))
    assert found.shape == (2, 3, 3, 2)
    assert float(maps.min()) <= float(found.min())
    assert float(found.max()) <= float(maps.max())
    if shape == (12, 8):
        torch.testing.assert_close(found[:, :, 0, 0], maps[:, :, :4, :4].mean(dim=(2, 3)))


def test_about_1_7_million_parameters_at_the_usual_width() -> None:
    part = MPFR((256, 512, 1024, 2048), 512, MpfrSettings())
    assert sum(parameter.numel() for parameter in part.parameters()) == 1_721_859
