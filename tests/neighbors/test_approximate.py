"""Approximate neighbours: exact where everything is searched, and honest about what they miss."""

import logging

import numpy as np
import pytest

from usvireid.errors import DataError, UsageError
from usvireid.neighbors import probe
from usvireid.neighbors.approximate import knn_approximate
from usvireid.neighbors.knn import knn

needs_faiss = pytest.mark.skipif(not probe.has_faiss(), reason="FAISS is not installed")


def noise(count=3000, columns=16, seed=0):
    return np.random.default_rng(seed).standard_normal((count, columns)).astype(np.float32)


@needs_faiss
def test_searching_every_list_is_exact():
    values = noise(800)
    values[100:200] = values[0]
    exact = knn(values, 9)
    found = knn_approximate(values, 9, seed=1, lists=10, probes=10, sample=100)
    assert found.recall == 1
    assert found.sample == 100
    clear = exact.distances[:, -1] > 0  # which of a hundred equal rows are delivered is not promised
    assert np.array_equal(found.neighbors.ids[clear], exact.ids[clear])
    assert np.array_equal(found.neighbors.distances, exact.distances)


@needs_faiss
def test_recall_is_what_it_says(caplog):
    values = noise()
    exact = knn(values, 10)
    with caplog.at_level(logging.INFO, logger="usvireid.neighbors.approximate"):
        found = knn_approximate(values, 10, seed=1, probes=2, sample=len(values))
    hits = [len(set(a) & set(b)) for a, b in zip(found.neighbors.ids, exact.ids, strict=True)]
    assert found.recall == pytest.approx(np.mean(hits) / 10)
    assert found.recall < 0.95
    assert [record.levelname for record in caplog.records] == ["INFO"]  # a run says it by its monitor
    assert f"{found.recall:.4f}" in caplog.text
    # More lists, more neighbours.
    assert knn_approximate(values, 10, seed=1, probes=20).recall > found.recall


@needs_faiss
def test_rows_in_small_lists_are_completed():
    values = noise(60, 4)
    found = knn_approximate(values, 30, seed=3, lists=20, probes=1, sample=60)
    assert found.neighbors.ids.shape == (60, 30)
    assert found.recall > 0.9


@needs_faiss
def test_same_seed_same_result():
    values = noise(1000)
    one, two = (knn_approximate(values, 5, seed=7, probes=2) for _ in range(2))
    assert np.array_equal(one.neighbors.ids, two.neighbors.ids)
    assert one.recall == two.recall


@needs_faiss
@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_rows(count):
    found = knn_approximate(np.ones((count, 3), dtype=np.float16), 5, seed=0)
    assert found.neighbors.ids.shape == (count, count)
    assert found.recall == 1


def test_bad_input_is_refused(monkeypatch):
    values = noise(20)
    for setting in ({"k": 0}, {"sample": 0}, {"lists": 0}, {"probes": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            knn_approximate(values, **{"k": 3, "seed": 0, **setting})
    values[4] = np.nan
    with pytest.raises(DataError, match="row 4"):
        knn_approximate(values, 3, seed=0)
    monkeypatch.setattr(probe, "has_faiss", lambda: False)
    with pytest.raises(UsageError, match="pip install"):
        knn_approximate(noise(20), 3, seed=0)
