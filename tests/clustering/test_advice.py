"""Advice on eps and k1, and the words for a clustering that failed."""

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

from usvireid import names
from usvireid.clustering.advice import (
    GIANT_SHARE,
    LARGEST_EPS,
    advise_eps,
    advise_k1,
    neighbor_distance_curve,
    outcome,
)
from usvireid.clustering.dbscan import dbscan
from usvireid.clustering.result import Clusters
from usvireid.data.neighbourhood import LARGEST_K1, SMALLEST_K1, k2_for
from usvireid.neighbors.jaccard import jaccard_graph
from usvireid.neighbors.knn import knn

MARKET = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "market1501_train_osnet_x0_25.npz"


def people(count, images, spread, seed=0, columns=24):
    """Unit features of `count` people with `images` crops each."""
    rng = np.random.default_rng(seed)
    centre = rng.standard_normal((count, columns))
    identity = np.repeat(np.arange(count), images)
    values = centre[identity] + spread * rng.standard_normal((len(identity), columns))
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return values.astype(np.float32), identity


def as_if_alone(label):
    """Every outlier as a cluster of its own."""
    return np.where(label >= 0, label, label.max() + 1 + np.arange(len(label)))


def ari(graph, eps, identity):
    return adjusted_rand_score(identity, as_if_alone(dbscan(graph, eps=eps, min_samples=4).label))


def made(label):
    label = np.asarray(label, dtype=np.int64)
    role = np.where(label >= 0, names.CORE, names.OUTLIER).astype(object)
    return Clusters(label=label, role=role, confidence=(label >= 0).astype(np.float32))


@pytest.mark.parametrize("spread", [0.4, 0.7, 1.0])
@pytest.mark.parametrize("images", [8, 15])
def test_advised_eps_is_near_the_best(spread, images):
    values, identity = people(40, images, spread)
    graph = jaccard_graph(knn(values, 20), values, k1=20, k2=4, eps=LARGEST_EPS)
    advice = advise_eps(graph, min_samples=4)
    best = max(ari(graph, eps, identity) for eps in np.arange(0.2, 0.9, 0.05))
    assert ari(graph, advice.eps, identity) > 0.8 * best
    assert advice.eps in advice.tried


def test_what_was_seen_is_told():
    values, _ = people(60, 8, 0.8)
    graph = jaccard_graph(knn(values, 20), values, k1=20, k2=4, eps=LARGEST_EPS)
    advice = advise_eps(graph, min_samples=4)
    at = int(np.flatnonzero(advice.tried == advice.eps)[0])
    found = dbscan(graph, eps=advice.eps, min_samples=4)
    assert advice.clusters[at] == found.count
    assert advice.outlier_share[at] == found.outliers / len(values)
    assert advice.largest_share[at] == found.sizes.max() / len(values)
    inside = found.label[found.label >= 0]
    assert advice.typical_size[at] == pytest.approx(np.mean(found.sizes[inside]))
    around = [as_if_alone(dbscan(graph, eps=advice.tried[at + d], min_samples=4).label) for d in (-2, 2)]
    assert advice.agreement[at] == pytest.approx(adjusted_rand_score(*around))
    assert advice.largest_share[-1] > GIANT_SHARE
    assert advice.largest_share[:-1].max() <= GIANT_SHARE
    assert advice.reason == (
        f"the {found.count} clusters at eps {advice.eps:g} change little with eps, while at eps "
        f"{advice.tried[-1]:g} one cluster holds {advice.largest_share[-1]:.0%} of the crops"
    )


def test_what_does_not_collapse_or_does_not_cluster():
    apart, _ = people(10, 6, 0.01)
    graph = jaccard_graph(knn(apart, 6), apart, k1=6, k2=1, eps=0.6)
    advice = advise_eps(graph, min_samples=4, limit=0.6)
    assert dbscan(graph, eps=advice.eps, min_samples=4).count == 10
    assert advice.tried[-1] == pytest.approx(0.6)
    assert "do not collapse" in advice.reason
    alone = sparse.csr_matrix((9, 9), dtype=np.float32)
    assert "no clusters form" in advise_eps(alone, min_samples=4).reason
    assert advise_eps(sparse.csr_matrix((0, 0), dtype=np.float32), min_samples=4).clusters.max() == 0
    assert advise_eps(alone, min_samples=4, limit=0.1).eps == 0.1
    same = np.ones((60, 4), dtype=np.float32) / 2
    graph = jaccard_graph(knn(same, 10), same, k1=10, k2=2, eps=LARGEST_EPS)
    assert "already at eps 0.2 one cluster holds 100% of the crops" in advise_eps(graph, min_samples=4).reason


def test_advised_k1_follows_the_images_per_person():
    few, many = people(60, 6, 0.6), people(15, 40, 0.6)
    small, large = (advise_k1(knn(values, 12), values, min_samples=3) for values, _ in (few, many))
    assert small.k1 < 20 < large.k1 <= LARGEST_K1
    assert small.k2 == k2_for(small.k1)
    assert "with k1 12 and eps" in small.reason
    nothing = np.empty((0, 4), dtype=np.float32)
    assert advise_k1(knn(nothing, 12), nothing, min_samples=4).k1 == SMALLEST_K1


def test_outcomes():
    advice = advise_eps(sparse.csr_matrix((9, 9), dtype=np.float32), min_samples=4, limit=0.5)
    assert "no crops" in outcome(made([]), eps=0.4)
    none = outcome(made([-1] * 9), eps=0.4, advice=advice)
    assert "all 9 crops are outliers at eps 0.4" in none
    assert "eps 0.5 is advised" in none
    assert "try a larger eps" in outcome(made([-1] * 9), eps=0.6, advice=advice)
    giant = [0] * 60 + [1] * 5 + [-1] * 35
    assert outcome(made(giant), eps=0.6, advice=advice).startswith("one cluster holds 60 of 100 crops at eps 0.6")
    assert "eps 0.5 is advised" in outcome(made(giant), eps=0.6, advice=advice)
    assert "try a smaller eps" in outcome(made(giant), eps=0.6)
    assert outcome(made([0] * 50 + [1] * 50), eps=0.6) is None
    assert outcome(made([0] * 20 + [1] * 5), eps=0.6) is None


def test_curve_is_the_distance_at_which_crops_become_core():
    values, _ = people(12, 9, 0.7)
    graph = jaccard_graph(knn(values, 12), values, k1=12, k2=2, eps=0.8)
    curve = neighbor_distance_curve(graph, min_samples=4)
    assert (np.diff(curve) >= 0).all()
    for eps in (0.3, 0.5, 0.7):
        core = (dbscan(graph, eps=eps, min_samples=4).role == names.CORE).sum()
        assert (curve <= np.float32(eps)).sum() == core
    assert (neighbor_distance_curve(sparse.csr_matrix((3, 3), dtype=np.float32), min_samples=1) == 1).all()


@pytest.mark.skipif(not MARKET.exists(), reason="the Market-1501 features are not on this machine")
@pytest.mark.parametrize("images", [6, 16])
def test_advice_on_real_features(images):
    with np.load(MARKET) as file:
        values, identity = file["features"].astype(np.float32), file["identity"]
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    rng = np.random.default_rng(0)
    rows = [rng.permutation(np.flatnonzero(identity == one))[:images] for one in np.unique(identity)[:400]]
    rows = np.concatenate([each for each in rows if len(each) == images])
    values, identity = values[rows], identity[rows]
    neighbors = knn(values, 30)
    advice = advise_k1(neighbors, values, min_samples=4)

    def graph_with(k1):
        return jaccard_graph(neighbors, values, k1=k1, k2=k2_for(k1), eps=LARGEST_EPS)

    best = max(
        ari(graph, eps, identity) for graph in (graph_with(12), graph_with(30)) for eps in np.arange(0.3, 0.8, 0.05)
    )
    graph = graph_with(advice.k1)
    assert ari(graph, advise_eps(graph, min_samples=4).eps, identity) > 0.75 * best
