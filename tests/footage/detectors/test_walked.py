import numpy as np

from usvireid.footage.detectors.walked import GONE, Walked


def box(x: float, y: float, height: float = 80.0) -> np.ndarray:
    return np.array([[x, y, x + 30, y + height]])


def test_who_moves_has_walked_and_keeps_it_when_standing() -> None:
    walked = Walked()
    seen = [bool(walked.update(box(5.0 * i, 10), i / 10)[0]) for i in range(8)]
    assert seen == [False] * 4 + [True] * 4
    assert all(walked.update(box(35, 10), 0.8 + i / 10)[0] for i in range(20))


def test_what_flickers_or_grows_in_place_has_not() -> None:
    walked = Walked()
    for i in range(30):
        assert not walked.update(box(50 + i % 3, 40, 60 + 20 * (i % 2)), i / 10)[0]


def test_what_was_gone_begins_anew() -> None:
    walked = Walked()
    for i in range(8):
        walked.update(box(5.0 * i, 10), i / 10)
    assert walked.update(box(37, 10), 0.7 + GONE / 2)[0]
    assert not walked.update(box(37, 10), 0.7 + 3 * GONE)[0]
    assert walked.update(np.zeros((0, 4)), 9.0).tolist() == []
