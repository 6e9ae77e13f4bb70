"""Distances of pairs by kind."""

import numpy as np
import pytest

from tests.quality.made_labels import unit
from usvireid.quality.page.distances import _share_below, distances, pair_distances


def oracle(values, identity, infrared):
    found = {}
    for i in range(len(values)):
        for j in range(i + 1, len(values)):
            if identity[i] >= 0 and identity[j] >= 0:
                one = "one identity" if identity[i] == identity[j] else "different identities"
                side = "across modalities" if infrared[i] != infrared[j] else "same modality"
                found.setdefault(f"{one}, {side}", []).append(1 - float(values[i] @ values[j]))
    return found


@pytest.mark.parametrize(("size", "people"), [(0, 1), (1, 1), (2, 1), (7, 2), (40, 5), (30, 30)])
def test_every_pair_once(size, people):
    rng = np.random.default_rng(size)
    values = unit(rng.normal(size=(size, 4))) if size else np.zeros((0, 4), np.float32)
    identity, infrared = rng.integers(-1, people, size), rng.random(size) < 0.5
    found, expected = pair_distances(values, identity, infrared), oracle(values, identity, infrared)
    assert set(found) == set(expected)
    for name, part in found.items():
        assert np.allclose(np.sort(part), np.sort(expected[name]), atol=1e-6)


def test_the_share_below_counts_ties_half():
    rng = np.random.default_rng(0)
    within, between = rng.integers(0, 6, 30).astype(float), rng.integers(2, 9, 50).astype(float)
    expected = np.mean([(a < b) + (a == b) / 2 for a in within for b in between])
    assert _share_below(within, between) == pytest.approx(expected)
    assert _share_below(np.ones(3), np.ones(2)) == 0.5


def test_the_figure_and_its_words():
    values = unit(np.repeat(np.eye(4), 4, axis=0) + 0.01)
    identity, infrared = np.repeat(np.arange(4), 4), np.tile([False, True], 8)
    found = distances("Some", values, identity, infrared)
    assert found.chart.title == "Some" and len(found.chart.legend) == 4
    assert "one identity, across modalities 0.00" in found.sentence and "in 100\u00a0% of the cases" in found.sentence


@pytest.mark.parametrize("identity", [[-1, -1, -1], [0, 0, 0], [0, 1, 2]])
def test_no_figure_without_pairs_of_both_kinds(identity):
    values = unit(np.random.default_rng(0).normal(size=(3, 4)))
    assert distances("Some", values, np.array(identity), np.array([True, False, True])) is None
