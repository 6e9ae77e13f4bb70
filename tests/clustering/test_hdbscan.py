"""HDBSCAN on the sparse graph against the package's run on the full matrix."""

import numpy as np
import pytest
from hdbscan import HDBSCAN
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

from usvireid import names
from usvireid.clustering.hdbscan import condensed_tree, hdbscan


def groups(sizes, spread, seed=0):
    """Distances in [0, 1] of points in the plane around well separated centres, and which group each is of."""
    rng = np.random.default_rng(seed)
    centre = np.array([[np.cos(a), np.sin(a)] for a in np.linspace(0, 2 * np.pi, len(sizes), endpoint=False)]) * 0.35
    group = np.repeat(np.arange(len(sizes)), sizes)
    points = centre[group] + spread * rng.standard_normal((len(group), 2))
    distance = np.minimum(np.sqrt(((points[:, None] - points) ** 2).sum(axis=2)), 1).astype(np.float32)
    return distance, group


def graph_of(distance, eps):
    rows, columns = np.nonzero(distance <= np.float32(eps))
    bounds = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(distance)))])
    return sparse.csr_matrix((distance[rows, columns], columns, bounds), shape=distance.shape)


def dense_run(distance, min_samples):
    # The package does not count the point itself.
    dense = HDBSCAN(min_cluster_size=5, min_samples=min_samples - 1, metric="precomputed")
    return dense.fit(distance.astype(np.float64))


@pytest.mark.parametrize("seed", range(6))
def test_whole_graph_gives_the_dense_result(seed):
    distance, _ = groups([20, 15, 30, 8], 0.07, seed)
    found = hdbscan(graph_of(distance, 1.0), min_cluster_size=5, min_samples=2)
    dense = dense_run(distance, 2)
    assert found.count == dense.labels_.max() + 1
    assert adjusted_rand_score(found.label, dense.labels_) == 1
    assert np.array_equal(found.label < 0, dense.labels_ < 0)
    assert np.abs(found.confidence - dense.probabilities_).max() < 1e-5
    assert np.abs(found.outlier_score - np.clip(dense.outlier_scores_, 0, 1)).max() < 1e-5
    assert np.allclose(np.sort(found.persistence), np.sort(dense.cluster_persistence_), atol=1e-5)


@pytest.mark.parametrize("min_samples", [4, 7])
@pytest.mark.parametrize("seed", range(4))
def test_with_ties_the_dense_result_is_near_and_the_order_of_the_crops_does_not_matter(min_samples, seed):
    distance, _ = groups([20, 15, 30, 8], 0.07, seed)
    found = hdbscan(graph_of(distance, 1.0), min_cluster_size=5, min_samples=min_samples)
    # Of edges that the reachability makes equal, the package's dense run takes any.
    assert adjusted_rand_score(found.label, dense_run(distance, min_samples).labels_) > 0.9
    order = np.random.default_rng(seed).permutation(len(distance))
    other = hdbscan(graph_of(distance[order][:, order], 1.0), min_cluster_size=5, min_samples=min_samples)
    assert adjusted_rand_score(found.label[order], other.label) == 1
    assert np.abs(found.confidence[order] - other.confidence).max() < 1e-6


def test_graph_in_parts_keeps_its_groups():
    distance, group = groups([12, 25, 9, 17], 0.02)
    graph = graph_of(distance, 0.2)
    assert sparse.csgraph.connected_components(graph)[0] == 4
    found = hdbscan(graph, min_cluster_size=5, min_samples=3)
    inside = found.label >= 0
    assert found.count == 4
    assert inside.mean() > 0.9
    assert adjusted_rand_score(found.label[inside], group[inside]) == 1
    assert (np.diff(np.unique(found.label[inside], return_index=True)[1]) > 0).all()  # numbered by first crop
    assert ((found.role == names.CORE) == (found.confidence >= 0.5)).all()


def test_duplicates_and_lonely_crops():
    distance, _ = groups([30, 30], 0.02, seed=2)
    distance[:10, :10] = 0
    distance[59, :59] = distance[:59, 59] = 1
    found = hdbscan(graph_of(distance, 0.3), min_cluster_size=5, min_samples=4)
    assert found.label[59] == -1
    assert found.confidence[59] == 0
    assert len(set(found.label[:10])) == 1
    assert found.label[0] == 0


@pytest.mark.parametrize("count", [0, 1, 4])
def test_too_few_crops_are_outliers(count):
    graph = graph_of(np.zeros((count, count), dtype=np.float32), 0.5)
    found = hdbscan(graph, min_cluster_size=5, min_samples=3)
    assert found.label.tolist() == [-1] * count
    assert found.persistence.shape == (0,)


def test_a_graph_without_edges_has_no_cluster():
    graph = sparse.csr_matrix(np.zeros((40, 40), dtype=np.float32))
    found = hdbscan(graph, min_cluster_size=5, min_samples=3)
    assert found.count == 0
    assert found.outliers == 40


def test_bad_settings_are_refused():
    graph = graph_of(np.zeros((4, 4), dtype=np.float32), 0.5)
    for setting in ({"min_cluster_size": 1}, {"min_samples": 0}):
        with pytest.raises(ValueError, match="at least"):
            hdbscan(graph, **{"min_cluster_size": 3, "min_samples": 2, **setting})
    with pytest.raises(ValueError, match="square"):
        hdbscan(graph[:2], min_cluster_size=3, min_samples=2)


def slow_reach(distance, min_samples):
    """Mutual reachability of all pairs, ties broken by the distance as in the graph's spanning tree."""
    distance = np.maximum(distance.astype(np.float64), np.where(np.eye(len(distance)), 0, 1e-3))
    core = np.sort(distance, axis=1)[:, min_samples - 1]
    return np.maximum(np.maximum(core[:, None], core), distance) + 1e-9 * distance


def slow_pieces(crops, reach, below):
    """The crops that hang together by pairs nearer than that, by walking from crop to crop."""
    left, pieces = set(crops), []
    while left:
        piece, todo = set(), [left.pop()]
        while todo:
            crop = todo.pop()
            piece.add(crop)
            near = {other for other in left if reach[crop, other] < below}
            left -= near
            todo += near
        pieces.append(sorted(piece))
    return pieces


def slow_leaves(crops, reach, least):
    """The leaves of a branch: shrink the distance step by step until the branch falls into two large pieces."""
    rest = crops
    for below in sorted({reach[a, b] for a in crops for b in crops if a < b}, reverse=True):
        large = [piece for piece in slow_pieces(rest, reach, below) if len(piece) >= least]
        if len(large) > 1:
            return [leaf for piece in large for leaf in slow_leaves(piece, reach, least)]
        if not large:
            break
        rest = large[0]
    return [crops]


def leaves_of(tree, count):
    """The crops of every branch from which no other branch leaves, as sets."""
    branches = set(tree["parent"].tolist())
    inner = {int(row["parent"]) for row in tree if row["child"] >= count}
    return {frozenset(tree["child"][tree["parent"] == leaf].tolist()) for leaf in branches - inner}


@pytest.mark.parametrize(("least", "min_samples"), [(2, 1), (4, 3), (5, 2), (3, 6)])
@pytest.mark.parametrize("seed", range(4))
def test_leaves_of_the_condensed_tree_are_those_of_the_definition(seed, least, min_samples):
    distance, _ = groups([12, 7, 15, 5], 0.09, seed)
    tree = condensed_tree(graph_of(distance, 1.0), min_cluster_size=least, min_samples=min_samples)
    crops = sorted(tree["child"][tree["child"] < len(distance)].tolist())
    assert crops == list(range(len(distance)))  # every crop leaves once
    expected = slow_leaves(crops, slow_reach(distance, min_samples), least)
    assert leaves_of(tree, len(distance)) == {frozenset(leaf) for leaf in expected}
    assert len(expected) > 1


def test_clusters_are_branches_of_the_condensed_tree():
    distance, _ = groups([20, 15, 30, 8], 0.07)
    graph = graph_of(distance, 0.3)
    settings = {"min_cluster_size": 4, "min_samples": 3}
    found, leaves = hdbscan(graph, **settings), leaves_of(condensed_tree(graph, **settings), len(distance))
    for leaf in leaves:  # a leaf is in one cluster or in none
        assert len(set(found.label[sorted(leaf)].tolist()) - {-1}) <= 1


@pytest.mark.parametrize("count", [0, 1, 4])
def test_too_few_crops_have_no_tree(count):
    graph = graph_of(np.zeros((count, count), dtype=np.float32), 0.5)
    tree = condensed_tree(graph, min_cluster_size=5, min_samples=3)
    assert len(tree) == 0
    larger = condensed_tree(graph_of(np.zeros((9, 9), dtype=np.float32), 0.5), min_cluster_size=5, min_samples=3)
    assert tree.dtype == larger.dtype
    with pytest.raises(ValueError, match="at least"):
        condensed_tree(graph, min_cluster_size=1, min_samples=1)
