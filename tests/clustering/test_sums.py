"""Sums by label, both ways, against the loop."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from usvireid.clustering import sums as module
from usvireid.clustering.sums import label_sums


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(0, 20), count=st.integers(0, 5), seed=st.integers(0, 2**30))
def test_both_ways_equal_the_loop(rows, count, seed):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(rows, 3, generator=generator)
    labels = torch.randint(-1, max(count, 0) or 1, (rows,), generator=generator) if count else torch.full((rows,), -1)
    expected, sizes = torch.zeros(count, 3), [0] * count
    for feature, label in zip(features, labels.tolist(), strict=True):
        if label >= 0:
            expected[label] += feature
            sizes[label] += 1
    for add in (module._label_by_label, module._by_segments):
        torch.testing.assert_close(add(features, labels, torch.tensor(sizes, dtype=torch.int64)), expected)
    found, counted = label_sums(features, labels, count)
    torch.testing.assert_close(found, expected)
    assert counted.tolist() == sizes


def test_refusals():
    with pytest.raises(ValueError, match="one label per feature"):
        label_sums(torch.ones(2, 3), torch.tensor([0]), 1)
    with pytest.raises(ValueError, match="label 2, but only 2"):
        label_sums(torch.ones(1, 3), torch.tensor([2]), 2)
    with pytest.raises(ValueError, match="float32 or float64"):
        label_sums(torch.ones(1, 3, dtype=torch.bfloat16), torch.tensor([0]), 1)
