import numpy as np

from usvireid.footage.frames import Frame
from usvireid.footage.tracking import Tracked
from usvireid.footage.tracklets import AWAY, TWO, Numbered, Tracklets, covered_shares

IMAGE = np.zeros((4, 4, 3), np.uint8)


def person(track: int, x: float) -> Tracked:
    return Tracked(track, np.array([x, 20, x + 20, 80], np.float32), 0.9)


def shown(tracklets: Tracklets, time: float, *people: Tracked) -> list[tuple[int, bool]]:
    return [(one.tracklet, one.alone) for one in tracklets.number(Frame(0, time, IMAGE), list(people))]


def test_one_alone_is_one_tracklet() -> None:
    tracklets = Tracklets()
    assert all(shown(tracklets, i / 10, person(5, 10 + i)) == [(0, True)] for i in range(50))
    assert tracklets.number(Frame(0, 9.0, IMAGE), []) == []


def test_who_was_away_is_another() -> None:
    tracklets = Tracklets()
    shown(tracklets, 0.0, person(5, 10))
    assert shown(tracklets, AWAY * 0.9, person(5, 12)) == [(0, True)]
    assert shown(tracklets, AWAY * 2.1, person(5, 14)) == [(1, True)]


def test_two_who_cross_go_on_as_others() -> None:
    tracklets = Tracklets()
    found = [shown(tracklets, i / 10, person(0, 10 + 5 * i), person(1, 90 - 5 * i)) for i in range(17)]
    assert found[0] == [(0, True), (1, True)]
    assert found[8] == [(0, True), (1, True)]  # on top of each other, doubtful until they part
    assert found[-1] == [(2, True), (3, True)]
    assert [numbers[0][0] for numbers in found] == sorted(numbers[0][0] for numbers in found)


def test_who_passes_by_stays_himself() -> None:
    tracklets = Tracklets()
    for i in range(10):
        assert shown(tracklets, i / 10, person(0, 10 + i), person(1, 40 - i / 2)) == [(0, True), (1, True)]


def test_a_blob_that_took_someone_in_may_hold_two_until_he_comes_out() -> None:
    tracklets = Tracklets()
    shown(tracklets, 0.0, person(0, 10), person(1, 27))
    assert shown(tracklets, 0.1, person(0, 12)) == [(2, False)]
    assert shown(tracklets, 0.2, person(0, 14)) == [(2, False)]
    apart = shown(tracklets, 0.3, person(0, 14), person(1, 31))
    assert apart == [(3, True), (4, True)]


def test_who_never_comes_out_is_forgotten() -> None:
    tracklets = Tracklets()
    shown(tracklets, 0.0, person(0, 10), person(1, 27))
    assert shown(tracklets, 0.1, person(0, 12)) == [(2, False)]
    times = np.arange(0.2, 0.2 + 2 * TWO, 0.1)
    assert shown(tracklets, float(times[0]), person(0, 12)) == [(2, False)]
    last = [shown(tracklets, float(time), person(0, 12)) for time in times[1:]][-1]
    assert last == [(2, True)]


def test_someone_new_who_appears_at_a_box_puts_it_in_doubt() -> None:
    tracklets = Tracklets()
    for i in range(5):
        shown(tracklets, i / 10, person(0, 10))
    assert shown(tracklets, 0.5, person(0, 10), person(1, 27)) == [(1, True), (2, True)]
    assert Numbered(1, True) == Numbered(1, True)


def test_covered_shares_are_those_of_plain_loops() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 50, (12, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(1, 40, (12, 2))], axis=1)
    for i, a in enumerate(boxes):
        for j, b in enumerate(boxes[:7]):
            across = max(min(a[2], b[2]) - max(a[0], b[0]), 0)
            along = max(min(a[3], b[3]) - max(a[1], b[1]), 0)
            share = across * along / ((a[2] - a[0]) * (a[3] - a[1]))
            assert np.isclose(covered_shares(boxes, boxes[:7])[i, j], share)
    assert covered_shares(boxes[:0], boxes).shape == (0, 12)
