"""Secondary clustering: never worse than k-means cluster by cluster, and every degenerate cluster."""

import hdbscan
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from torch.nn import functional

from usvireid.clustering.secondary import divide, divide_as_given, fixed_parts, parts_by_size, tree_parts


def random_clusters(seed, rows=60, clusters=5, width=16):
    generator = torch.Generator().manual_seed(seed)
    features = functional.normalize(torch.randn(rows, width, generator=generator), dim=1)
    cluster = torch.randint(-1, clusters, (rows,), generator=generator)
    return features, cluster, np.bincount(cluster[cluster >= 0], minlength=clusters)


def check(result, features, cluster):
    """What holds for any division: numbering, sizes, means and inertia belong to the labels."""
    n_clusters, most = result.sizes.shape
    assert result.centres.shape == (n_clusters, most, features.shape[1])
    assert (result.sub_cluster >= 0).tolist() == (cluster >= 0).tolist()
    for number in range(n_clusters):
        own, inertia = result.sub_cluster[cluster == number], 0.0
        assert result.sizes[number].tolist() == torch.bincount(own, minlength=most).tolist()
        assert result.sizes[number].tolist() == sorted(result.sizes[number].tolist(), reverse=True)
        for part in range(most):
            inside = features[(cluster == number) & (result.sub_cluster == part)]
            mean = inside.mean(0) if len(inside) else torch.zeros(features.shape[1])
            torch.testing.assert_close(result.centres[number, part], mean, atol=1e-5, rtol=0)
            inertia += float(((inside - mean) ** 2).sum())
        assert float(result.inertia[number]) == pytest.approx(inertia, abs=1e-4)


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(0, 40),
    width=st.integers(2, 12),
    parts=st.lists(st.integers(1, 9), min_size=5, max_size=5),
    restarts=st.integers(1, 3),
    seed=st.integers(0, 2**30),
)
def test_any_division_is_consistent(rows, width, parts, restarts, seed):
    features, cluster, sizes = random_clusters(seed, rows, width=width)
    result = divide(features, cluster, np.array(parts), seed, restarts)
    check(result, features, cluster)
    found = (result.sizes > 0).sum(1).numpy()
    assert (found == np.minimum(parts, sizes)).all()


@pytest.mark.parametrize("width", [8, 64])
def test_inertia_is_no_worse_than_that_of_one_kmeans_after_the_other(width):
    features, cluster, sizes = random_clusters(0, rows=400, clusters=8, width=width)
    result = divide(features, cluster, fixed_parts(sizes, 4), seed=0, restarts=4)
    expected = 0.0
    for number in range(8):
        inside = features[cluster == number].numpy()
        expected += KMeans(4, n_init=1, random_state=number).fit(inside).inertia_
    assert float(result.inertia.sum()) <= 1.01 * expected


def test_clear_parts_are_found():
    generator = torch.Generator().manual_seed(1)
    centre = torch.randn(6, 3, 32, generator=generator)
    cluster = torch.arange(6).repeat_interleave(30)
    part = torch.arange(3).repeat(60)
    features = functional.normalize(centre[cluster, part] + 0.05 * torch.randn(180, 32, generator=generator), dim=1)
    result = divide(features, cluster, np.full(6, 3), seed=0)
    pairs = {(int(c), int(p), int(s)) for c, p, s in zip(cluster, part, result.sub_cluster, strict=True)}
    assert len(pairs) == 18 and result.sizes.tolist() == [[10, 10, 10]] * 6


def test_the_same_seed_gives_the_same_parts_and_more_restarts_never_hurt():
    features, cluster, sizes = random_clusters(2, rows=300)
    parts = fixed_parts(sizes, 6)
    first, second = divide(features, cluster, parts, seed=3), divide(features, cluster, parts, seed=3)
    assert torch.equal(first.sub_cluster, second.sub_cluster) and torch.equal(first.centres, second.centres)
    assert not torch.equal(first.sub_cluster, divide(features, cluster, parts, seed=4).sub_cluster)
    few, many = (divide(features, cluster, parts, 0, restarts).inertia.sum() for restarts in (1, 20))
    assert many < few


def test_identical_crops_make_one_part():
    features = functional.normalize(torch.ones(7, 4), dim=1)
    result = divide(features, torch.zeros(7, dtype=torch.int64), np.array([3]), seed=0)
    assert result.sub_cluster.tolist() == [0] * 7 and result.sizes.tolist() == [[7]]
    assert result.inertia[0] < 1e-5


def test_fewer_different_crops_than_parts():
    features = torch.eye(4)[[0, 0, 0, 1, 1]]
    result = divide(features, torch.zeros(5, dtype=torch.int64), np.array([4]), seed=0)
    assert result.sub_cluster.tolist() == [0, 0, 0, 1, 1] and result.sizes.tolist() == [[3, 2]]


def test_more_crops_than_numbers_in_a_feature():
    features, cluster, _ = random_clusters(5, rows=90, clusters=1, width=4)
    result = divide(features, cluster, np.array([5]), seed=0)
    check(result, features, cluster)


def test_nothing_to_divide():
    nothing = torch.zeros(0, dtype=torch.int64)
    result = divide(torch.zeros(0, 4), nothing, np.zeros(0, dtype=np.int64), seed=0)
    assert result.sub_cluster.shape == (0,) and result.centres.shape == (0, 0, 4)
    result = divide(torch.ones(2, 4), torch.tensor([-1, -1]), np.array([3]), seed=0)
    assert result.sub_cluster.tolist() == [-1, -1] and result.sizes.shape == (1, 0)


def test_divide_refusals():
    with pytest.raises(ValueError, match="one cluster per feature"):
        divide(torch.ones(2, 3), torch.tensor([0]), np.array([1]), seed=0)
    with pytest.raises(ValueError, match="cluster 1, but 1 clusters"):
        divide(torch.ones(2, 3), torch.tensor([0, 1]), np.array([1]), seed=0)


def test_rules_for_the_number_of_parts():
    sizes = np.array([0, 1, 9, 10, 200])
    assert fixed_parts(sizes, 9).tolist() == [1, 1, 1, 9, 9]
    assert parts_by_size(sizes, crops_per_part=8, most=12).tolist() == [1, 1, 1, 1, 12]
    assert parts_by_size(sizes, 4.0, 100).tolist() == [1, 1, 2, 2, 50]
    with pytest.raises(ValueError, match="at least one part"):
        fixed_parts(sizes, 0)
    with pytest.raises(ValueError, match="crops_per_part"):
        parts_by_size(sizes, 0, 3)


def test_given_parts_are_kept_and_the_undecided_join_the_nearest():
    features = functional.normalize(
        torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0], [0.3, 1.0], [1, 1]]), dim=1
    )
    cluster = torch.tensor([0, 0, 0, 0, 0, 1])
    result = divide_as_given(features, cluster, 3, torch.tensor([0, 0, 1, 1, -1, -1]))
    check(result, features, cluster)
    assert result.sub_cluster.tolist() == [1, 1, 0, 0, 0, 0]
    assert (result.sizes > 0).sum(1).tolist() == [2, 1, 0]


def test_given_parts_refusals():
    with pytest.raises(ValueError, match="one part per crop"):
        divide_as_given(torch.ones(2, 3), torch.tensor([0, 0]), 1, torch.tensor([0]))
    assert divide_as_given(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64), 0, torch.zeros(0, dtype=torch.int64))


def hierarchy():
    """Two people, of which the first has two clearly denser parts, and the tree of HDBSCAN about them."""
    generator = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [1.0, 0.0], [30.0, 0.0]])
    true_part = np.repeat(np.arange(3), 30)
    points = centres[true_part] + 0.1 * generator.standard_normal((90, 2))
    found = hdbscan.HDBSCAN(min_cluster_size=10).fit(points)
    return points, true_part, found.condensed_tree_.to_numpy()


def test_leaves_of_the_condensed_tree_become_parts():
    points, true_part, tree = hierarchy()
    cluster = np.array([0, 0, 1])[true_part].astype(np.int64)
    parts = tree_parts(tree, cluster)
    assert set(parts[cluster == 0].tolist()) >= {0, 1} and set(parts[cluster == 1].tolist()) <= {-1, 0}
    decided = (parts >= 0) & (cluster == 0)
    assert len({(p, t) for p, t in zip(parts[decided].tolist(), true_part[decided].tolist(), strict=True)}) == 2
    result = divide_as_given(torch.from_numpy(points).float(), torch.from_numpy(cluster), 2, torch.from_numpy(parts))
    assert result.sizes.tolist() == [[30, 30], [30, 0]]


def test_outliers_and_small_leaves_are_no_parts():
    _, true_part, tree = hierarchy()
    cluster = np.where(true_part == 0, 0, -1).astype(np.int64)
    cluster[true_part == 1] = np.where(np.arange(30) == 0, 0, -1)
    parts = tree_parts(tree, cluster, least=2)
    assert (parts[cluster == -1] == -1).all()
    assert parts[true_part == 1][0] == -1 and set(parts[true_part == 0].tolist()) <= {-1, 0}


def test_a_tree_without_forks():
    points = np.random.default_rng(0).standard_normal((20, 2))
    tree = hdbscan.HDBSCAN(min_cluster_size=15, allow_single_cluster=True).fit(points).condensed_tree_.to_numpy()
    cluster = np.zeros(20, dtype=np.int64)
    assert set(tree_parts(tree, cluster).tolist()) == {0}


def slow_tree_parts(tree, cluster, most, least):
    """The same cluster by cluster: each crop's branch, the leaves by their crops, the largest numbered from 0."""
    branch = {int(row["child"]): int(row["parent"]) for row in tree}
    inner = {branch[child] for child in branch if child >= len(cluster)}
    parts = [-1] * len(cluster)
    for number in set(cluster.tolist()) - {-1}:
        inside = {}
        for crop in np.flatnonzero(cluster == number).tolist():
            if branch[crop] not in inner:
                inside.setdefault(branch[crop], []).append(crop)
        leaves = sorted((-len(crops), leaf) for leaf, crops in inside.items() if len(crops) >= least)
        for part, (_, leaf) in enumerate(leaves[:most]):
            for crop in inside[leaf]:
                parts[crop] = part
    return parts


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**20), st.integers(3, 60), st.integers(1, 5), st.sampled_from([None, 1, 2, 3]), st.integers(1, 3)
)
def test_tree_parts_equal_the_loop(seed, count, clusters, most, least):
    rng = np.random.default_rng(seed)
    tree = hdbscan.HDBSCAN(min_cluster_size=2, min_samples=1).fit(rng.standard_normal((count, 2)))
    cluster = rng.integers(-1, clusters, count)
    found = tree_parts(tree.condensed_tree_.to_numpy(), cluster, most, least)
    assert found.tolist() == slow_tree_parts(tree.condensed_tree_.to_numpy(), cluster, most, least)


def test_of_more_leaves_the_largest_are_parts():
    leaves = {10: range(4), 12: range(4, 7), 13: range(7, 9)}
    branches = [(9, 10, 0.1, 4), (9, 11, 0.1, 5), (11, 12, 0.5, 3), (11, 13, 0.5, 2)]
    crops = [(leaf, crop, 2.0, 1) for leaf, inside in leaves.items() for crop in inside]
    fields = [("parent", np.intp), ("child", np.intp), ("lambda_val", np.float64), ("child_size", np.intp)]
    tree = np.array([*branches, *crops], dtype=fields)
    cluster = np.zeros(9, dtype=np.int64)
    assert tree_parts(tree, cluster).tolist() == [0] * 4 + [1] * 3 + [2] * 2
    assert tree_parts(tree, cluster, most=2).tolist() == [0] * 4 + [1] * 3 + [-1] * 2
    assert tree_parts(tree, cluster, least=4).tolist() == [0] * 4 + [-1] * 5
    assert tree_parts(tree[:0], cluster).tolist() == [-1] * 9
    assert tree_parts(tree[:0], cluster[:0]).tolist() == []
