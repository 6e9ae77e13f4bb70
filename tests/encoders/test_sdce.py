import math

import pytest
import torch
from torch import Tensor, nn

from usvireid.config import SdceSettings
from usvireid.encoders.sdce import SDCE, Attention

DEEP, WIDTH, GRID = 10, 8, (3, 2)


def made(grid: tuple[int, int] = GRID, **settings: object) -> SDCE:
    torch.manual_seed(0)
    part = SDCE(DEEP, WIDTH, grid, SdceSettings(heads=2, **settings)).eval()  # type: ignore[arg-type]
    return part


def maps(batch: int = 2, grid: tuple[int, int] = GRID) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, DEEP, *grid, generator=generator), torch.randn(batch, WIDTH, *grid, generator=generator)


def linear(layer: nn.Linear, values: list[float]) -> list[float]:
    found = [sum(float(w) * v for w, v in zip(row, values, strict=True)) for row in layer.weight]
    return found if layer.bias is None else [a + float(b) for a, b in zip(found, layer.bias, strict=True)]


def layer_norm(layer: nn.LayerNorm, values: list[float]) -> list[float]:
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / len(values)
    scaled = [(value - mean) / math.sqrt(variance + layer.eps) for value in values]
    return [a * float(w) + float(b) for a, w, b in zip(scaled, layer.weight, layer.bias, strict=True)]


def attention(layer: Attention, asking: list[list[float]], answering: list[list[float]]) -> list[list[float]]:
    width = len(asking[0])
    size = width // layer.heads
    queries = [linear(layer.query, token) for token in asking]
    both = [linear(layer.key_value, token) for token in answering]
    found = []
    for query in queries:
        joined: list[float] = []
        for head in range(layer.heads):
            part = slice(head * size, (head + 1) * size)
            scores = [
                sum(q * k for q, k in zip(query[part], token[:width][part], strict=True)) / math.sqrt(size)
                for token in both
            ]
            weights = [math.exp(score) for score in scores]
            total = sum(weights)
            joined += [
                sum(w / total * token[width:][part][place] for w, token in zip(weights, both, strict=True))
                for place in range(size)
            ]
        found.append(linear(layer.outward, joined))
    return found


def add(one: list[list[float]], other: list[list[float]]) -> list[list[float]]:
    return [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(one, other, strict=True)]


def plain(part: SDCE, deep: Tensor, clues: Tensor) -> Tensor:
    """One crop, token by token, from the formulas."""
    position = part.position.tolist()
    inner = add([linear(part.inward, token) for token in deep.flatten(1).T.tolist()], position)
    shallow = add(clues.flatten(1).T.tolist(), position)
    asking, answering = (inner, shallow) if part.settings.query == "deep" else (shallow, inner)
    tokens = add(
        asking,
        attention(
            part.cross,
            [layer_norm(part.norm_query, token) for token in asking],
            [layer_norm(part.norm_source, token) for token in answering],
        ),
    )
    normalised = [layer_norm(part.norm_self, token) for token in tokens]
    tokens = add(tokens, attention(part.itself, normalised, normalised))
    first, last = part.feedforward[0], part.feedforward[2]
    refined = []
    for token in tokens:
        wide = linear(first, layer_norm(part.norm_feedforward, token))
        refined.append(linear(last, [0.5 * v * (1 + math.erf(v / math.sqrt(2))) for v in wide]))
    tokens = add(tokens, refined)
    outward = torch.tensor([linear(part.outward, token) for token in tokens]).T.reshape(deep.shape)
    scale = part.scale
    assert scale.running_mean is not None
    assert scale.running_var is not None
    scaled = (outward - scale.running_mean[:, None, None]) / (scale.running_var[:, None, None] + scale.eps).sqrt()
    return deep + scaled * scale.weight[:, None, None] + scale.bias[:, None, None]


@pytest.mark.parametrize("query", ["deep", "shallow"])
def test_it_equals_plain_loops(query: str) -> None:
    part = made(query=query, zero_output=False)
    deep, clues = maps()
    with torch.no_grad():
        found = part(deep, clues)
        for crop in range(2):
            torch.testing.assert_close(found[crop], plain(part, deep[crop], clues[crop]), atol=1e-5, rtol=1e-5)


def test_it_begins_as_the_plain_encoder_and_learns_from_the_first_step() -> None:
    part = made().train()
    deep, clues = maps(4)
    found = part(deep, clues)
    assert torch.equal(found, deep)
    (found * torch.randn(found.shape, generator=torch.Generator().manual_seed(2))).sum().backward()
    assert part.scale.weight.grad is not None
    assert part.scale.weight.grad.abs().max() > 0


def test_crops_of_a_batch_do_not_see_each_other() -> None:
    part = made(zero_output=False)
    deep, clues = maps(3)
    with torch.no_grad():
        together = part(deep, clues)
        other_deep, other_clues = deep.clone(), clues.clone()
        other_deep[1:], other_clues[1:] = 7.0, -3.0
        alone = part(deep[:1], clues[:1])
        beside_others = part(other_deep, other_clues)
    torch.testing.assert_close(together[:1], alone)
    torch.testing.assert_close(beside_others[:1], alone)


@pytest.mark.parametrize("grid", [(3, 2), (5, 2), (2, 4), (1, 1)])
def test_another_grid_gets_a_resized_table_of_positions(grid: tuple[int, int]) -> None:
    part = made(zero_output=False)
    deep, clues = maps(2, grid)
    with torch.no_grad():
        found = part(deep, clues)
    assert found.shape == deep.shape
    assert found.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("fill", ["largest", "smallest", "mixed", "zero", "equal"])
def test_no_input_overflows_in_half_precision(dtype: torch.dtype, fill: str) -> None:
    torch.manual_seed(0)
    part = SDCE(256, 64, (9, 5), SdceSettings(zero_output=False))
    largest = torch.finfo(dtype).max
    shape = (2, 256, 9, 5)
    deep = {
        "largest": torch.full(shape, largest),
        "smallest": torch.full(shape, torch.finfo(dtype).tiny),
        "mixed": largest * torch.randint(-1, 2, shape),
        "zero": torch.zeros(shape),
        "equal": torch.ones(shape),
    }[fill].to(dtype)
    with torch.autocast("cpu", dtype=dtype):
        inner = part.tokens(deep, deep[:, :64])
    assert inner.isfinite().all()
    if dtype == torch.float16:  # its gradients need a loss scale, whatever the network
        return
    inner.float().square().mean().backward()
    for name, parameter in part.named_parameters():
        if parameter.grad is not None:
            assert parameter.grad.isfinite().all(), name


def test_bfloat16_agrees_with_float32() -> None:
    torch.manual_seed(0)
    part = SDCE(256, 64, (9, 5), SdceSettings(zero_output=False)).eval()
    deep, clues = torch.randn(4, 256, 9, 5), torch.randn(4, 64, 9, 5).relu()
    with torch.no_grad():
        exact = part(deep, clues)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = part(deep, clues)
    # 8 bits of a number, through five layers one after the other.
    assert float((rounded - exact).square().mean().sqrt()) < 0.01 * float(exact.square().mean().sqrt())


def test_about_6_3_million_parameters_at_the_usual_width() -> None:
    part = SDCE(2048, 512, (18, 9), SdceSettings())
    assert sum(parameter.numel() for parameter in part.parameters()) == 6_389_760


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(ValueError, match="3 heads do not divide"):
        SDCE(DEEP, WIDTH, GRID, SdceSettings(heads=3))
