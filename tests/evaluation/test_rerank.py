"""Re-ranked distances against the definition with dense matrices and loops."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from usvireid.config import EvaluationSettings
from usvireid.data.crops import Crops
from usvireid.encoders.features import Features
from usvireid.evaluation import rerank
from usvireid.evaluation.metrics import score_distances
from usvireid.evaluation.protocols import evaluate


def unit_rows(count: int, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(count, 5)) + 1
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def dense(query: np.ndarray, gallery: np.ndarray, k1: int, k2: int, share: float) -> np.ndarray:
    """The mean of Jaccard distance and scaled squared distance, Q x G, in the words of the paper."""
    values = np.concatenate([query, gallery]).astype(np.float64)
    squared = np.maximum(2 - 2 * values @ values.T, 0)
    count = len(values)
    ranked = [sorted(range(count), key=lambda j: (squared[i, j], j)) for i in range(count)]

    def reciprocal(i: int, k: int) -> set[int]:
        return {j for j in ranked[i][: k + 1] if i in ranked[j][: k + 1]}

    weights = np.zeros((count, count))
    for i in range(count):
        near = reciprocal(i, k1)
        members = set(near)
        for candidate in near:
            half = reciprocal(candidate, round(k1 / 2))
            if len(half & near) > 2 / 3 * len(half):
                members |= half
        for j in members:
            weights[i, j] = np.exp(-squared[i, j])
        weights[i] /= weights[i].sum()
    weights = np.stack([weights[ranked[i][:k2]].mean(axis=0) for i in range(count)])
    jaccard = np.empty((len(query), len(gallery)))
    for q in range(len(query)):
        for g in range(len(gallery)):
            shared = np.minimum(weights[q], weights[len(query) + g]).sum()
            jaccard[q, g] = 1 - shared / (2 - shared)
    scaled = squared[: len(query), len(query) :] / squared[: len(query)].max(axis=1, keepdims=True)
    return (1 - share) * jaccard + share * scaled


@pytest.mark.parametrize(("queries", "gallery"), [(1, 1), (1, 60), (30, 4), (40, 50)])
@pytest.mark.parametrize(("k1", "k2"), [(20, 6), (4, 2), (12, 1)])
def test_equals_the_definition(queries, gallery, k1, k2, monkeypatch):
    monkeypatch.setattr(rerank, "K1", k1)
    monkeypatch.setattr(rerank, "K2", k2)
    monkeypatch.setattr(rerank, "_ROWS", 7)
    asking, answering = unit_rows(queries, 1), unit_rows(gallery, 2)
    distances = rerank.reranked(asking, answering)
    expected = dense(asking, answering, k1, k2, 0.3)
    for rows in (slice(0, queries), slice(0, 1), slice(queries // 2, queries)):
        np.testing.assert_allclose(distances(rows), expected[rows], atol=2e-6)


def test_equal_crops_are_no_division_by_zero():
    one = np.tile(np.float32([1, 0]), (3, 1))
    assert rerank.reranked(one, one)(slice(0, 3)).max() < 1e-6


def test_rows_of_their_own():
    rng = np.random.default_rng(5)
    table = pd.DataFrame(
        {
            "path": [f"{i}.jpg" for i in range(80)],
            "modality": rng.choice(["visible", "infrared"], 80),
            "identity": rng.choice(list("abcdef"), 80),
        }
    )
    features = Features(unit_rows(80, 3), Crops.from_table(Path(), table, "test"))
    plain = evaluate(features)
    both = evaluate(features, EvaluationSettings(rerank=True))
    assert list(both.rows) == [
        "infrared->visible",
        "infrared->visible re-ranked",
        "visible->infrared",
        "visible->infrared re-ranked",
    ]
    for name, row in plain.rows.items():
        assert both.rows[name] == row and both.fingerprints[name] == plain.fingerprints[name]
        asking, answering = (features.of_modality(side) for side in name.split("->"))
        codes = [side.crops.table["identity"].map(ord).to_numpy() for side in (asking, answering)]
        expected = score_distances(dense(asking.values, answering.values, 20, 6, 0.3), *codes)
        found = both.rows[f"{name} re-ranked"]
        assert found.mean_average_precision == pytest.approx(expected.mean_average_precision())
        assert both.fingerprints[f"{name} re-ranked"]["rerank"] == {"k1": 20, "k2": 6, "lambda": 0.3}
        assert both.fingerprints[f"{name} re-ranked"]["digest"] != both.fingerprints[name]["digest"]
