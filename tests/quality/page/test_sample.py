"""Which crops the map shows and the distances are measured between."""

import numpy as np
import pytest

from tests.quality.made_labels import R, V, made_labels, random_case
from usvireid.encoders.features import Features
from usvireid.quality.page import extracting
from usvireid.quality.page.extracting import extract_in_time
from usvireid.quality.page.sample import Sample, codes_in, sampled_rows


def labels_of(people: int, shots: int, outliers: int):
    identity = [number for number in range(people) for _ in range(2 * shots)] + [-1] * outliers
    return made_labels([V, R] * (len(identity) // 2), identity, identity)


@pytest.mark.parametrize("count", [0, 1, 7, 50, 400, 10_000])
def test_rows_are_distinct_and_as_many_as_there_are(count):
    labels = labels_of(20, 10, 40)
    rows = sampled_rows(labels, count, np.random.default_rng(0))
    assert rows.dtype == np.int64 and len(rows) == min(count, 440) == len(set(rows.tolist()))


def test_every_beginning_has_pairs_of_both_modalities_and_some_outliers():
    labels = labels_of(100, 10, 200)
    rows = sampled_rows(labels, 2000, np.random.default_rng(0))
    for end in (150, 300, 600):
        identity, infrared = codes_in(labels, rows[:end])
        assert 0.04 < (identity < 0).mean() < 0.14
        _, counts = np.unique(identity[identity >= 0], return_counts=True)
        assert np.median(counts) == 8 and counts.max() == 8
        assert 0.45 < infrared.mean() < 0.55


def test_the_sample_is_the_same_for_the_same_seed():
    labels = labels_of(30, 3, 10)
    first, second, third = (sampled_rows(labels, 50, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, second) and not np.array_equal(first, third)


@pytest.mark.parametrize("identity", [[], [-1, -1, -1, -1], [0, 0]])
def test_few_crops_are_all_taken(identity):
    labels = made_labels([V, R] * (len(identity) // 2), identity)
    assert sorted(sampled_rows(labels, 9, np.random.default_rng(0))) == list(range(len(identity)))


def extraction(patience: float, clock: list[float], monkeypatch, size: int = 60):
    crops, labels, features = random_case(0, size=size)
    position = {path: row for row, path in enumerate(crops.table["path"])}

    def extractor(some, images):
        rows = np.array([position[path] for path in some.table["path"]])
        assert np.array_equal(images(np.arange(len(rows)))[:, 0], rows)
        return features.take(rows)

    monkeypatch.setattr(extracting.time, "monotonic", lambda: clock.pop(0) if len(clock) > 1 else clock[0])
    found = extract_in_time(
        crops,
        lambda rows: np.stack([rows] * 2, axis=1),
        labels,
        extractor,
        np.random.default_rng(0),
        batch=16,
        patience=patience,
    )
    return found, features


def test_with_time_enough_all_features_are_in_the_order_of_the_crops(monkeypatch):
    found, features = extraction(20.0, [0.0], monkeypatch)
    assert np.array_equal(found.features.values, features.values) and len(found.sample) == 60
    assert np.array_equal(found.sample.features.values, features.values[found.sample.rows])


def test_without_time_it_ends_after_a_batch(monkeypatch):
    found, features = extraction(20.0, [0.0, 5.0, 25.0], monkeypatch)
    assert found.features is None and len(found.sample) == 32
    assert np.array_equal(found.sample.features.values, features.values[found.sample.rows])
    found, _ = extraction(0.0, [0.0, 1.0], monkeypatch)
    assert len(found.sample) == 16


def test_the_map_has_its_limit(monkeypatch):
    monkeypatch.setattr(extracting, "ON_THE_MAP", 10)
    found, _ = extraction(20.0, [0.0], monkeypatch)
    assert len(found.sample) == 10 and len(found.features) == 60


def test_rows_and_features_belong_together():
    _, _, features = random_case(1, size=6)
    with pytest.raises(ValueError, match="2 rows with 6 features"):
        Sample(np.array([0, 1]), Features(features.values, features.crops))
