"""Who passes which camera when."""

from __future__ import annotations

import numpy as np
import pytest

from usvireid.data.sources.demo.cameras import CAMERAS, VISIBLE_CAMERAS
from usvireid.data.sources.demo.itinerary import STRIDE, in_test, itinerary


@pytest.mark.parametrize("images", [1, 2, 10])
def test_counts_of_crops_and_cameras(images: int) -> None:
    plan = itinerary(0, 60, images, 0.0)
    person, camera, crops = plan.column("person"), plan.column("camera"), plan.column("crops")
    assert crops.min() >= 1 and set(camera) <= set(range(CAMERAS))
    for number in range(60):
        for infrared in (False, True):
            rows = (person == number) & ((camera >= VISIBLE_CAMERAS) == infrared)
            assert 0.75 * images <= crops[rows].sum() <= 1.25 * images + 0.5
            assert len(set(camera[rows])) >= min(2, images)


def test_a_share_of_people_is_seen_in_one_modality_only() -> None:
    plan = itinerary(0, 800, 2, 0.15)
    person, infrared = plan.column("person"), plan.column("camera") >= VISIBLE_CAMERAS
    seen = [set(infrared[person == number]) for number in range(800)]
    assert 0.11 < np.mean([len(modalities) == 1 for modalities in seen]) < 0.19
    assert {True} in seen and {False} in seen
    plan = itinerary(0, 9, 2, 0.0)
    person, infrared = plan.column("person"), plan.column("camera") >= VISIBLE_CAMERAS
    assert all(set(infrared[person == number]) == {True, False} for number in range(9))


def test_some_may_be_exempt_and_the_others_are_the_same_whatever_the_share() -> None:
    exempt = np.arange(60) % 3 == 0
    seen: list[dict[int, set[tuple[int, ...]]]] = []
    for share in (0.0, 0.25, 0.5, 1.0):
        plan = itinerary(0, 60, 3, share, exempt)
        person, infrared = plan.column("person"), plan.column("camera") >= VISIBLE_CAMERAS
        alone = {number for number in range(60) if len(set(infrared[person == number])) == 1}
        assert not alone & set(np.flatnonzero(exempt).tolist())
        assert 20 + 40 * (1 - share) - 12 <= 60 - len(alone) <= 20 + 40 * (1 - share) + 12
        rows = {number: {tuple(row[:5]) for row in plan.rows[person == number].tolist()} for number in range(60)}
        if seen:
            assert all(rows[number] <= seen[-1][number] for number in range(60))
        seen.append(rows)
    assert alone == set(np.flatnonzero(~exempt).tolist())


def test_tracks_are_numbered_by_time_at_each_camera() -> None:
    plan = itinerary(0, 50, 6, 0.15)
    camera, number, first = plan.column("camera"), plan.column("number"), plan.column("first_frame")
    for place in range(CAMERAS):
        rows = np.flatnonzero(camera == place)
        order = rows[np.argsort(number[rows])]
        assert list(number[order]) == list(range(1, len(rows) + 1))
        assert (np.diff(first[order]) >= 0).all()


def test_nobody_is_in_two_places_at_once_but_people_share_frames() -> None:
    plan = itinerary(1, 40, 10, 0.15)
    frames: dict[int, set[int]] = {}
    at: dict[tuple[int, int], set[int]] = {}
    for visit in plan.visits(0, len(plan)):
        for step in range(visit.crops):
            frame = visit.first_frame + STRIDE * step
            assert frame not in frames.setdefault(visit.person, set())
            frames[visit.person].add(frame)
            at.setdefault((visit.camera, frame), set()).add(visit.person)
    assert any(len(people) > 1 for people in at.values())


def test_people_do_not_depend_on_how_many_there_are() -> None:
    few, many = itinerary(0, 5, 4, 0.15), itinerary(0, 9, 4, 0.15)
    assert (few.rows[:, :5] == many.rows[: len(few), :5]).all()


@pytest.mark.parametrize(("people", "share", "expected"), [(10, 0.3, 3), (10, 0.0, 0), (10, 1.0, 10), (3, 0.5, 2)])
def test_share_of_test_people(people: int, share: float, expected: int) -> None:
    chosen = in_test(0, people, share)
    assert chosen.sum() == expected
    assert (chosen == in_test(0, people, share)).all()
