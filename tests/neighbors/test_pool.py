"""Pools of candidates: nothing that may be among the k nearest is missed, whoever offers it and in what order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usvireid.neighbors.candidates import _first_of_each
from usvireid.neighbors.halves import search_halves
from usvireid.neighbors.pool import cut_of, most_near, room_for
from usvireid.neighbors.selection import reach_of


def scored(values):
    """Squared distances in float64, N x N."""
    wide = values.astype(np.float64)
    return ((wide[:, None] - wide) ** 2).sum(axis=2)


def assert_misses_nothing(pool, values, k):
    distance = scored(values)
    for row in range(len(values)):
        held = pool.ids[row, : pool.sizes[row]]
        assert len(set(held.tolist())) == len(held)
        kth = np.sort(distance[row])[k - 1]
        if pool.limits[row] > -np.inf:
            assert set(np.flatnonzero(distance[row] <= kth)) <= set(held.tolist())
        else:
            assert (distance[row] <= kth + 4 * pool.errors[row]).sum() > most_near(k)


@settings(max_examples=30, deadline=None)
@given(
    count=st.integers(1, 500),
    k=st.integers(1, 12),
    levels=st.sampled_from([2, 5, 1000]),
    band=st.sampled_from([64, 130, 600]),
    shares=st.integers(1, 3),
    seed=st.integers(0, 10**6),
)
def test_shares_of_the_blocks_add_up_to_all_that_matters(count, k, levels, band, shares, seed):
    # Few levels make ties, and rows that are given up for them.
    values = np.random.default_rng(seed).integers(0, levels, (count, 3)).astype(np.float32) / levels
    k = min(k, count)
    parts = [search_halves(values, k, 2**28, band=band, share=(n, shares)) for n in range(shares)]
    for other in parts[1:]:
        parts[0].add(*other.found)
    assert_misses_nothing(parts[0], values, k)


def test_a_row_with_too_many_equals_is_given_up_and_one_with_few_is_not():
    values = np.zeros((room_for(4) + 40, 2), dtype=np.float32)
    values[:3] = [[1, 1], [1, 1], [5, 5]]
    pool = search_halves(values, 2, 2**28)
    assert (pool.limits[3:] == -np.inf).all()
    assert set(pool.ids[0, : pool.sizes[0]].tolist()) >= {0, 1}
    assert pool.limits[0] > 0


@settings(max_examples=60, deadline=None)
@given(
    numbers=st.lists(st.floats(-0.25, 100, width=32), min_size=1, max_size=300),
    k=st.integers(1, 300),
)
def test_reach_is_just_above_the_kth_smallest(numbers, k):
    numbers = np.array(numbers, dtype=np.float32)
    k = min(k, len(numbers))
    reach, kth = reach_of(numbers, k, -0.25), np.sort(numbers)[k - 1]
    assert (numbers <= reach).sum() >= k
    assert reach - kth <= (max(numbers.max(), 0) + 0.25) / 2**11


@pytest.mark.parametrize("size", [3, 100, 400])
def test_first_keys_in_order(size):
    rng = np.random.default_rng(size)
    found = rng.permutation(10 * size)[: 3 * size].astype(np.uint64)
    bounds = np.array([0, size, 2 * size, 3 * size])
    keys = np.empty((3, 3), dtype=np.uint64)
    expected = np.stack([np.sort(found[n * size : (n + 1) * size])[:3] for n in range(3)])
    _first_of_each(found.copy(), bounds, keys)
    assert np.array_equal(keys, expected)


@given(limit=st.floats(0, 2.0**99, width=32), score=st.floats(-(2.0**99), 2.0**99, width=32))
def test_cuts_of_bits_are_limits(limit, score):
    half = np.array([score], dtype=np.float32).view(np.uint32) >> 16 << 16
    bits = np.int16((half.astype(np.uint32) >> 16).astype(np.uint16).view(np.int16)[0])
    assert (bits < cut_of(np.float32(limit))) == (half.view(np.float32)[0] <= np.float32(limit))
    assert bits < cut_of(np.float32(np.inf))
    assert not bits < cut_of(np.float32(-np.inf))
