import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from usvireid.losses.neighbours import neighbour_contrast


def unit(seed: int, count: int, width: int = 5) -> Tensor:
    return functional.normalize(torch.randn(count, width, generator=torch.Generator().manual_seed(seed)), dim=1)


def plain(features: Tensor, memory: Tensor, own: list[int], share: float, temperature: float) -> float:
    losses = []
    for feature, self_row in zip(features.tolist(), own, strict=True):
        cosine = {
            j: sum(a * b for a, b in zip(feature, row, strict=True))
            for j, row in enumerate(memory.tolist())
            if j != self_row
        }
        if not cosine or max(cosine.values()) <= 0:
            continue
        near = [j for j in cosine if cosine[j] >= share * max(cosine.values()) - 1e-9]
        total = sum(math.exp(value / temperature) for value in cosine.values())
        losses.append(-sum(math.log(math.exp(cosine[j] / temperature) / total) for j in near) / len(near))
    return sum(losses) / len(losses) if losses else 0.0


@given(st.integers(0, 999), st.integers(0, 5), st.integers(0, 8), st.sampled_from([0.5, 0.9, 1.0]), st.booleans())
def test_it_equals_its_formula(seed: int, count: int, size: int, share: float, with_own: bool) -> None:
    features, memory = unit(seed, count).requires_grad_(), unit(seed + 1, size)
    own = torch.randint(-1, max(size, 1), (count,), generator=torch.Generator().manual_seed(seed))
    found = neighbour_contrast(features, memory, own if with_own else None, share=share, temperature=0.3)
    expected = plain(features, memory, own.tolist() if with_own else [-1] * count, share, 0.3)
    assert found.item() == pytest.approx(expected, abs=1e-5)
    found.backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()


def test_duplicates_are_targets_alike() -> None:
    memory = torch.eye(5)[[0, 0, 1, 2]]
    found = neighbour_contrast(torch.eye(5)[:1], memory, temperature=1.0)
    assert found.item() == pytest.approx(math.log(2 * math.e + 2) - 1, abs=1e-6)
