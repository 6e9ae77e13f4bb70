import numpy as np
import pytest

pytest.importorskip("cv2", reason="OpenCV is not installed (the extra video)")

import cv2

from usvireid.footage import choose
from usvireid.footage.choose import Chooser, Choosing
from usvireid.footage.crop_quality import look_of, quality_of
from usvireid.footage.frames import Frame
from usvireid.footage.tracking import Tracked

RNG = np.random.default_rng(0)
PICTURE = cv2.resize(RNG.integers(0, 255, (50, 80, 3), dtype=np.uint8), (320, 200), interpolation=cv2.INTER_NEAREST)


def frame(number: int, image: np.ndarray = PICTURE) -> Frame:
    return Frame(number, number / 10, image)


def person(x: float, track: int = 0, top: float = 50, height: float = 80, score: float = 0.9) -> Tracked:
    return Tracked(track, np.array([x, top, x + height / 2.5, top + height], np.float32), score)


def test_a_few_different_crops_of_a_track() -> None:
    chooser = Chooser(Choosing(crops=3))
    for i in range(50):
        chooser.add(frame(i), [person(10 + 4 * i)])
    (track,) = chooser.close()
    assert (track.track, track.first_frame, track.last_frame) == (0, 0, 49)
    assert len(track.crops) == 3
    frames = [crop.frame for crop in track.crops]
    assert frames == sorted(frames)
    assert min(np.diff(frames)) >= 3
    assert sum(chooser.dropped.values()) + 3 == 50
    assert chooser.dropped[choose.ALIKE] == 47
    assert chooser.close() == []


def test_a_crop_is_what_its_box_cuts_out() -> None:
    chooser = Chooser(Choosing(margin=0.1))
    for i in range(10):
        chooser.add(frame(i), [person(100.4)])
    for crop in chooser.close()[0].crops:
        left, top, right, bottom = crop.box.astype(int)
        assert (left, top, right, bottom) == (92, 42, 141, 138)
        assert (crop.image == PICTURE[top:bottom, left:right]).all()
        assert not np.shares_memory(crop.image, PICTURE)
        assert 0 < crop.quality < 1
        assert crop.time == crop.frame / 10


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        (person(100, height=40), choose.SMALL),
        (person(-5), choose.CUT),
        (person(100, top=130), choose.CUT),
        (Tracked(0, np.array([50, 50, 130, 110], np.float32), 0.9), choose.SHAPE),
        (Tracked(0, np.array([50, 50, 66.5, 140], np.float32), 0.9), choose.SHAPE),
    ],
)
def test_what_is_dropped_is_counted_by_its_reason(box: Tracked, reason: str) -> None:
    chooser = Chooser()
    for i in range(10):
        chooser.add(frame(i), [box])
    assert chooser.close() == []
    assert chooser.dropped == {one: 10 * (one == reason) for one in choose.REASONS}


def test_short_tracks_give_none() -> None:
    chooser = Chooser()
    for i in range(4):
        chooser.add(frame(i), [person(100)])
    assert chooser.close() == []
    assert chooser.dropped[choose.SHORT] + chooser.dropped[choose.ALIKE] == 4


def test_who_is_overlapped_gives_no_crop() -> None:
    chooser = Chooser()
    for i in range(10):
        chooser.add(frame(i), [person(100), person(120, track=1)])
    assert chooser.close() == []
    assert chooser.dropped[choose.OVERLAPPED] == 20


def test_a_blob_that_took_someone_in_gives_no_crop() -> None:
    chooser = Chooser()
    for i in range(10):
        chooser.add(frame(i), [person(100 + i), person(150 - 1.5 * i, track=1)])
    for i in range(10, 20):
        chooser.add(frame(i), [person(110)])
    tracks = chooser.close()
    assert all(crop.frame < 10 for track in tracks for crop in track.crops)
    assert chooser.dropped[choose.TWO] == 10


def test_blurred_crops_of_a_track_are_dropped() -> None:
    blurred = cv2.GaussianBlur(PICTURE, (0, 0), 5)
    chooser = Chooser(Choosing(crops=12, spacing=0.05))
    for i in range(12):
        chooser.add(frame(i, blurred if i % 4 == 0 else PICTURE), [person(100)])
    (track,) = chooser.close()
    assert chooser.dropped[choose.BLURRED] == 3
    assert all(crop.frame % 4 for crop in track.crops)


def test_ended_tracks_are_handed_over_while_the_video_goes_on() -> None:
    chooser = Chooser()
    handed = []
    for i in range(120):
        tracked = [person(20 + 2 * i, track=0)] if i < 30 else []
        chooser.add(frame(i), [*tracked, person(200, track=1, top=30)])
        handed += [(i, track.track) for track in chooser.finished()]
    assert [track for _, track in handed] == [0]
    assert 60 < handed[0][0] < 80
    assert [track.track for track in chooser.close()] == [1]


def test_memory_holds_a_few_candidates_a_track() -> None:
    chooser = Chooser(Choosing(crops=4))
    for i in range(2000):
        chooser.add(frame(i), [person(100 + 50 * np.sin(i / 10))])
    assert max(len(life.candidates) for life in chooser._lives.values()) <= 12
    assert sum(chooser.dropped.values()) + sum(len(life.candidates) for life in chooser._lives.values()) == 2000


def test_every_box_is_a_crop_or_counted() -> None:
    rng = np.random.default_rng(4)
    for seed in range(5):
        chooser, given, kept = Chooser(Choosing(crops=seed + 1)), 0, 0
        for i in range(150):
            tracked = [
                person(
                    float(rng.uniform(-20, 300)),
                    track=t,
                    height=float(rng.uniform(30, 120)),
                    top=float(rng.uniform(0, 90)),
                )
                for t in range(4)
                if rng.random() < 0.8
            ]
            given += len(tracked)
            chooser.add(frame(i), tracked)
            kept += sum(len(track.crops) for track in chooser.finished())
        tracks = chooser.close()
        kept += sum(len(track.crops) for track in tracks)
        assert kept + sum(chooser.dropped.values()) == given
        assert all(len(track.crops) <= seed + 1 for track in tracks)


def test_the_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="at least one crop"):
        Choosing(crops=0)


def test_sharp_large_sure_and_alone_is_better() -> None:
    sharp = PICTURE[50:130, 100:132]
    soft = cv2.GaussianBlur(sharp, (0, 0), 3)
    best, sharpness = quality_of(sharp, 0.9, 0.0)
    assert quality_of(soft, 0.9, 0.0)[0] < best
    assert quality_of(soft, 0.9, 0.0)[1] < sharpness / 2
    assert quality_of(sharp[::2, ::2], 0.9, 0.0)[0] < best
    assert quality_of(sharp, 0.4, 0.0)[0] < best
    assert quality_of(sharp, 0.9, 0.5)[0] < best
    assert 0 < quality_of(np.zeros((50, 20, 3), np.uint8), 0.0, 1.0)[0] < 1


def test_contrast_is_no_sharpness() -> None:
    sharp = PICTURE[50:130, 100:132]
    dull = (sharp.astype(float) * 0.4 + 60).astype(np.uint8)
    assert quality_of(dull, 0.9, 0.0)[1] == pytest.approx(quality_of(sharp, 0.9, 0.0)[1], rel=0.05)
    assert np.linalg.norm(look_of(sharp) - look_of(dull)) > np.linalg.norm(look_of(sharp) - look_of(sharp))
