"""The update rule against the loop it stands for."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.nn import functional

from usvireid.memory import momentum as module
from usvireid.memory.momentum import check_momentum, update_in_order, with_spare_row


def one_by_one(centres, features, rows, momentum):
    centres = centres.clone()
    for feature, row in zip(features, rows, strict=True):
        if row >= 0:
            moved = momentum * centres[row] + (1 - momentum) * feature / feature.norm()
            centres[row] = moved / moved.norm()
    return centres


def unit(generator, *shape):
    return functional.normalize(torch.randn(*shape, generator=generator), dim=-1)


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 6),
    batch=st.integers(0, 20),
    width=st.integers(2, 9),
    momentum=st.sampled_from([0.0, 0.1, 0.5, 0.9]),
    together=st.booleans(),
    seed=st.integers(0, 2**30),
)
def test_equals_the_loop(count, batch, width, momentum, together, seed):
    generator = torch.Generator().manual_seed(seed)
    # Where a feature is nearly opposite to its centre, making their mean one long magnifies the rounding of float32.
    centres = unit(generator, count, width).double()
    features = 3 * torch.randn(batch, width, generator=generator, dtype=torch.float64)
    rows = torch.randint(-1, count, (batch,), generator=generator)
    table = with_spare_row(centres)
    if together and batch:
        module._move_together(table, functional.normalize(features, dim=1), rows, momentum, steps=batch)
    else:
        update_in_order(table, features, rows, momentum)
    expected = one_by_one(centres, features, rows, momentum)
    torch.testing.assert_close(table[:-1], expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("steps", [None, 4])
def test_both_ways_agree_on_a_training_batch(steps):
    generator = torch.Generator().manual_seed(0)
    rows = torch.arange(8).repeat_interleave(4)[torch.randperm(32, generator=generator)]
    features = unit(generator, 32, 64)
    loop = with_spare_row(unit(generator, 20, 64))
    together = loop.clone()
    update_in_order(loop, features, rows, 0.1, steps)
    module._move_together(together, features, rows, 0.1, steps)
    torch.testing.assert_close(loop[:-1], together[:-1], atol=1e-6, rtol=0)
    assert torch.equal(loop[8:20], with_spare_row(loop[:20])[8:20])


def test_rows_that_are_not_in_the_batch_keep_every_bit():
    generator = torch.Generator().manual_seed(1)
    table = with_spare_row(unit(generator, 5, 16))
    for move in (update_in_order, lambda *arguments: module._move_together(*arguments, None)):
        before = table.clone()
        move(table, unit(generator, 3, 16), torch.tensor([1, -1, 1]), 0.1)
        assert torch.equal(table[[0, 2, 3, 4]], before[[0, 2, 3, 4]])
        assert not torch.equal(table[1], before[1])


def test_nothing_waits_for_an_accelerator_when_steps_are_known():
    with FakeTensorMode():
        table, features = torch.randn(9, 16), torch.randn(12, 16)
        module._move_together(table, features, torch.zeros(12, dtype=torch.int64), 0.1, steps=4)
        with pytest.raises(DataDependentOutputException):
            module._move_together(table, features, torch.zeros(12, dtype=torch.int64), 0.1, steps=None)


def test_half_precision_features_and_gradients_stay_out():
    generator = torch.Generator().manual_seed(2)
    table = with_spare_row(unit(generator, 3, 8))
    features = unit(generator, 2, 8).to(torch.bfloat16).requires_grad_()
    update_in_order(table, features, torch.tensor([0, 2]), 0.1)
    assert table.dtype == torch.float32 and not table.requires_grad


def test_opposite_feature_does_not_divide_by_zero():
    table = with_spare_row(torch.tensor([[1.0, 0.0]]))
    for move in (update_in_order, lambda *arguments: module._move_together(*arguments, None)):
        moved = table.clone()
        move(moved, torch.tensor([[-1.0, 0.0]]), torch.tensor([0]), 0.5)
        assert torch.equal(moved[0], torch.zeros(2))


def test_refusals():
    table = with_spare_row(torch.eye(2))
    with pytest.raises(ValueError, match="3 times"):
        update_in_order(table, torch.ones(3, 2), torch.tensor([1, 1, 1]), 0.1, steps=2)
    with pytest.raises(ValueError, match="row 2 in a memory of 2 rows"):
        update_in_order(table, torch.ones(1, 2), torch.tensor([2]), 0.1)
    with pytest.raises(ValueError, match="B x 2 features"):
        update_in_order(table, torch.ones(1, 3), torch.tensor([0]), 0.1)
    with pytest.raises(ValueError, match="B x 2 features"):
        update_in_order(table, torch.ones(2, 2), torch.tensor([0]), 0.1)
    for momentum in (-0.1, 1.0, float("nan")):
        with pytest.raises(ValueError, match="momentum"):
            check_momentum(momentum)


def test_ignored_samples_do_not_count_as_repetitions():
    table = with_spare_row(torch.eye(2))
    update_in_order(table, torch.ones(5, 2), torch.tensor([-1, -1, -1, 0, -1]), 0.1, steps=1)
    module._move_together(table, torch.ones(5, 2), torch.tensor([-1, -1, -1, 0, -1]), 0.1, steps=1)
