import random

import pytest

from usvireid.evaluation.searches.draws import seeded_draw

GROUPS = {("a", "1"): [4, 8, 15], ("a", "2"): [16], ("b", "1"): [23, 42], ("c", "9"): list(range(50, 70))}


@pytest.mark.parametrize("trial", range(5))
def test_is_what_the_published_loops_draw(trial):
    random.seed(trial)
    expected = [random.choice(group) for group in GROUPS.values()]
    assert seeded_draw(GROUPS, trial).tolist() == expected


def test_never_changes():
    assert [seeded_draw(GROUPS, trial).tolist() for trial in (0, 9)] == [[8, 16, 23, 58], [8, 16, 42, 54]]


def test_several_images_of_a_group_are_different_and_a_small_group_is_taken_whole():
    drawn = seeded_draw(GROUPS, 1, shots=10).tolist()
    assert sorted(drawn[:3]) == [4, 8, 15] and drawn[3] == 16 and sorted(drawn[4:6]) == [23, 42]
    assert len(drawn) == 16 and len(set(drawn)) == 16


def test_draws_leave_the_global_generator_alone():
    random.seed(3)
    before = random.getstate()
    seeded_draw(GROUPS, 0, shots=10)
    assert random.getstate() == before


def test_no_group_gives_no_gallery():
    assert seeded_draw({}, 0).tolist() == seeded_draw({}, 0, shots=10).tolist() == []
