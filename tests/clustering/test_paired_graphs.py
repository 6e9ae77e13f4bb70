"""Distances that are seen twice, against a slow mean over all pairs of crops."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from usvireid.clustering.paired import seen_twice
from usvireid.data.crops import Crops

NAMES = ("visible", "infrared")


def crops_of(modality):
    paths = [f"{row}.jpg" for row in range(len(modality))]
    return Crops.from_table(Path(), pd.DataFrame({"path": paths, "modality": modality}), "t")


def graph_of(distances):
    """A graph whose entries are the distances below 1, zeros explicit."""
    at = np.nonzero(distances < 1)
    return sparse.csr_matrix((distances[at].astype(np.float32), at), shape=distances.shape)


def dense(graph):
    found, entries = np.ones(graph.shape), graph.tocoo()
    found[entries.row, entries.col] = entries.data
    return found


def random_distances(generator, count):
    distances = np.round(generator.random((count, count)), 2) * (generator.random((count, count)) < 0.6)
    upper = np.triu(np.where(distances > 0, distances, 1.0), 1).astype(np.float32).astype(np.float64)
    return upper + upper.T


@pytest.mark.parametrize("seed", range(20))
def test_paired_crops_have_the_mean_of_both_distances_and_others_their_own(seed):
    generator = np.random.default_rng(seed)
    crops = crops_of(generator.permutation(NAMES * 9)[: int(generator.integers(2, 19))].tolist())
    rows = {name: crops.rows_of(name) for name in NAMES}
    most = min(map(len, rows.values()))
    count = int(generator.integers(0, most + 1))
    pairs = np.stack([generator.permutation(rows[name])[:count] for name in NAMES], axis=1).astype(np.int64)
    before = {name: random_distances(generator, len(rows[name])) for name in NAMES}
    found = seen_twice({name: graph_of(before[name]) for name in NAMES}, crops, pairs)

    place = {name: {int(row): at for at, row in enumerate(rows[name])} for name in NAMES}
    wanted = {name: before[name].copy() for name in NAMES}
    for v, r in pairs.tolist():
        for w, s in pairs.tolist():
            one, other = (place["visible"][v], place["visible"][w]), (place["infrared"][r], place["infrared"][s])
            mean = (before["visible"][one] + before["infrared"][other]) / 2
            wanted["visible"][one] = wanted["infrared"][other] = mean
    for name in NAMES:
        assert found[name].dtype == np.float32 and found[name].has_sorted_indices
        assert (found[name] != found[name].T).nnz == 0
        np.testing.assert_allclose(dense(found[name]), wanted[name], atol=1e-6)
        alone = np.setdiff1d(rows[name], pairs)
        at = [place[name][int(row)] for row in alone]
        assert np.array_equal(dense(found[name])[at], before[name][at].astype(np.float32)), "not by a bit"


def test_without_pairs_nothing_changes():
    crops = crops_of(["visible", "infrared"])
    graphs = {name: graph_of(np.zeros((1, 1))) for name in NAMES}
    assert seen_twice(graphs, crops, np.zeros((0, 2), dtype=np.int64)) is graphs
    one = seen_twice(graphs, crops, np.array([[0, 1]]))
    assert [one[name].toarray().tolist() for name in NAMES] == [[[0.0]], [[0.0]]]
    assert [one[name].nnz for name in NAMES] == [1, 1], "a crop stays near itself"
