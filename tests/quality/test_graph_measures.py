import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import silhouette_score

from usvireid.clustering.cluster import keeping_to
from usvireid.clustering.constraints import ConstraintsBuilder
from usvireid.clustering.dbscan import dbscan
from usvireid.clustering.result import Clusters
from usvireid.quality.graph_measures import agreement, mean_distances, measure_graph


def graph_of(dense: np.ndarray, reach: float) -> sparse.csr_matrix:
    """The pairs nearer than a reach, zeros explicit."""
    row, column = np.nonzero(dense <= reach)
    return sparse.csr_matrix((dense[row, column].astype(np.float32), (row, column)), shape=dense.shape)


def distances(seed: int, size: int, groups: int = 4) -> np.ndarray:
    """Distances of grouped points, in [0, 1], with duplicates and ties."""
    random = np.random.default_rng(seed)
    points = random.integers(0, groups, size)[:, None] * 2 + random.normal(0, 0.4, (size, 2))
    points[size // 2 :: 7] = points[: len(points[size // 2 :: 7])]
    dense = np.linalg.norm(points[:, None] - points, axis=2)
    return np.asarray(np.round(np.minimum(dense / 4, 1), 2), dtype=np.float32)


def slow_means(dense: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    own, other = np.full(len(label), np.nan), np.full(len(label), np.nan)
    for i in range(len(label)):
        if label[i] < 0:
            continue
        means = {}
        for cluster in set(label[label >= 0].tolist()):
            members = [j for j in range(len(label)) if label[j] == cluster and j != i]
            if members:
                means[cluster] = np.mean([dense[i, j] for j in members])
        own[i] = means.pop(int(label[i]), np.nan)
        other[i] = min(means.values(), default=np.nan)
    return own, other


@pytest.mark.parametrize(("seed", "size", "clusters"), [(0, 40, 4), (1, 40, 9), (2, 30, 1), (3, 1, 1), (4, 0, 1)])
def test_mean_distances_equal_loops_over_all_pairs(seed: int, size: int, clusters: int) -> None:
    dense = distances(seed, size)
    random = np.random.default_rng(seed)
    label = random.integers(-1, clusters, size)
    label = np.unique(np.concatenate([[-1], label]), return_inverse=True)[1][1:] - 1
    beyond = np.where(dense <= 0.5, dense, 1)
    own, other = mean_distances(graph_of(dense, 0.5), label)
    expected = slow_means(beyond, label)
    assert own == pytest.approx(expected[0], abs=1e-6, nan_ok=True)
    assert other == pytest.approx(expected[1], abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("seed", range(4))
def test_the_silhouette_is_that_of_the_full_matrix(seed: int) -> None:
    dense = distances(seed, 60)
    graph = graph_of(dense, 0.6)
    found = dbscan(graph, eps=0.1, min_samples=3)
    measured = measure_graph(graph, found, eps=0.1, automatic=False, min_samples=3)
    inside = found.label >= 0
    full = np.where(dense <= 0.6, dense, 1).astype(np.float64)
    np.fill_diagonal(full, 0)
    expected = silhouette_score(full[np.ix_(inside, inside)], found.label[inside], metric="precomputed")
    assert measured.silhouette == pytest.approx(expected, abs=1e-6)
    own, other = slow_means(full, found.label)
    assert measured.compactness == pytest.approx(np.nanmean(own), abs=1e-6)
    assert measured.margin == pytest.approx(np.nanmean(other - own), abs=1e-6)


def test_agreement_counts_outliers_as_clusters_of_their_own() -> None:
    one, other = clusters_of([0, 0, 1, 1, -1, -1]), clusters_of([0, 0, 1, 1, 2, 2])
    assert agreement(one, one) == 1.0
    apart = agreement(one, other)
    assert apart is not None and 0 < apart < 1
    assert agreement(clusters_of([0]), clusters_of([0])) is None


def clusters_of(label: list[int]) -> Clusters:
    numbers = np.array(label, dtype=np.int64)
    role = np.where(numbers < 0, "outlier", "core").astype(object)
    return Clusters(numbers, role, (numbers >= 0).astype(np.float32))


def test_other_eps_are_tried_on_the_same_graph_and_within_what_is_known() -> None:
    dense = distances(5, 60)
    graph = graph_of(dense, 0.9)
    builder = ConstraintsBuilder(60)
    builder.must(range(0, 6))
    for constraints in (None, builder.build()):
        at = keeping_to(graph, 3, constraints)[1]
        measured = measure_graph(
            graph, at(0.1), eps=0.1, automatic=True, min_samples=3, constraints=constraints, dear=False
        )
        assert measured.smaller_eps_agreement == agreement(at(0.1), at(0.09))
        assert measured.larger_eps_agreement == agreement(at(0.1), at(0.1 * 1.1))
        assert measured.hdbscan_agreement is None and measured.advised_eps is None


def test_another_eps_is_advised_where_clusters_look_wrong() -> None:
    dense = distances(6, 80)
    graph = graph_of(dense, 0.9)
    all_outliers = dbscan(graph, eps=0.0, min_samples=70)
    assert measure_graph(graph, all_outliers, eps=0.2, automatic=False, min_samples=3).advised_eps is not None
    assert measure_graph(graph, all_outliers, eps=0.2, automatic=True, min_samples=3).advised_eps is None


@pytest.mark.parametrize("label", [[], [0], [-1], [-1, -1, -1], [0, 0, 0], [0, 1, 2]])
def test_few_crops_and_no_clusters(label: list[int]) -> None:
    dense = np.full((len(label), len(label)), 0.5, dtype=np.float32)
    np.fill_diagonal(dense, 0)
    found = clusters_of(label)
    measured = measure_graph(graph_of(dense, 0.9), found, eps=0.5, automatic=False, min_samples=2)
    assert (measured.silhouette is None) == (found.count < 2)
    assert measured.silhouette in (None, 0.0)
