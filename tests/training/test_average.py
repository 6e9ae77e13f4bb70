import math

import numpy as np
import pytest
import torch

from usvireid.encoders.make import make_encoder
from usvireid.layers import make_settings, parse_assignment
from usvireid.training.average import WeightAverage

TINY = ["encoder.name=resnet18", "encoder.width=8", "data.height=32", "data.width=16"]


@pytest.mark.parametrize("reach", [0.5, 1, 2, 5.5, 100, math.inf])
def test_it_is_the_mean_of_what_was_as_far_as_it_reaches(reach: float) -> None:
    """Against the sum written out: the weight of each step's values, in float64."""
    encoder = make_encoder(make_settings([("test", parse_assignment(text)) for text in TINY]))
    average = WeightAverage(encoder)
    average.reach = reach
    generator = torch.Generator().manual_seed(0)
    seen: list[dict[str, np.ndarray]] = []
    for step in range(1, 13):
        with torch.no_grad():
            for value in encoder.state_dict().values():
                if value.is_floating_point():
                    value.copy_(torch.randn(value.shape, generator=generator))
                else:
                    value.fill_(7 * step)
        average.update(encoder)
        seen.append({name: value.double().numpy().copy() for name, value in encoder.state_dict().items()})
        weights: list[float] = []
        for number in range(step):
            kept = 1 - 1 / max(1, min(number + 1, reach))
            weights = [kept * weight for weight in weights] + [1 - kept]
        assert sum(weights) == pytest.approx(1)
        for name, value in average.encoder.state_dict().items():
            wanted = sum(weight * values[name] for weight, values in zip(weights, seen, strict=True))
            if not value.is_floating_point():
                wanted = seen[-1][name]
            assert np.allclose(value.double().numpy(), wanted, atol=1e-5)
    assert average.steps == 12
    if reach >= 12:
        assert weights == pytest.approx([1 / 12] * 12)


def test_the_average_is_apart_from_what_learns() -> None:
    encoder = make_encoder(make_settings([("test", parse_assignment(text)) for text in TINY]))
    encoder.train()
    learns = [parameter.requires_grad for parameter in encoder.parameters()]
    average = WeightAverage(encoder)
    assert encoder.training and [parameter.requires_grad for parameter in encoder.parameters()] == learns
    assert not average.encoder.training
    assert not any(parameter.requires_grad for parameter in average.encoder.parameters())
    average.update(encoder)
    before = {name: value.clone() for name, value in average.encoder.state_dict().items()}
    with torch.no_grad():
        for value in encoder.state_dict().values():
            value.zero_()
    assert all(torch.equal(value, before[name]) for name, value in average.encoder.state_dict().items())
