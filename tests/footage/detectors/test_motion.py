import numpy as np
import pytest

from tests.footage.drawn import SIZE, put, reached, sequence, wall
from usvireid.footage.detectors.motion import Motion
from usvireid.footage.frames import Frame

# First frame, first x, pixels a frame, foot, height: one after the other, so that sizes can be learnt, then together.
WAYS = [(5, 5, 5, 190, 90), (45, 315, -5, 220, 105), (80, 5, 5, 200, 95), (90, 315, -4, 230, 110)]


@pytest.mark.parametrize("value", [225, 10])
def test_people_are_found_whatever_the_polarity(value: float) -> None:
    recall, precision = reached(Motion(), sequence(130, WAYS, value), begin=8)
    assert recall > 0.8
    assert precision > 0.85


def test_the_camera_shakes() -> None:
    rng = np.random.default_rng(3)
    jumps = rng.integers(-3, 4, (200, 2))
    shown = list(sequence(130, WAYS, change=lambda canvas, i: np.roll(canvas, jumps[i], (0, 1))))
    moved = [(frame, boxes + np.tile(jumps[frame.number][::-1], 2)) for frame, boxes in shown]
    recall, precision = reached(Motion(), iter(moved), begin=20)
    assert recall > 0.75
    assert precision > 0.75


def test_a_clock_in_the_picture_begins_no_track() -> None:
    seconds = np.random.default_rng(5).integers(0, 2, (20, 3, 8))

    def with_clock(canvas: np.ndarray, frame: int) -> np.ndarray:
        digits = np.kron(seconds[frame // 10], np.ones((8, 5)))
        canvas[8:32, 10:50] = np.where(digits > 0, 255, 0)
        return canvas

    detector = Motion()
    for frame, _ in sequence(120, [], change=with_clock):
        found = detector.detect(frame)
        assert not (found.scores >= 0.5).any()
    recall, precision = reached(Motion(), sequence(130, WAYS, change=with_clock), begin=8)
    assert recall > 0.8
    assert precision > 0.85


def test_the_exposure_changes_slowly_and_at_once() -> None:
    def dimmed(canvas: np.ndarray, frame: int) -> np.ndarray:
        gain = 1 - 0.3 * min(frame / 60, 1.0)
        return (canvas * gain + (20 if frame >= 70 else 0)).clip(0, 255)

    recall, precision = reached(Motion(), sequence(130, WAYS, change=dimmed), begin=8)
    assert recall > 0.75
    assert precision > 0.8


def test_another_scene_is_learnt_anew() -> None:
    first = [frame for frame, _ in sequence(30, WAYS)]
    second = list(sequence(130, WAYS, seed=9))
    detector = Motion()
    for frame in first:
        detector.detect(frame)
    shown = ((Frame(frame.number + 30, frame.time + 3, frame.image), boxes) for frame, boxes in second)
    recall, _ = reached(detector, shown, begin=30 + 20)
    assert recall > 0.75


def test_two_who_walk_side_by_side_are_two() -> None:
    alone = [(5, 5, 5, 190, 90), (45, 315, -5, 230, 110), (85, 5, 5, 210, 100)]
    pair = [(130, 5, 5, 200, 95), (130, 35, 5, 204, 97)]
    recall, precision = reached(Motion(), sequence(180, alone + pair), begin=140)
    assert recall > 0.7
    assert precision > 0.7


def test_who_was_there_at_first_leaves_no_ghost() -> None:
    rng = np.random.default_rng(1)
    detector = Motion()
    ghosts = 0
    for number in range(60):
        canvas = wall()
        x = 160 + 8 * max(number - 5, 0)
        if x < SIZE[1] - 30:
            put(canvas, x, 200, 95, 220)
        picture = np.clip(canvas + rng.normal(0, 2, SIZE), 0, 255).astype(np.uint8)
        found = detector.detect(Frame(number, number / 10, np.repeat(picture[..., None], 3, axis=2)))
        if number > 22:
            ghosts += int((found.scores >= 0.5).sum())
    assert ghosts == 0


def test_large_frames_give_boxes_in_their_own_pixels() -> None:
    detector = Motion()
    heights = []
    for frame, _ in sequence(60, [(5, 5, 5, 190, 90)]):
        big = np.repeat(np.repeat(frame.image, 4, axis=0), 4, axis=1)
        heights += [box[3] - box[1] for box in detector.detect(Frame(frame.number, frame.time, big)).boxes]
    assert 300 < np.median(heights) < 400


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (20, 20), (64, 2), (1, 2000)])
def test_tiny_frames_have_nobody(shape: tuple[int, int]) -> None:
    detector = Motion()
    for number in range(4):
        image = np.full((*shape, 3), 40 * number, np.uint8)
        assert len(detector.detect(Frame(number, number / 10, image))) == 0


def test_the_same_video_gives_the_same_boxes() -> None:
    def run() -> list[np.ndarray]:
        detector = Motion()
        return [detector.detect(frame).boxes for frame, _ in sequence(70, WAYS)]

    assert all((a == b).all() for a, b in zip(run(), run(), strict=True))
