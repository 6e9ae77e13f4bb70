"""The search in bfloat16: its errors keep their bounds, and what comes out is exact."""

import dataclasses
import functools

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from usvireid.neighbors import backends, coarse
from usvireid.neighbors import knn as front
from usvireid.neighbors.candidates import nearest
from usvireid.neighbors.halves import search_halves
from usvireid.neighbors.knn import knn


def rows(count, columns, seed, length):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((count, columns)) * np.exp(rng.normal(0, 0.3, (count, 1)))
    values[rng.integers(0, count, count // 5)] = values[0]
    values[rng.integers(0, count, 2)] = 0
    return (length * values).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 120),
    columns=st.integers(1, 40),
    k=st.integers(1, 30),
    length=st.sampled_from([1e-6, 1.0, 1e6]),
    away=st.sampled_from([0.0, 5.0]),
    seed=st.integers(0, 10**6),
)
def test_neighbors_are_those_of_float32(count, columns, k, length, away, seed):
    values = rows(count, columns, seed, length) + np.float32(length * away)
    k = min(k, count)
    halved = coarse.coarse(values)
    pool = search_halves(values, k, 2**20, coarse=halved)
    for row in range(count):
        found = slice(0, pool.sizes[row])
        true = ((values[row].astype(np.float64) - values[pool.ids[row, found]].astype(np.float64)) ** 2).sum(axis=1)
        off = np.abs(true - pool.scores[row, found])
        assert (off <= halved.errors[row] + coarse.RELATIVE * np.abs(pool.scores[row, found])).all()
    scores = functools.partial(backends.torch_scores, values, torch.device("cpu"))
    ids, distances = nearest(values, pool.candidates(), k, scores, 2**20)
    expected = knn(values, k)
    assert np.array_equal(ids, expected.ids)
    assert np.array_equal(distances, expected.distances)


def test_it_is_taken_where_it_is_faster_and_leaves_few(monkeypatch):
    values = np.random.default_rng(0).standard_normal((400, 4)).astype(np.float32)
    halved = coarse.coarse(values)
    monkeypatch.setattr(coarse, "_SAMPLE", 400)
    assert not coarse.leaves_few(dataclasses.replace(halved, errors=np.full(400, 100.0)), 10)  # everything is near
    assert coarse.leaves_few(dataclasses.replace(halved, errors=np.zeros(400)), 10)
    monkeypatch.setattr(coarse, "_WORTH_IT", 0)
    for seconds, expected in ((4.0, True), (1.0, False)):
        speed = functools.partial(lambda block, s: 1.0 if block.dtype == torch.bfloat16 else s, s=seconds)
        monkeypatch.setattr(coarse, "_seconds", speed)
        coarse.is_faster.cache_clear()
        assert coarse.float32_is_slow(values) == expected
    coarse.is_faster.cache_clear()


def test_small_tables_are_not_worth_it():
    assert not coarse.float32_is_slow(rows(100, 16, 0, 1.0))


def test_the_front_takes_it_where_it_pays_and_gives_it_up_where_it_fails(monkeypatch, caplog):
    values = rows(500, 16, 1, 1.0)
    expected = knn(values, 12)
    asked = []
    monkeypatch.setattr(front, "float32_is_slow", lambda values: True)
    monkeypatch.setattr(front, "leaves_few", lambda halved, k: asked.append(k) or True)
    found = knn(values, 12)
    assert asked == [12]
    assert np.array_equal(found.ids, expected.ids)
    monkeypatch.setattr(
        front, "coarse", lambda values: dataclasses.replace(coarse.coarse(values), errors=np.full(len(values), 1e-6))
    )
    found = knn(values, 12)
    assert "reduced precision" in caplog.text
    assert np.array_equal(found.ids, expected.ids)
    assert np.array_equal(found.distances, expected.distances)


def test_rows_whose_products_could_overflow_are_searched_in_float32(monkeypatch):
    rng = np.random.default_rng(0)
    values = (5e16 * rng.standard_normal((300, 20))).astype(np.float32)
    values[:, 0] = -6.9e18
    values[30:50, 0] = 6.9e18 * rng.uniform(0.8, 1, 20)
    expected = knn(values, 8)
    monkeypatch.setattr(front, "float32_is_slow", lambda values: True)
    monkeypatch.setattr(front, "leaves_few", lambda rounded, k: True)
    found = knn(values, 8)
    assert np.array_equal(found.ids, expected.ids)
    assert (found.ids[:, :1] == np.arange(300)[:, None]).all()
    small = values / np.float32(1e10)
    assert np.array_equal(knn(small, 8).ids, expected.ids)
