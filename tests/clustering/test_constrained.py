"""Clustering that keeps to what is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from usvireid.clustering.cluster import cluster_graph
from usvireid.clustering.constrained import ConstrainedDbscan, group_distances, numbered
from usvireid.clustering.constraints import Constraints, ConstraintsBuilder
from usvireid.clustering.dbscan import dbscan
from usvireid.config import ClusteringSettings


def graph_of(distance, reach=0.9):
    """A dense table of distances as a graph with explicit zeros."""
    rows, columns = np.nonzero(distance <= reach)
    return sparse.csr_matrix((distance[rows, columns].astype(np.float32), (rows, columns)), shape=distance.shape)


def random_distances(generator, count):
    place = generator.random((count, 2))
    distance = np.linalg.norm(place[:, None] - place[None], axis=2)
    distance = np.round(distance, 1)  # ties
    np.fill_diagonal(distance, 0)
    return distance.astype(np.float32)


def random_constraints(generator, count):
    builder = ConstraintsBuilder(count)
    builder.known(np.where(generator.random(count) < 0.2, generator.integers(0, 3, count), -1))
    for _ in range(count // 2):
        one, other = generator.integers(0, count, 2).tolist()
        if generator.random() < 0.6:
            builder.must([one, other])
        else:
            builder.cannot([one], [other])
    builder.junk(np.flatnonzero(generator.random(count) < 0.1))
    return builder.build()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 14))
def test_distances_of_groups_are_means_over_all_pairs(seed, count):
    generator = np.random.default_rng(seed)
    distance, constraints = random_distances(generator, count), random_constraints(generator, count)
    graph = graph_of(distance, 0.5)
    found = group_distances(graph, constraints).toarray()
    assert np.array_equal(found, found.T)
    full = np.where(distance <= 0.5, distance, 1.0)
    for one in range(len(constraints.known)):
        for other in range(len(constraints.known)):
            ones = np.flatnonzero((constraints.group == one) & ~constraints.junk)
            others = np.flatnonzero((constraints.group == other) & ~constraints.junk)
            mean = full[np.ix_(ones, others)].mean() if len(ones) and len(others) and one != other else 0
            assert found[one, other] == pytest.approx(0 if mean >= 1 - 1e-9 else mean, abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 20),
    st.sampled_from([0.2, 0.5, "auto"]),
    st.sampled_from(["dbscan", "hdbscan"]),
)
def test_nothing_that_is_known_is_contradicted(seed, count, eps, method):
    generator = np.random.default_rng(seed)
    constraints = random_constraints(generator, count)
    asked = ClusteringSettings(eps=eps, min_samples=2, method=method)
    clusters = cluster_graph(graph_of(random_distances(generator, count)), asked, constraints).clusters
    assert not len(constraints.conflicts(clusters.label))
    assert (clusters.label[constraints.junk] == -1).all()
    for group in range(len(constraints.known)):
        rows = np.flatnonzero((constraints.group == group) & ~constraints.junk)
        assert len(np.unique(clusters.label[rows])) <= 1
        if constraints.known[group] >= 0 and len(rows):
            assert clusters.label[rows[0]] >= 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 25), st.sampled_from([0.1, 0.3, 0.6]))
def test_where_nothing_is_known_it_is_plain_dbscan(seed, count, eps):
    graph = graph_of(random_distances(np.random.default_rng(seed), count))
    plain = dbscan(graph, eps=eps, min_samples=3)
    bound = ConstrainedDbscan(graph, Constraints.none(count), 3)
    for found in (bound.at(eps), bound.settled(eps)):
        assert np.array_equal(numbered(found.label), numbered(plain.label))
        assert np.array_equal(found.role, plain.role)
        assert np.allclose(found.confidence, plain.confidence, atol=1e-6)


def test_a_track_goes_where_most_of_its_crops_are():
    line = np.array([0.0, 0.05, 0.1, 0.5, 0.55, 0.6, 0.9])
    graph = graph_of(np.abs(line[:, None] - line[None]).astype(np.float32))
    builder = ConstraintsBuilder(7)
    builder.must([1, 2, 3, 6])
    found = ConstrainedDbscan(graph, builder.build(), 2)
    assert found.at(0.2).label.tolist() == [0, 0, 0, 1, 1, 1, -1]
    assert found.settled(0.2).label.tolist() == [0, 0, 0, 0, 1, 1, 0]
    assert found.settled(0.2).role[6] == "border"


def test_junk_holds_nothing_together():
    line = np.array([0.0, 0.05, 0.2, 0.35, 0.4])
    graph = graph_of(np.abs(line[:, None] - line[None]).astype(np.float32))
    builder = ConstraintsBuilder(5)
    builder.junk([2])
    assert dbscan(graph, eps=0.16, min_samples=2).count == 1
    assert ConstrainedDbscan(graph, builder.build(), 2).settled(0.16).label.tolist() == [0, 0, -1, 1, 1]


def test_a_cluster_with_two_people_falls_apart_at_its_widest():
    line = np.array([0.0, 0.1, 0.2, 0.35, 0.45, 0.55])
    graph = graph_of(np.abs(line[:, None] - line[None]).astype(np.float32))
    builder = ConstraintsBuilder(6)
    builder.cannot([0], [5])
    found = ConstrainedDbscan(graph, builder.build(), 2).settled(0.2)
    assert found.label.tolist() == [0, 0, 0, 1, 1, 1]


def test_a_mixture_is_looked_at_more_closely():
    line = np.array([0.0, 0.05, 0.1, 0.25, 0.3, 0.35])
    graph = graph_of(np.abs(line[:, None] - line[None]).astype(np.float32))
    builder = ConstraintsBuilder(6)
    assert ConstrainedDbscan(graph, builder.build(), 2).settled(0.2).count == 1
    builder.apart(range(6))
    assert ConstrainedDbscan(graph, builder.build(), 2).settled(0.2).label.tolist() == [0, 0, 0, 1, 1, 1]


def test_numbers_follow_the_first_crop():
    assert numbered(np.array([7, -1, 3, 7, 3])).tolist() == [0, -1, 1, 0, 1]
    assert numbered(np.zeros(0, dtype=np.int64)).tolist() == []
