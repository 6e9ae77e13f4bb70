"""What is known of pairs: closed under what follows, first come first served, against a slow closure."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usvireid.clustering.constraints import Constraints, ConstraintsBuilder

statements = st.lists(
    st.tuples(
        st.sampled_from(["must", "cannot"]),
        st.lists(st.integers(0, 8), min_size=1, max_size=3),
        st.lists(st.integers(0, 8), min_size=1, max_size=3),
    ),
    max_size=12,
)


class SlowKnowledge:
    """A matrix of what is known of every pair: 1 must, -1 cannot, 0 nothing; statements about two crops at a time."""

    def __init__(self, count):
        self.pairs = np.eye(count, dtype=int)

    def state(self, one, other):
        return self.pairs[one, other]

    def must(self, one, other):
        if self.pairs[one, other] == -1:
            return
        together = np.flatnonzero((self.pairs[one] == 1) | (self.pairs[other] == 1))
        apart = np.flatnonzero((self.pairs[one] == -1) | (self.pairs[other] == -1))
        self.pairs[np.ix_(together, together)] = 1
        self.pairs[np.ix_(together, apart)] = self.pairs[np.ix_(apart, together)] = -1

    def cannot(self, one, other):
        if self.pairs[one, other] == 1:
            return
        ones, others = np.flatnonzero(self.pairs[one] == 1), np.flatnonzero(self.pairs[other] == 1)
        self.pairs[np.ix_(ones, others)] = self.pairs[np.ix_(others, ones)] = -1


def matrix(constraints):
    group = constraints.group
    pairs = (group[:, None] == group[None, :]).astype(int)
    for one, other in constraints.cannot.tolist():
        pairs[np.ix_(group == one, group == other)] = pairs[np.ix_(group == other, group == one)] = -1
    code = constraints.known[group]
    differ = (code[:, None] != code[None, :]) & (code[:, None] >= 0) & (code[None, :] >= 0)
    pairs[differ] = -1
    return pairs


@settings(max_examples=200, deadline=None)
@given(statements)
def test_statements_close_as_the_slow_matrix_does(said):
    builder, slow = ConstraintsBuilder(9), SlowKnowledge(9)
    for kind, first, second in said:
        if kind == "must":
            builder.must(first)
            for other in first[1:]:
                slow.must(first[0], other)
        else:
            builder.cannot(first, second)
            for one, other in itertools.product(first, second):
                slow.cannot(one, other)
    assert np.array_equal(matrix(builder.build()), slow.pairs)


def test_groups_are_numbered_by_their_first_crop():
    builder = ConstraintsBuilder(5)
    builder.must([4, 1])
    builder.cannot([4], [0, 2])
    found = builder.build()
    assert found.group.tolist() == [0, 1, 2, 3, 1]
    assert found.cannot.tolist() == [[0, 1], [1, 2]]
    assert not found.trivial


def test_known_identities_are_groups_and_apart():
    builder = ConstraintsBuilder(6)
    builder.known(np.array([7, -1, 7, 3, -1, 3]))
    builder.must([0, 1])
    builder.must([1, 3])
    found = builder.build()
    assert builder.contradictions == 1
    assert found.group.tolist() == [0, 0, 0, 1, 2, 1]
    assert found.known.tolist() == [7, 3, -1]
    assert found.conflicts(np.array([0, 0, 0, 0, 0, 0])).tolist() == [0]
    assert found.conflicts(np.array([0, 0, 0, 1, 1, 1])).tolist() == []


def test_what_is_said_first_wins_and_the_rest_is_counted():
    builder = ConstraintsBuilder(3)
    builder.must([0, 1])
    builder.cannot([0], [1, 2])
    builder.must([1, 2])
    assert builder.contradictions == 2
    found = builder.build()
    assert found.group.tolist() == [0, 0, 1]
    assert found.cannot.tolist() == [[0, 1]]


def test_a_part_of_the_crops_keeps_what_is_known_of_it():
    builder = ConstraintsBuilder(6)
    builder.must([0, 5])
    builder.cannot([5], [2])
    builder.cannot([2], [3])
    builder.junk([3])
    part = builder.build().take(np.array([5, 4, 2]))
    assert part.group.tolist() == [0, 1, 2]
    assert part.cannot.tolist() == [[0, 2]]
    assert part.junk.tolist() == [False, False, False]


def test_pairs_are_kept_but_those_of_two_people():
    builder = ConstraintsBuilder(8)
    builder.known(np.array([1, 1, -1, -1, 2, 2, -1, -1]))
    builder.cannot([2], [6])
    builder.paired(np.array([[0, 4], [1, 5], [2, 6], [3, 7], [2, 7]]))
    assert builder.contradictions == 3
    found = builder.build()
    assert found.pairs.tolist() == [[3, 7], [2, 7]] and not found.trivial
    assert len(found.known) == 6, "pairs join nobody"
    assert found.take(np.array([7, 0, 3])).pairs.tolist() == [[2, 0]]
    builder.junk([0])
    builder.paired(np.array([[0, 4], [1, 6]]))
    assert builder.contradictions == 3
    assert builder.build().pairs.tolist() == [[3, 7], [2, 7], [1, 6]]
    assert found.take(np.array([1, 2, 3])).pairs.shape == (0, 2)


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_known(count):
    none = Constraints.none(count)
    assert none.trivial and len(none) == count
    assert none.conflicts(np.zeros(count, dtype=np.int64)).tolist() == []
    assert ConstraintsBuilder(count).build().trivial


def test_arrays_that_contradict_each_other_are_refused():
    good = Constraints.none(3)
    with pytest.raises(ValueError, match="without a gap"):
        Constraints(np.array([0, 2, 2]), good.known, good.cannot, good.junk, good.mixture)
    with pytest.raises(ValueError, match="smaller first"):
        Constraints(good.group, good.known, np.array([[1, 1]]), good.junk, good.mixture)
    with pytest.raises(ValueError, match=r"outside 0\.\.2"):
        Constraints(good.group, good.known, np.array([[1, 3]]), good.junk, good.mixture)
    with pytest.raises(ValueError, match="as many codes"):
        Constraints(good.group, good.known[:2], good.cannot, good.junk, good.mixture)
    with pytest.raises(ValueError, match="int64, P x 2"):
        Constraints(good.group, good.known, good.cannot, good.junk, good.mixture, np.zeros((1, 2)))
    with pytest.raises(ValueError, match=r"crop outside 0\.\.2"):
        Constraints(good.group, good.known, good.cannot, good.junk, good.mixture, np.array([[0, 3]]))


def test_a_mixture_forbids_no_pair_and_is_told_by_what_holds_several_of_it():
    builder = ConstraintsBuilder(5)
    builder.must([0, 1])
    builder.apart([0, 1, 2, 3])
    found = builder.build()
    assert not len(found.cannot) and not found.trivial
    assert found.mixture.tolist() == [0, 0, 0, 0, -1]
    assert found.mixed(np.array([0, 0, 1, 1, 1])).tolist() == [1]
    assert found.mixed(np.array([0, 0, 1, 2, 2])).tolist() == []
    assert found.take(np.array([4, 2])).mixture.tolist() == [-1, 0]
