import pytest

from usvireid.config import OptimizerSettings
from usvireid.training.schedule import learning_rate


def test_the_rate_falls_every_so_many_epochs() -> None:
    settings = OptimizerSettings(learning_rate=1.0, decay_every=20, decay=0.1)
    assert [learning_rate(settings, epoch) for epoch in (1, 20, 21, 41)] == pytest.approx([1, 1, 0.1, 0.01])


def test_the_warm_up_grows_linearly() -> None:
    settings = OptimizerSettings(learning_rate=1.0, warmup=3)
    assert [learning_rate(settings, epoch) for epoch in (1, 2, 3, 4)] == pytest.approx([0.25, 0.5, 0.75, 1])


def test_the_rate_is_reduced_after_the_named_epochs() -> None:
    settings = OptimizerSettings(learning_rate=1, decay=0.1, decay_after=[3, 5])
    rates = [learning_rate(settings, epoch) for epoch in range(1, 8)]
    assert rates == pytest.approx([1, 1, 1, 0.1, 0.1, 0.01, 0.01])
