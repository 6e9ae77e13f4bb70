"""Which crops stand in a strip."""

from pathlib import Path

import numpy as np
import pandas as pd

from usvireid.data.crops import Crops
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.strips import pseudo_identities, spread, strip_of, unlabelled_rows

V, R = "visible", "infrared"


def labels_of(modality, identity, confidence) -> PseudoLabels:
    table = pd.DataFrame({"path": [f"{i}.jpg" for i in range(len(identity))], "modality": modality})
    crops = Crops.from_table(Path(), table, "test")
    numbers = np.array(identity, dtype=np.int64)
    labels = PseudoLabels.of_clusters(crops, numbers, np.full(len(numbers), "core"), np.array(confidence))
    return labels.replace(identity=numbers)


def test_every_crop_is_with_its_own_identity():
    rng = np.random.default_rng(0)
    identity = rng.integers(-1, 40, 500)
    identity[identity == 7] = 8
    modality = rng.choice([V, R], 500)
    cluster = rng.integers(-1, 12, 500)
    confidence = rng.random(500).round(1)
    labels = labels_of(modality, identity, confidence).replace(cluster=cluster)
    people = pseudo_identities(labels)
    assert [person.number for person in people] == sorted(set(identity.tolist()) - {-1})
    for person in people:
        for side in (V, R):
            inside = [row for row in range(500) if identity[row] == person.number and modality[row] == side]
            kept = labels.column("confidence")
            assert person.rows[side].tolist() == sorted(inside, key=lambda row: (-kept[row], row))
            assert person.clusters[side] == tuple(sorted({int(cluster[row]) for row in inside} - {-1}))
        assert np.isclose(person.confidence, labels.column("confidence")[identity == person.number].mean())
        assert person.shared == (len(set(modality[identity == person.number])) == 2)
        assert person.crops == (identity == person.number).sum()
    left = unlabelled_rows(labels)
    assert {side: rows.tolist() for side, rows in left.items()} == {
        side: [row for row in range(500) if identity[row] < 0 and modality[row] == side] for side in (V, R)
    }


def test_a_strip_spreads_from_most_to_least_confident():
    person = pseudo_identities(labels_of([V] * 30, [0] * 30, np.linspace(0, 1, 30)))[0]
    visible, infrared = (strip_of(side, person.rows[side], 8, person.clusters[side]) for side in (V, R))
    assert visible.crops == 30 and len(visible.rows) == 8 and list(visible.clusters) == [0]
    assert visible.rows[0] == 29 and visible.rows[-1] == 0 and list(visible.rows) == sorted(visible.rows, reverse=True)
    assert (infrared.crops, list(infrared.rows)) == (0, [])


def test_spread_keeps_few_rows_as_they_are():
    assert spread(np.array([5, 3]), 2).tolist() == [5, 3]
    assert spread(np.arange(10), 1).tolist() == [0]
    assert spread(np.arange(10), 3).tolist() == [0, 4, 9]


def test_nothing_to_show():
    empty = labels_of([], [], [])
    assert pseudo_identities(empty) == []
    assert [rows.tolist() for rows in unlabelled_rows(empty).values()] == [[], []]
    none = labels_of([V, R], [-1, -1], [0, 0])
    assert pseudo_identities(none) == []
