"""How probable it is that strangers are as alike as a link."""

import math

import numpy as np
import pytest

from tests.matching.test_matchers import sides
from usvireid.errors import UsageError
from usvireid.matching.match import Match
from usvireid.matching.matchers import match_clusters
from usvireid.matching.strangers import stranger_chance


def slow_end(similarity, links, row, column):
    """The chance as one row sees its link, by loops."""
    others = [float(similarity[row, other]) for other in range(similarity.shape[1]) if (row, other) not in links]
    if len(others) < 3:
        return 0.0
    mean = sum(others) / len(others)
    deviation = math.sqrt(sum((other - mean) ** 2 for other in others) / len(others))
    below = 0.5 * math.erfc(-(float(similarity[row, column]) - mean) / deviation / math.sqrt(2))
    return 1 - below ** (len(others) + 1)


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (1, 6), (7, 12), (30, 9)])
def test_equals_the_loops(shape):
    rng = np.random.default_rng(sum(shape))
    similarity = rng.standard_normal(shape).astype(np.float32)
    # Stars: every row once, hanging on a few columns.
    links = [(row, int(column)) for row, column in enumerate(rng.integers(0, max(1, shape[1] // 3), shape[0]))]
    rows, columns = (np.array(end, dtype=np.int64) for end in zip(*links, strict=True))
    found = stranger_chance(similarity, rows, columns)
    turned = {(column, row) for row, column in links}
    for value, (row, column) in zip(found, links, strict=True):
        forward = slow_end(similarity, set(links), row, column)
        reverse = slow_end(similarity.T, turned, column, row)
        assert value == pytest.approx(math.sqrt(forward * reverse), abs=1e-5)
    assert found.dtype == np.float32


def test_no_links_and_no_clusters():
    nothing = np.zeros(0, dtype=np.int64)
    assert len(stranger_chance(np.zeros((3, 4), dtype=np.float32), nothing, nothing)) == 0
    assert len(stranger_chance(np.zeros((0, 0), dtype=np.float32), nothing, nothing)) == 0


def test_equal_similarities_prove_nothing_and_a_single_better_one_everything():
    similarity = np.zeros((5, 5), dtype=np.float32)
    similarity[0, 0] = 1
    found = stranger_chance(similarity, np.array([0, 1]), np.array([0, 1]))
    assert found.tolist() == [0, 1]


def test_strangers_come_below_a_chance_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        # All rows are alike, so both ends of a link would have to say the same; the columns see equals and say 1.
        row = rng.standard_normal(40).astype(np.float32)
        column = np.array([row.argmax()])
        found.append(float(stranger_chance(np.repeat(row[None], 5, axis=0), np.array([0]), column)[0]) ** 2)
    for chance in (0.1, 0.3, 0.5):
        # The best is not among those that the spread is measured on, so strangers come somewhat below.
        assert chance - 0.05 <= np.mean(np.array(found) <= chance) <= chance + 0.2


def test_links_of_strangers_are_left_out_and_true_ones_stay():
    # 12 people in both, 14 more in each that the other does not see.
    data = sides([*range(12), *range(12, 26)], [*range(12), *range(26, 40)])
    everything, kept = (match_clusters("hungarian", *data, chance=chance) for chance in (1.0, 0.1))
    assert len(everything) == 26
    true = {(person, person) for person in range(12)}
    pairs = set(zip(kept.visible.tolist(), kept.infrared.tolist(), strict=True))
    assert true <= pairs and len(pairs - true) <= 3


def test_a_chance_of_one_keeps_all_and_what_is_none_is_refused():
    data = sides(range(12), range(12))
    assert len(match_clusters("brst", *data, chance=1.0)) == 12
    with pytest.raises(UsageError, match="chance of the matching is 2"):
        match_clusters("brst", *data, chance=2)


def test_some_links_of_a_match():
    ends = np.arange(3)
    match = Match(ends, ends, np.array([0.1, 0.2, 0.3], dtype=np.float32), 4, 5).only(np.array([True, False, True]))
    assert match.visible.tolist() == match.infrared.tolist() == [0, 2] and (match.n_visible, match.n_infrared) == (4, 5)
    assert match.confidence.tolist() == pytest.approx([0.1, 0.3])
