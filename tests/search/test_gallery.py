"""Standard scores against the plain loops that they stand for."""

import numpy as np
import pytest

from tests.search.galleries import World, make_world, sums_of, unit_rows
from usvireid.search.gallery import Gallery, make_gallery, unit
from usvireid.search.moments import LEAST_SPREAD, Moments


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(people=15)


@pytest.fixture(scope="module")
def gallery(world: World) -> Gallery:
    return make_gallery(sums_of(world), world.tracklets)[0]


def slow_score(gallery: Gallery, one: int, other: int) -> float:
    """Both ends against the others of the other end's side, the ends themselves left out."""
    cosines = gallery.values @ gallery.values.T
    total = 0.0
    for a, b in ((one, other), (other, one)):
        side = next(part for part in gallery.sides if part.start <= b < part.stop)
        strangers = [t for t in range(side.start, side.stop) if t != a]
        known = cosines[a, strangers].astype(np.float64)
        total += (cosines[a, b] - known.mean()) / known.std()
    return total / 2


def test_pairs_are_scored_as_by_loops(gallery: Gallery) -> None:
    random = np.random.default_rng(0)
    ones, others = random.integers(0, len(gallery), (2, 40))
    keep = ones != others
    found = gallery.pair_scores(ones[keep], others[keep])
    slow = [slow_score(gallery, int(a), int(b)) for a, b in zip(ones[keep], others[keep], strict=True)]
    assert np.allclose(found, slow, atol=2e-4)
    assert np.allclose(found, gallery.pair_scores(others[keep], ones[keep]), atol=1e-5)


def test_a_query_of_the_gallery_scores_as_the_pairs_do(world: World, gallery: Gallery) -> None:
    for own in (0, len(gallery) - 1):
        modality = world.tracklets.column("modality")[own]
        value = gallery.centred(sums_of(world)[own], modality)
        assert np.allclose(value, gallery.values[own], atol=1e-6)
        scores = gallery.standard_scores(gallery.similarities(value), modality, own)
        others = np.delete(np.arange(len(gallery)), own)
        assert np.allclose(scores[others], gallery.pair_scores(np.full(len(others), own), others), atol=2e-4)


def test_rows_are_unit_and_centred(gallery: Gallery) -> None:
    assert gallery.values.dtype == np.float32
    assert np.allclose(np.linalg.norm(gallery.values, axis=1), 1, atol=1e-5)
    assert gallery.sides[0].stop == gallery.sides[1].start == 30
    assert gallery.side_of(np.array([0, 29, 30])).tolist() == [0, 0, 1]


def test_moments_are_those_of_the_loop() -> None:
    random = np.random.default_rng(3)
    rows, values = (unit_rows(random.standard_normal((count, 6))) for count in (4, 9))
    values[0] = rows[1]
    own = np.array([np.nan, 1.0, np.nan, np.nan], dtype=np.float32)
    mean, spread = Moments.of(values).seen_from(rows, own)
    for place, row in enumerate(rows):
        cosines = (values if place != 1 else values[1:]) @ row
        assert mean[place] == pytest.approx(cosines.mean(), abs=1e-5)
        assert spread[place] == pytest.approx(cosines.std(), abs=1e-4)


def test_nobody_to_compare_with_is_no_division_by_zero() -> None:
    none = Moments.of(np.zeros((0, 3), dtype=np.float32))
    mean, spread = none.seen_from(np.eye(3, dtype=np.float32), np.full(3, np.nan, dtype=np.float32))
    assert (mean == 0).all()
    assert (spread == 1).all()
    equal = Moments.of(np.ones((5, 1), dtype=np.float32))
    assert equal.seen_from(np.ones((1, 1), np.float32), np.array([np.nan], np.float32))[1][0] == np.float32(
        LEAST_SPREAD
    )


def test_a_single_tracklet_of_each_modality_can_be_searched() -> None:
    world = make_world(people=1, seen=1)
    gallery, _ = make_gallery(sums_of(world), world.tracklets)
    value = gallery.centred(world.features[0], "visible")
    assert np.isfinite(gallery.standard_scores(gallery.similarities(value), "visible", None)).all()
    assert np.isfinite(gallery.standard_scores(gallery.similarities(value), "visible", 0)).all()


def test_unit_keeps_zero() -> None:
    assert unit(np.zeros((2, 3), np.float32)).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_strangers_score_alike_within_and_across_modalities() -> None:
    world = make_world(people=80)
    gallery, _ = make_gallery(sums_of(world), world.tracklets)
    ones, others = np.triu_indices(len(gallery), 1)
    strangers = world.person[ones] != world.person[others]
    scores, sides = gallery.pair_scores(ones, others), (gallery.side_of(ones), gallery.side_of(others))
    for kind in ((0, 0), (1, 1), (0, 1)):
        of_kind = scores[strangers & (sides[0] == kind[0]) & (sides[1] == kind[1])]
        assert abs(of_kind.mean()) < 0.1
        assert 0.85 < of_kind.std() < 1.1
