import warnings

import numpy as np
import pytest

pytest.importorskip("trackers", reason="trackers is not installed (the extra video)")

from usvireid.footage.detectors.detector import Detections
from usvireid.footage.frames import Frame
from usvireid.footage.tracking import LOST_AFTER, make_tracker

IMAGE = np.zeros((100, 200, 3), np.uint8)


def frame(number: int, time: float | None = None) -> Frame:
    return Frame(number, number / 10 if time is None else time, IMAGE)


def detections(*boxes: tuple[float, ...], score: float = 0.9) -> Detections:
    return Detections(np.array(boxes, np.float32).reshape(-1, 4), np.full(len(boxes), score, np.float32))


def person(x: float) -> tuple[float, ...]:
    return x, 20, x + 20, 80


def two_cross(count: int = 30) -> list[Detections]:
    return [detections(person(10 + 4 * i), (150 - 4.0 * i, 30, 172 - 4.0 * i, 95)) for i in range(count)]


def run(shown: list[Detections], rate: float = 10.0) -> list[list[tuple[int, tuple[float, ...]]]]:
    tracker = make_tracker(rate)
    return [
        [(one.track, tuple(one.box.tolist())) for one in tracker.update(frame(i), found)]
        for i, found in enumerate(shown)
    ]


def test_people_keep_their_numbers() -> None:
    tracks = run([detections(person(10 + 3 * i), person(120 - 3 * i)) for i in range(12)])
    assert tracks[0] == []  # one box is no track yet
    for i, listed in enumerate(tracks[1:], start=1):
        assert listed == [(0, person(10.0 + 3 * i)), (1, person(120.0 - 3 * i))]


def test_two_videos_in_one_process_give_the_tracks_of_each_alone() -> None:
    alone = run(two_cross())
    first, second = make_tracker(10.0), make_tracker(10.0)
    for i, found in enumerate(two_cross()):
        a, b = first.update(frame(i), found), second.update(frame(i), found)
        assert [(one.track, tuple(one.box.tolist())) for one in a] == alone[i]
        assert [(one.track, tuple(one.box.tolist())) for one in b] == alone[i]
    assert run(two_cross()) == alone


def test_who_is_hidden_shortly_keeps_his_number_and_who_stays_away_does_not() -> None:
    def hidden(missing: int) -> list[int]:
        shown = [detections(person(20 + 2 * i)) for i in range(10)] + [Detections.none()] * missing
        shown += [detections(person(20 + 2 * i)) for i in range(10 + missing, 20 + missing)]
        return sorted({track for listed in run(shown) for track, _ in listed})

    assert hidden(8) == [0]
    assert hidden(round(10 * LOST_AFTER) + 5) == [0, 1]


def test_weak_boxes_continue_tracks_and_begin_none() -> None:
    assert run([detections(person(20 + i), score=0.3) for i in range(10)]) == [[]] * 10
    shown = [detections(person(20 + i), score=0.9 if i < 5 else 0.3) for i in range(10)]
    assert all(listed == [(0, person(20.0 + i))] for i, listed in enumerate(run(shown)) if i)


def test_frames_without_anybody_and_time_that_stands_still() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tracker = make_tracker(25.0)
        assert tracker.update(frame(0, 0.0), Detections.none()) == []
        for i in range(6):
            tracked = tracker.update(frame(i + 1, 0.04 * (i // 2)), detections(person(20 + i)))
        assert [one.track for one in tracked] == [0]
        assert tracker.update(frame(9, 5.0), Detections.none()) == []


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_frame_rate_is_a_positive_number(rate: float) -> None:
    with pytest.raises(ValueError, match="frame rate"):
        make_tracker(rate)


def test_low_frame_rates_are_fine() -> None:
    tracks = run([detections(person(10 + 12 * i)) for i in range(8)], rate=2.0)
    assert {track for listed in tracks for track, _ in listed} == {0}
