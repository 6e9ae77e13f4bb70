"""The vectorised measures against loops that follow the definitions word by word."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usvireid.evaluation import metrics
from usvireid.evaluation.metrics import QueryScores, cosine_distances, score_blocks, score_distances


def slow_scores(distances, query_identity, gallery_identity, dropped, collapse):
    """First hit, AP and INP of every query, by loops."""
    result = []
    for q, identity in enumerate(query_identity):
        kept = [g for g in range(len(gallery_identity)) if not dropped[q, g]]
        ranked = [gallery_identity[g] for g in sorted(kept, key=lambda g: (distances[q, g], g))]
        positions = [place for place, found in enumerate(ranked, start=1) if found == identity]
        if not positions:
            result.append((0, 0.0, 0.0))
            continue
        names_in_order = list(dict.fromkeys(ranked)) if collapse else ranked
        first = names_in_order.index(identity) + 1
        precision = [nth / place for nth, place in enumerate(positions, start=1)]
        result.append((first, sum(precision) / len(precision), len(positions) / positions[-1]))
    return result


def assert_equal_scores(scores: QueryScores, expected) -> None:
    first, precision, penalty = (np.array(column) for column in zip(*expected, strict=True))
    np.testing.assert_array_equal(scores.first_hit, first)
    np.testing.assert_allclose(scores.average_precision, precision, rtol=1e-12)
    np.testing.assert_allclose(scores.inverse_penalty, penalty, rtol=1e-12)


def of_one_ranking(gallery_identity, query_identity, dropped=None, collapse=False) -> QueryScores:
    """Scores of a single query whose gallery stands in ranked order already."""
    size = len(gallery_identity)
    return score_distances(
        np.arange(size, dtype=np.float32)[None],
        np.array([query_identity]),
        np.array(gallery_identity),
        dropped=None if dropped is None else np.array([dropped]),
        collapse=collapse,
    )


class TestHandVectors:
    # The gallery of SYSU-MM01's protocol as (identity, camera), nearest first; the query is identity 5.
    ranked = ((5, 2), (7, 1), (5, 1), (7, 4), (5, 4), (9, 1))
    identities = tuple(identity for identity, _ in ranked)

    def test_query_of_camera_3_does_not_see_camera_2(self):
        dropped = [camera == 2 for _, camera in self.ranked]
        scores = of_one_ranking(self.identities, 5, dropped, collapse=True)
        assert scores.cmc((1, 2, 3)) == [0, 1, 1]
        assert scores.mean_average_precision() == (1 / 2 + 2 / 4) / 2 == 0.5
        assert scores.mean_inverse_penalty() == 2 / 4

    def test_query_of_camera_6_sees_everything(self):
        scores = of_one_ranking(self.identities, 5, collapse=True)
        assert scores.cmc((1, 2, 3)) == [1, 1, 1]
        assert scores.mean_average_precision() == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)
        assert round(scores.mean_average_precision(), 4) == 0.7556
        assert scores.mean_inverse_penalty() == 3 / 5

    def test_collapsed_ranks_count_identities_and_plain_ranks_count_images(self):
        collapsed = of_one_ranking((7, 7, 5), 5, collapse=True)
        plain = of_one_ranking((7, 7, 5), 5)
        assert collapsed.first_hit[0] == 2 and plain.first_hit[0] == 3
        for scores in (collapsed, plain):
            assert scores.mean_average_precision() == pytest.approx(1 / 3)
            assert scores.mean_inverse_penalty() == pytest.approx(1 / 3)

    def test_absent_identity_counts_in_no_mean_and_no_divisor(self):
        distances = np.array([[0.1, 0.2], [0.1, 0.2]])
        scores = score_distances(distances, np.array([1, 8]), np.array([1, 2]))
        assert scores.scored.tolist() == [True, False]
        assert scores.cmc((1,)) == [1.0]
        assert scores.mean_average_precision() == scores.mean_inverse_penalty() == 1.0


@settings(max_examples=150, deadline=None)
@given(
    queries=st.integers(0, 7),
    gallery=st.integers(0, 12),
    identities=st.integers(1, 5),
    levels=st.integers(1, 9),
    drop=st.sampled_from([0.0, 0.3, 0.95]),
    collapse=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_equals_the_loops(queries, gallery, identities, levels, drop, collapse, seed):
    """Few distance levels make ties the rule; negative distances, zeros of both signs and infinity occur."""
    rng = np.random.default_rng(seed)
    palette = np.concatenate([[-0.0, 0.0, np.inf, -np.inf], rng.normal(size=levels)]).astype(np.float32)
    distances = rng.choice(palette, size=(queries, gallery))
    query_identity, gallery_identity = rng.integers(identities, size=queries), rng.integers(identities, size=gallery)
    dropped = rng.random((queries, gallery)) < drop
    scores = score_distances(distances, query_identity, gallery_identity, dropped=dropped, collapse=collapse)
    expected = slow_scores(distances, query_identity, gallery_identity, dropped, collapse)
    assert len(scores) == queries
    if queries:
        assert_equal_scores(scores, expected)


@pytest.mark.parametrize("collapse", [False, True])
def test_blocks_change_nothing(collapse, monkeypatch):
    rng = np.random.default_rng(3)
    distances = rng.integers(6, size=(23, 31)).astype(np.float32)
    query_identity, gallery_identity = rng.integers(4, size=23), rng.integers(4, size=31)
    dropped = rng.random(distances.shape) < 0.2
    expected = slow_scores(distances, query_identity, gallery_identity, dropped, collapse)
    for cells in (1, 31, 100, 10_000):
        monkeypatch.setattr(metrics, "_BLOCK_CELLS", cells)
        scores = score_distances(distances, query_identity, gallery_identity, dropped=dropped, collapse=collapse)
        assert_equal_scores(scores, expected)


def test_features_rank_by_cosine_similarity():
    rng = np.random.default_rng(4)
    query, gallery = (
        (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        for rows in (rng.normal(size=(9, 6)), rng.normal(size=(40, 6)))
    )
    query_identity, gallery_identity = rng.integers(5, size=9), rng.integers(5, size=40)
    dropped = rng.random((9, 40)) < 0.3
    scores = score_blocks(
        cosine_distances(query, gallery), query_identity, gallery_identity, dropped=lambda rows: dropped[rows]
    )
    distances = 1 - query.astype(np.float64) @ gallery.T.astype(np.float64)
    assert_equal_scores(scores, slow_scores(distances, query_identity, gallery_identity, dropped, collapse=False))


def test_equal_distances_stand_in_gallery_order():
    flat = np.zeros((1, 3), dtype=np.float32)
    assert score_distances(flat, np.array([1]), np.array([2, 2, 1])).first_hit[0] == 3
    assert score_distances(flat, np.array([1]), np.array([1, 2, 2])).first_hit[0] == 1


def test_identity_numbers_may_be_large():
    scores = of_one_ranking((10**12, 7, 10**12 + 1), 10**12 + 1, collapse=True)
    assert scores.first_hit[0] == 3


def test_nothing_scored_has_no_mean():
    for gallery in ((), (2, 3)):
        scores = of_one_ranking(gallery, 1)
        assert scores.cmc((1, 5)) is None
        assert scores.mean_average_precision() is None and scores.mean_inverse_penalty() is None


@pytest.mark.parametrize(
    ("distances", "identity", "dropped", "message"),
    [
        (np.zeros((1, 3)), 1, None, "1 x 2"),
        (np.zeros((1, 2)), 1, np.zeros((1, 3), dtype=bool), "1 x 2"),
        (np.array([[0.0, np.nan]]), 1, None, "not a number"),
        (np.zeros((1, 2)), -1, None, "0 or more"),
    ],
)
def test_refuses_what_cannot_be_ranked(distances, identity, dropped, message):
    with pytest.raises(ValueError, match=message):
        score_distances(distances, np.array([identity]), np.array([1, 2]), dropped=dropped)
