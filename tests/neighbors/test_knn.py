"""Exact neighbours: the definition, its order, and equality of all back ends."""

import dataclasses
import logging
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from usvireid.errors import DataError, UsageError, UsvireidError
from usvireid.neighbors import backends, candidates, probe, shared
from usvireid.neighbors.candidates import Candidates, nearest, nearest_of_rows, rounding_errors
from usvireid.neighbors.halves import search_halves
from usvireid.neighbors.knn import Neighbors, choose_backend, knn

CPU = torch.device("cpu")
CPU_BACKENDS = ["torch-cpu", *(["faiss-cpu"] if probe.has_faiss() else [])]


def definition(values):
    """All squared distances, summed in float64 and rounded once."""
    wide = values.astype(np.float64)
    return np.array([((wide - row) ** 2).sum(axis=1) for row in wide]).astype(np.float32).reshape(len(wide), len(wide))


def assert_is_definition(found, values, k):
    """The k first of (distance, id). The order of the terms of a sum may round it to the next float32."""
    distance = definition(values)
    k = min(k, len(values))
    rows = np.arange(len(values))[:, None]
    assert found.ids.shape == (len(values), k)
    assert np.allclose(found.distances, distance[rows, found.ids], rtol=2**-23, atol=0)
    expected = np.argsort(distance, axis=1, kind="stable")[:, :k]
    assert np.allclose(found.distances, distance[rows, expected], rtol=2**-23, atol=0)
    if (values == np.round(values)).all():  # all sums are exact
        assert np.array_equal(found.ids, expected)


@st.composite
def feature_tables(draw):
    """Tables with ties by design: few distinct values, repeated rows, zero rows, or plain noise."""
    count, columns = draw(st.integers(1, 90)), draw(st.integers(1, 20))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    kind = draw(st.sampled_from(["noise", "unit", "small whole numbers", "far from the origin"]))
    values = rng.standard_normal((count, columns))
    if kind == "unit":
        values /= np.linalg.norm(values, axis=1, keepdims=True)
    elif kind == "small whole numbers":
        values = rng.integers(-1, 2, (count, columns))
    elif kind == "far from the origin":
        values = 100 + values
    values = values.astype(draw(st.sampled_from([np.float32, np.float16])))
    values[rng.integers(0, count, draw(st.integers(0, 60)))] = values[0]
    values[rng.integers(0, count, draw(st.integers(0, 10)))] = 0
    return values


@settings(max_examples=80, deadline=None)
@given(values=feature_tables(), k=st.integers(1, 40), block_bytes=st.sampled_from([1, 20_000, 2**28]))
def test_every_back_end_gives_the_definition(values, k, block_bytes):
    found = knn(values, k, backend="torch-cpu", block_bytes=block_bytes)
    assert_is_definition(found, values, k)
    if "faiss-cpu" in CPU_BACKENDS:
        other = knn(values, k, backend="faiss-cpu", block_bytes=block_bytes)
        assert np.array_equal(other.ids, found.ids)
        assert np.array_equal(other.distances, found.distances)
    # What runs on a CUDA device, on the CPU and shared between three devices.
    wide = values.astype(np.float32)
    k = min(k, len(wide))
    proposed = backends.search_torch(wide, min(k + 3, len(wide)), [CPU, CPU, CPU], block_bytes)
    ids, distances = nearest(wide, proposed, k, lambda: backends.torch_scores(wide, CPU), block_bytes)
    assert np.array_equal(ids, found.ids)
    assert np.array_equal(distances, found.distances)


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_several_blocks_and_strips(backend, monkeypatch):
    monkeypatch.setattr(candidates, "_COLUMNS_PER_STEP", 300)
    values = np.random.default_rng(0).standard_normal((1500, 24)).astype(np.float32)
    values[700:1400] = values[:700]
    found = knn(values, 7, backend=backend, block_bytes=4 * 400**2)
    assert_is_definition(found, values, 7)


@pytest.mark.parametrize("threads", ["1", "3"])
def test_threads_do_not_matter(threads, monkeypatch):
    values = np.random.default_rng(0).integers(-1, 2, (900, 10)).astype(np.float32)
    expected = knn(values, 20)
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    before = torch.get_num_threads()
    found = knn(values, 20, block_bytes=4 * 300**2)
    assert torch.get_num_threads() == before
    assert np.array_equal(found.ids, expected.ids)
    assert np.array_equal(found.distances, expected.distances)


@pytest.mark.parametrize("width", [1, 5, 60])
def test_searches_find_the_best_scores(width):
    values = np.random.default_rng(1).standard_normal((600, 8)).astype(np.float32)
    scores = backends.torch_scores(values, CPU)(np.arange(600), 0, 600)
    expected = np.sort(scores, axis=1)[:, :width]
    for pool in (search_halves(values, width, 2**28), search_halves(values, width, 4 * 130**2)):
        for row in range(600):
            found = np.sort(pool.scores[row, : pool.sizes[row]])[:width]
            assert np.abs(found - expected[row]).max() < 1e-4
            assert len(set(pool.ids[row, : pool.sizes[row]])) == pool.sizes[row]
    for found in (
        backends.search_torch(values, width, [CPU], 2**28),
        backends.search_torch(values, width, [CPU], 100_000),
    ):
        assert np.abs(np.sort(found.scores, axis=1) - expected).max() < 1e-4
        assert (np.diff(np.sort(found.ids, axis=1), axis=1) > 0).all()


def test_candidates_cut_inside_a_tie_are_completed():
    values = np.zeros((40, 3), dtype=np.float32)
    values[0] = 1
    worst = Candidates(
        np.tile(np.arange(39, 28, -1), (40, 1)),
        np.zeros((40, 11), dtype=np.float32),
        rounding_errors(np.sqrt(3) * np.ones(40), 3),
    )
    worst.scores[0] = 3
    worst.scores[1:, 0] = 0
    ids, distances = nearest(values, worst, 10, lambda: backends.torch_scores(values, CPU), 2**20)
    assert ids[0].tolist() == list(range(10))
    assert ids[5].tolist() == list(range(1, 11))
    assert (distances[1:] == 0).all()


def test_rows_alone_equal_rows_among_all():
    values = np.random.default_rng(2).standard_normal((300, 6)).astype(np.float32)
    rows = np.array([3, 299, 17])
    ids, distances = nearest_of_rows(values, rows, 9, backends.torch_scores(values, CPU), 100_000)
    found = knn(values, 9)
    assert np.array_equal(ids, found.ids[rows])
    assert np.array_equal(distances, found.distances[rows])


def test_reduced_precision_is_noticed():
    values = np.random.default_rng(3).standard_normal((200, 16)).astype(np.float32)
    proposed = backends.search_torch(values, 20, [CPU], 2**20)
    coarse = dataclasses.replace(proposed, scores=proposed.scores * np.float32(1.001))
    with pytest.raises(UsvireidError, match="reduced precision"):
        nearest(values, coarse, 10, lambda: backends.torch_scores(values, CPU), 2**20)


def test_faiss_of_reduced_precision_gives_way_to_pytorch(monkeypatch, caplog):
    values = np.random.default_rng(3).standard_normal((200, 16)).astype(np.float32)
    expected = knn(values, 10)

    def coarse(values, width, gpus, block_bytes, portion):
        found = backends.search_torch(values, width, [CPU], block_bytes)
        return dataclasses.replace(found, scores=found.scores * np.float32(1.001))

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(probe, "faiss_gpus", lambda: 1)
    monkeypatch.setattr(shared, "search_faiss_gpu", coarse)
    monkeypatch.setattr(shared, "search_torch", lambda v, w, devices, *rest: backends.search_torch(v, w, [CPU], *rest))
    assert np.array_equal(knn(values, 10).ids, expected.ids)
    assert "reduced precision" in caplog.text
    with pytest.raises(UsvireidError, match="reduced precision"):
        knn(values, 10, backend="faiss-gpu")


def test_program_wide_precision_is_left_as_it_was():
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        values = np.random.default_rng(4).standard_normal((64, 32)).astype(np.float32)
        assert_is_definition(knn(values, 5), values, 5)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_unit_rows_have_two_minus_two_cosines():
    values = np.random.default_rng(5).standard_normal((50, 10)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    found = knn(values, 6)
    cosine = np.einsum("nkd,nd->nk", values[found.ids], values)
    assert np.abs(found.distances - (2 - 2 * cosine)).max() < 1e-5
    assert (found.ids[:, 0] == np.arange(50)).all()
    assert (found.distances[:, 0] == 0).all()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_fewer_rows_than_neighbors(count):
    found = knn(np.ones((count, 4), dtype=np.float32), 30)
    assert found.ids.shape == (count, count)
    assert found.ids.tolist() == [list(range(count))] * count
    assert found.width == count
    assert len(found) == count


def test_read_only_and_strided_input():
    values = np.random.default_rng(6).standard_normal((60, 12)).astype(np.float32)
    expected = knn(np.ascontiguousarray(values[:, ::2]), 4)
    view = values[:, ::2]
    view.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(knn(view, 4).ids, expected.ids)
        frozen = np.ascontiguousarray(view)
        frozen.flags.writeable = False
        assert np.array_equal(knn(frozen, 4).distances, expected.distances)


@pytest.mark.parametrize(("bad", "what"), [(np.nan, "NaN"), (-np.inf, "infinity"), (1e19, "too large")])
def test_what_is_no_number_is_refused_with_its_row(bad, what):
    values = np.ones((9, 3), dtype=np.float32)
    values[[6, 8], 1] = bad
    with pytest.raises(DataError, match=rf"row 6 .*{what}.*2 such rows"):
        knn(values, 2)


@pytest.mark.parametrize(
    "values", [np.ones((3, 2)), np.ones(3, dtype=np.float32), np.ones((3, 0), dtype=np.float32), np.ones((3, 2), int)]
)
def test_other_arrays_are_refused(values):
    with pytest.raises(ValueError, match="N x D"):
        knn(values, 2)


def test_no_neighbors_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        knn(np.ones((3, 2), dtype=np.float32), 0)


def neighbors_with(**changes):
    ids, distances = np.array([[0, 1], [1, 0]]), np.array([[0, 1], [0, 1]], dtype=np.float32)
    return Neighbors(**{"ids": ids, "distances": distances, **changes})


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"ids": np.array([[0, 1], [1, 0]], dtype=np.int32)}, "int64"),
        ({"ids": np.array([[0, 1]])}, "shape"),
        ({"ids": np.array([[0, 2], [1, 0]])}, "row numbers"),
        ({"ids": np.array([[0, -1], [1, 0]])}, "row numbers"),
        ({"ids": np.array([[0, 0], [1, 0]])}, "twice"),
        ({"distances": np.array([[1, 0], [0, 1]], dtype=np.float32)}, "order"),
        ({"distances": np.array([[0, 1], [0, 0]], dtype=np.float32)}, "order"),
        ({"distances": np.array([[np.nan, 1], [0, 1]], dtype=np.float32)}, ">= 0"),
        ({"distances": np.array([[0, np.nan], [0, 1]], dtype=np.float32)}, "order"),
        ({"distances": np.array([[-1, 0], [0, 1]], dtype=np.float32)}, ">= 0"),
        ({"ids": np.array([[0, 1]]), "distances": np.array([[0, 1]], dtype=np.float32)}, "cannot have"),
    ],
)
def test_neighbors_check_themselves(changes, what):
    neighbors_with()
    with pytest.raises(ValueError, match=what):
        neighbors_with(**changes)


def test_without_a_gpu_the_choice_is_the_cpu(monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_backend("auto", "auto", 30) == ("torch-cpu", [])
    with caplog.at_level(logging.INFO, logger="usvireid.neighbors.knn"):
        knn(np.ones((3, 2), dtype=np.float32), 2)
    assert "torch-cpu" in caplog.text
    for backend, device, what in [
        ("faiss-gpu", "auto", "needs a CUDA GPU"),
        ("torch-cuda", "cpu", "device is cpu"),
        ("torch-cpu", "cuda", "sees 0 CUDA GPUs"),
        ("auto", "cuda:0", "sees 0 CUDA GPUs"),
        ("auto", "tpu", "no device 'tpu'"),
        ("annoy", "auto", "unknown"),
    ]:
        with pytest.raises(UsageError, match=what):
            choose_backend(backend, device, 30)


@pytest.mark.parametrize(
    ("backend", "device", "k", "faiss_gpus", "expected"),
    [
        ("auto", "auto", 30, 2, ("faiss-gpu", [0, 1])),
        ("auto", "auto", 30, 0, ("torch-cuda", [0, 1])),
        ("auto", "auto", 30, 1, ("torch-cuda", [0, 1])),
        ("auto", "cuda:1", 30, 2, ("faiss-gpu", [1])),
        ("auto", "cuda", 2000, 2, ("torch-cuda", [0, 1])),
        ("auto", "cpu", 30, 2, ("torch-cpu", [])),
        ("torch-cuda", "auto", 30, 2, ("torch-cuda", [0, 1])),
        ("faiss-gpu", "cuda:0", 30, 1, ("faiss-gpu", [0])),
        ("torch-cpu", "auto", 30, 2, ("torch-cpu", [])),
    ],
)
def test_choice_on_a_machine_with_two_gpus(monkeypatch, backend, device, k, faiss_gpus, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(probe, "faiss_gpus", lambda: faiss_gpus)
    assert choose_backend(backend, device, k) == expected


def test_faiss_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(probe, "has_faiss", lambda: False)
    with pytest.raises(UsageError, match="pip install faiss-cpu"):
        choose_backend("faiss-cpu", "auto", 30)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    probe.faiss_gpus.cache_clear()
    with pytest.raises(UsageError, match="install faiss-gpu"):
        choose_backend("faiss-gpu", "auto", 30)
    probe.faiss_gpus.cache_clear()
    with pytest.raises(UsageError, match="device 'cuda'"):
        choose_backend("torch-cpu", "cuda", 30)
    monkeypatch.setattr(probe, "faiss_gpus", lambda: 1)
    with pytest.raises(UsageError, match="too large"):
        choose_backend("faiss-gpu", "auto", 2000)


@pytest.mark.parametrize(
    ("trial", "gpus", "said"),
    [
        ("print('usable GPUs:', 3)", 3, ""),
        ("import os; os.abort()", 0, "ended with -6"),
        ("raise ImportError('libcublas.so.12')", 0, "libcublas.so.12"),
        ("raise SystemExit(3)", 0, "wrong neighbours"),
    ],
)
def test_a_trial_search_that_fails_costs_another_process_only(trial, gpus, said, caplog):
    assert probe._tried_gpus(trial) == gpus
    assert said in caplog.text


def test_a_trial_search_that_hangs_is_given_up(monkeypatch, caplog):
    def never(*args, **kwargs):
        raise subprocess.TimeoutExpired(sys.executable, 1)

    monkeypatch.setattr(subprocess, "run", never)
    assert probe._tried_gpus("") == 0
    assert "did not end" in caplog.text


class FaissOnOneGpu:
    """The part of FAISS's GPU interface that `search_faiss_gpu` uses, answered by PyTorch on the CPU."""

    class StandardGpuResources:
        def setTempMemory(self, size):
            assert size > 0

    class GpuIndexFlatConfig:
        device = 0

    class GpuIndexFlatL2:
        def __init__(self, resources, columns, settings):
            self.columns, self.gpu = columns, settings.device

        def add(self, values):
            assert values.shape[1] == self.columns
            self.scores = backends.torch_scores(values, CPU)
            self.values = values

        def search(self, queries, width):
            distance = torch.cdist(torch.from_numpy(queries), torch.from_numpy(self.values)) ** 2
            scores, ids = distance.topk(width, largest=False)
            return scores.numpy(), ids.numpy()


def test_gpus_share_the_rows(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", FaissOnOneGpu)
    values = np.random.default_rng(7).standard_normal((101, 5)).astype(np.float32)
    expected = knn(values, 8)
    proposed = backends.search_faiss_gpu(values, 20, [0, 1, 2], 2000)
    ids, distances = nearest(values, proposed, 8, lambda: backends.torch_scores(values, CPU), 2**20)
    assert np.array_equal(ids, expected.ids)
    assert np.array_equal(distances, expected.distances)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
@pytest.mark.parametrize("backend", ["torch-cuda", "faiss-gpu"])
def test_gpu_back_ends_equal_the_cpu(backend):
    if backend == "faiss-gpu" and not probe.faiss_gpus():
        pytest.skip("no FAISS for this GPU")
    values = np.random.default_rng(8).standard_normal((5000, 64)).astype(np.float32)
    values[1000:2000] = values[:1000]
    expected, found = knn(values, 30, backend="torch-cpu"), knn(values, 30, backend=backend)
    assert np.array_equal(found.ids, expected.ids)
    assert np.array_equal(found.distances, expected.distances)
