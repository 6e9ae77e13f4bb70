"""Which search the settings ask for, and what is said of an approximate one."""

import numpy as np
import pytest

from usvireid.config import NeighborSettings
from usvireid.errors import UsageError
from usvireid.neighbors import probe
from usvireid.neighbors.approximate import knn_approximate
from usvireid.neighbors.choice import Searched, nearest_neighbors, refuse_without_faiss, searcher
from usvireid.neighbors.knn import Neighbors, knn

needs_faiss = pytest.mark.skipif(not probe.has_faiss(), reason="FAISS is not installed")
NONE = Neighbors(np.empty((0, 0), np.int64), np.empty((0, 0), np.float32))


def settings(above: int | None) -> NeighborSettings:
    return NeighborSettings(k1=8, k2=2, approximate_above=above)


def noise(count: int = 400) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((count, 12)).astype(np.float32)


@pytest.mark.parametrize("above", [None, 400, 5000])
def test_up_to_the_size_the_search_is_exact(above: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "has_faiss", lambda: False)
    values = noise()
    found, exact = nearest_neighbors(values, settings(above), "cpu", 3), knn(values, 8)
    assert np.array_equal(found.neighbors.ids, exact.ids)
    assert np.array_equal(found.neighbors.distances, exact.distances)
    assert found.recall is None and found.remark() is None and not found.poor


@needs_faiss
def test_above_it_the_search_is_approximate_and_says_what_it_found() -> None:
    values = noise()
    found, expected = nearest_neighbors(values, settings(399), "cpu", 3), knn_approximate(values, 8, seed=3)
    assert np.array_equal(found.neighbors.ids, expected.neighbors.ids)
    exact = knn(values, 8)
    hits = [len(set(a) & set(b)) for a, b in zip(found.neighbors.ids.tolist(), exact.ids.tolist(), strict=True)]
    assert found.recall == pytest.approx(np.mean(hits) / 8)
    assert 0 < found.recall < 0.95
    assert f"recall {found.recall:.4f} on 400 crops, below 0.95" in (found.remark() or "")


@pytest.mark.parametrize(("recall", "poor"), [(0.0, True), (0.94994, True), (0.94996, False), (1.0, False)])
def test_the_figure_that_is_shown_decides_on_a_warning(recall: float, poor: bool) -> None:
    found = Searched(NONE, recall, 1000)
    assert found.poor is poor
    remark = found.remark()
    assert remark is not None and remark.startswith(f"approximate k-NN, recall {recall:.4f} on 1,000 crops")
    assert ("below 0.95" in remark) is poor


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_crops(count: int) -> None:
    found = nearest_neighbors(noise(count), settings(2), "cpu", 0)
    assert found.neighbors.ids.shape == (count, count)
    assert found.recall is None


def test_who_searches_is_said() -> None:
    assert searcher(settings(None), "cpu") == "torch-cpu"
    assert searcher(settings(20_000), "cpu") == "torch-cpu, above 20,000 crops approximately by FAISS's inverted lists"


def test_without_faiss_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "has_faiss", lambda: False)
    refuse_without_faiss(settings(None))
    with pytest.raises(UsageError, match=r"neighbors\.approximate_above.*pip install faiss-cpu"):
        refuse_without_faiss(settings(5))
    monkeypatch.setattr(probe, "has_faiss", lambda: True)
    refuse_without_faiss(settings(5))


def test_a_faiss_that_does_not_load_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise ImportError("libomp.so: cannot open shared object file")

    monkeypatch.setattr(probe, "has_faiss", lambda: True)
    monkeypatch.setattr("usvireid.neighbors.choice.importlib.import_module", broken)
    with pytest.raises(UsageError, match=r"does not load \(libomp"):
        refuse_without_faiss(NeighborSettings(approximate_above=1))
    refuse_without_faiss(NeighborSettings())


@pytest.mark.parametrize("value", [True, 0, 1.0, "1"])
def test_only_a_number_of_crops_switches_it_on(value: object) -> None:
    with pytest.raises(ValueError, match="approximate_above"):
        NeighborSettings.model_validate({"approximate_above": value})
