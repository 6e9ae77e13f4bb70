"""Pairs that are known without a label."""

import numpy as np
import pytest

from tests.search.galleries import make_world, sums_of
from usvireid.search.free_truth import different_people, known_pairs
from usvireid.search.gallery import make_gallery


def test_tracks_of_a_camera_that_live_at_once_are_two_people() -> None:
    world = make_world(people=20)
    tracklets = world.tracklets
    table = tracklets.crops.table
    life = [
        (table["camera"][rows.start], table["frame"].iloc[rows].min(), table["frame"].iloc[rows].max())
        for rows in map(tracklets.rows, range(len(tracklets)))
    ]
    slow = [
        (one, other)
        for one in range(len(life))
        for other in range(one + 1, len(life))
        if life[one][0] == life[other][0] and life[one][1] <= life[other][2] and life[other][1] <= life[one][2]
    ]
    assert len(slow) > 5
    assert [tuple(pair) for pair in different_people(tracklets, {})] == slow


def test_travel_times_tell_of_pairs_across_the_modalities() -> None:
    tracklets = make_world(people=20).tracklets
    alone = len(different_people(tracklets, {}))
    pairs = different_people(tracklets, {("v0", "i0"): 20.0})
    assert len(pairs) > alone
    camera = tracklets.column("camera")
    assert {frozenset((camera[a], camera[b])) for a, b in pairs.tolist()} >= {frozenset(("v0", "i0"))}


def test_halves_of_a_track_are_scored_against_strangers() -> None:
    world = make_world(people=12)
    gallery, moments = make_gallery(sums_of(world), world.tracklets)
    known = known_pairs(gallery, moments, world.features, world.tracklets, {})
    assert len(known.same) == len(world.tracklets)
    for place in (0, 5, len(gallery) - 1):
        rows = world.tracklets.rows(place)
        modality = world.tracklets.column("modality")[place]
        crops = world.features[rows]
        ends = [gallery.centred(half.sum(axis=0), modality) for half in (crops[:1], crops[1:])]
        side = gallery.sides[known.same_side[place]]
        strangers = np.delete(np.arange(side.start, side.stop), place - side.start)
        total = 0.0
        for end in ends:
            cosines = (gallery.values[strangers] @ end).astype(np.float64)
            total += (float(ends[0] @ ends[1]) - cosines.mean()) / cosines.std() / 2
        assert known.same[place] == pytest.approx(total, abs=1e-3)
    assert np.allclose(known.different, gallery.pair_scores(*known.pairs.T))
    same, different = known.of_kind(0, 0)
    assert len(same) == 24
    assert len(different) == (known.different_sides == 0).all(axis=1).sum()
    assert len(known.of_kind(0, 1)[0]) == 0


def test_without_tracks_nothing_is_known() -> None:
    world = make_world(people=5, crops=1)
    gallery, moments = make_gallery(sums_of(world), world.tracklets)
    known = known_pairs(gallery, moments, world.features, world.tracklets, {})
    assert len(known.same) == 0
    assert known.pairs.shape == (len(known.different), 2)
