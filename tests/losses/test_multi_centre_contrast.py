import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from usvireid.losses.multi_centre import agreement, multi_centre_contrast, nearest_centre_contrast, nearest_identity


def bank(seed: int, identities: int, most: int, width: int = 6) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    centres = functional.normalize(torch.randn(identities, most, width, generator=generator), dim=2)
    return centres, torch.rand(identities, most, generator=generator) < 0.7


def unit(seed: int, count: int, width: int = 6) -> Tensor:
    return functional.normalize(torch.randn(count, width, generator=torch.Generator().manual_seed(seed)), dim=1)


def dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def plain_described(features: Tensor, centres: Tensor, valid: Tensor, rows: Tensor, temperature: float) -> float:
    losses = []
    for feature, row in zip(features.tolist(), rows.tolist(), strict=True):
        if row < 0 or not valid[row].any():
            continue
        own, everything = 0.0, 0.0
        for k in range(len(valid)):
            for s in range(valid.shape[1]):
                if valid[k, s]:
                    cosine = dot(feature, centres[k, s].tolist())
                    everything += math.exp(cosine / temperature)
                    own += math.exp(cosine / temperature) if k == row else 0
        losses.append(-math.log(own / everything))
    return sum(losses) / len(losses) if losses else 0.0


def plain_released(features: Tensor, centres: Tensor, valid: Tensor, counts: list[bool]) -> float:
    existing = [k for k in range(len(valid)) if valid[k].any()]
    losses = []
    for feature, counted in zip(features.tolist(), counts, strict=True):
        if not counted or len(existing) < 2:
            continue
        distance = {
            k: [math.dist(feature, centres[k, s].tolist()) for s in range(valid.shape[1]) if valid[k, s]]
            for k in existing
        }
        p = min(existing, key=lambda k: min(distance[k]))
        pos = sum(1 / d for d in distance[p]) / len(distance[p])
        neg = sum(1 / min(distance[k]) for k in existing if k != p) / (len(existing) - 1)
        losses.append(-math.log(pos / (pos + neg)))
    return sum(losses) / len(losses) if losses else 0.0


@given(st.integers(0, 999), st.integers(0, 6), st.integers(1, 5), st.integers(1, 4))
def test_the_labelled_contrast_equals_its_formula(seed: int, count: int, identities: int, most: int) -> None:
    features, (centres, valid) = unit(seed, count), bank(seed, identities, most)
    rows = torch.randint(-1, identities, (count,), generator=torch.Generator().manual_seed(seed))
    features.requires_grad_()
    found = multi_centre_contrast(features, centres, valid, rows, 0.2)
    assert found.item() == pytest.approx(plain_described(features, centres, valid, rows, 0.2), abs=1e-5)
    found.backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()


@given(st.integers(0, 999), st.integers(0, 6), st.integers(1, 5), st.integers(1, 4))
def test_the_released_contrast_equals_its_formula(seed: int, count: int, identities: int, most: int) -> None:
    features, (centres, valid) = unit(seed + 1000, count), bank(seed, identities, most)
    counts = torch.rand(count, generator=torch.Generator().manual_seed(seed)) < 0.6
    features.requires_grad_()
    found = nearest_centre_contrast(features, centres, valid, counts)
    assert found.item() == pytest.approx(plain_released(features, centres, valid, counts.tolist()), abs=1e-4)
    found.backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()


def test_a_feature_on_its_centre_is_no_division_by_zero() -> None:
    centres, _ = bank(0, 3, 2)
    features = centres[1, 0][None].clone().requires_grad_()
    found = nearest_centre_contrast(features, centres, torch.ones(3, 2, dtype=torch.bool))
    found.backward()
    assert features.grad is not None
    assert found.isfinite()
    assert features.grad.isfinite().all()


@pytest.mark.parametrize("identities", [0, 1, 3])
def test_no_centre_at_all_costs_nothing(identities: int) -> None:
    features = unit(0, 4).requires_grad_()
    centres, valid = torch.zeros(identities, 2, 6), torch.zeros(identities, 2, dtype=torch.bool)
    rows = torch.zeros(4, dtype=torch.int64) if identities else torch.full((4,), -1)
    for loss in (
        multi_centre_contrast(features, centres, valid, rows),
        nearest_centre_contrast(features, centres, valid),
    ):
        assert loss.item() == 0
        features.grad = None
        loss.backward()
        assert not features.grad.any()


def test_the_nearest_identity_and_where_two_heads_agree() -> None:
    features, (centres, valid) = unit(3, 20), bank(3, 4, 3)
    expected = []
    for feature in features.tolist():
        best = {
            k: max(
                sum(a * b for a, b in zip(feature, centres[k, s].tolist(), strict=True))
                for s in range(3)
                if valid[k, s]
            )
            for k in range(4)
            if valid[k].any()
        }
        expected.append(max(best, key=lambda k: best[k]))
    assert nearest_identity(features, centres, valid).tolist() == expected
    other = unit(4, 20)
    agreed = agreement(features, other, centres, centres, valid)
    assert agreed.tolist() == [
        a == b for a, b in zip(expected, nearest_identity(other, centres, valid).tolist(), strict=True)
    ]
