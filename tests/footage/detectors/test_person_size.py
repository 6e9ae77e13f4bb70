import numpy as np
import pytest

from usvireid.footage.detectors.size import ENOUGH, PersonSize


def people(count: int, rng: np.random.Generator, spread: float = 0.05) -> np.ndarray:
    """Boxes on a ground where the height is 20 + 0.01 x + 0.25 foot."""
    x, foot = rng.uniform(50, 700, count), rng.uniform(150, 550, count)
    height = (20 + 0.01 * x + 0.25 * foot) * rng.normal(1, spread, count)
    return np.column_stack([x - height / 5, foot - height, x + height / 5, foot])


def learnt(boxes: np.ndarray) -> PersonSize:
    size = PersonSize(768, 576)
    for box in boxes:
        size.learn(box[None])
    return size


def test_the_plane_of_heights_is_found() -> None:
    size = learnt(people(200, np.random.default_rng(0)))
    for x, foot in ((100, 200), (600, 300), (300, 500)):
        assert size.height(x, foot) == pytest.approx(20 + 0.01 * x + 0.25 * foot, rel=0.06)


def test_a_third_of_other_things_does_not_bend_it() -> None:
    rng = np.random.default_rng(1)
    boxes = people(200, rng)
    wrong = rng.random(200) < 0.33
    boxes[wrong, 1] = boxes[wrong, 3] - rng.uniform(20, 300, wrong.sum())
    size = learnt(boxes)
    for x, foot in ((100, 250), (600, 300), (300, 450)):
        assert size.height(x, foot) == pytest.approx(20 + 0.01 * x + 0.25 * foot, rel=0.12)


def test_all_at_one_place_gives_one_height() -> None:
    size = learnt(np.tile([100.0, 100.0, 140.0, 200.0], (3 * ENOUGH, 1)))
    assert size.height(120, 200) == pytest.approx(100, rel=0.01)
    assert 50 <= size.height(700, 570) <= 150


def test_who_lingers_does_not_outvote_others() -> None:
    rng = np.random.default_rng(2)
    lingers = np.tile([300.0, 250.0, 340.0, 300.0], (500, 1))
    size = learnt(np.concatenate([people(100, rng), lingers]))
    assert size.height(600, 400) == pytest.approx(20 + 6 + 100, rel=0.1)


def test_nothing_is_known_at_first() -> None:
    size = PersonSize(768, 576)
    assert not size.known
    with pytest.raises(ValueError, match="no size is known"):
        size.height(1, 1)
    size.learn(np.zeros((0, 4)))
    assert not size.known
