"""Pairs of crops vote on links: against a slow count, and what few wrong ones can do."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.matching.test_known import labels_of, match_of, pairs
from usvireid.clustering.constraints import ConstraintsBuilder
from usvireid.matching.known import agreed
from usvireid.matching.match import Match
from usvireid.matching.votes import vote


def votes_of(counts):
    """Labels and pairs in which so many pairs vote for (visible cluster, infrared cluster)."""
    ends = [link for link, count in counts.items() for _ in range(count)]
    visible, infrared = [v for v, _ in ends], [r for _, r in ends]
    rows = np.arange(len(ends), dtype=np.int64)
    return labels_of(visible, infrared), np.stack([rows, len(ends) + rows], axis=1)


def linked(counts):
    found = vote(*votes_of(counts))
    return [(v, r, round(float(c), 3)) for (v, r), c in zip(found.links.tolist(), found.confidence, strict=True)]


def slow_links(counts):
    """Link by link: nobody of the two has a better one, and most votes of one end are for it."""
    counts = {link: count for link, count in counts.items() if count and min(link) >= 0}
    visible, infrared = Counter(), Counter()
    for (v, r), count in counts.items():
        visible[v] += count
        infrared[r] += count

    def key(link):
        return -counts[link], visible[link[0]] + infrared[link[1]], link

    found = []
    for link in sorted(counts, key=key):
        rivals = [other for other in counts if other != link and (other[0] == link[0] or other[1] == link[1])]
        least = min(visible[link[0]], infrared[link[1]])
        if all(key(link) < key(other) for other in rivals) and 2 * counts[link] > least:
            found.append((*link, round(counts[link] / least, 3)))
    return found


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.tuples(st.integers(-1, 4), st.integers(-1, 4)), st.integers(0, 4), max_size=12))
def test_votes_are_counted_as_by_hand(counts):
    assert linked(counts) == slow_links(counts)


def test_no_pair_and_pairs_of_outliers_link_nothing():
    for counts in ({}, {(-1, 0): 3, (0, -1): 2, (-1, -1): 1}):
        found = vote(*votes_of(counts))
        assert found.links.shape == (0, 2) and len(found.confidence) == len(found.single) == 0
        assert found.against(np.array([[0, 0]])).tolist() == [False]
        assert found.against(np.zeros((0, 2), dtype=np.int64)).tolist() == []


def test_few_wrong_members_do_not_bring_two_clusters_together():
    # Visible 0 is infrared 0; two of its crops are of another person, whose infrared cluster has votes of its own.
    assert linked({(0, 0): 20, (0, 1): 2, (1, 1): 9}) == [(0, 0, 1.0), (1, 1, 1.0)]
    # And where that cluster has no others it stays alone: it may be two people or pieces of one, nobody can tell.
    assert linked({(0, 0): 20, (0, 1): 2}) == [(0, 0, 1.0)]


def test_votes_that_are_divided_at_both_ends_link_nothing():
    assert linked({(0, 0): 2, (0, 1): 1, (0, 2): 1, (1, 0): 1, (2, 0): 1}) == []


def kept(counts, links, size=4):
    """The links of a match between clusters 0..size-1 after the votes."""
    labels, rows = votes_of(counts)
    builder = ConstraintsBuilder(len(labels))
    builder.paired(rows)
    return pairs(agreed(match_of(links, size, size), labels, builder.build()))


def test_votes_come_before_the_matcher_and_the_matcher_fills_the_rest():
    links = [(0, 1, 0.9), (2, 2, 0.5), (3, 0, 0.25)]
    # 0-1 contradicts the votes of both; 2-2 says nothing else; 3 may be a further piece of whom 0 is linked to.
    assert kept({(0, 0): 3, (1, 1): 2}, links) == [(0, 0, 1.0), (1, 1, 1.0), (2, 2, 0.5), (3, 0, 0.25)]


def test_a_single_pair_gives_way_to_the_matcher():
    assert kept({(0, 0): 1}, [(0, 1, 0.5)]) == [(0, 1, 0.5)]
    assert kept({(0, 0): 1}, [(1, 1, 0.5)]) == [(0, 0, 1.0), (1, 1, 0.5)]
    assert kept({(0, 0): 2}, [(0, 1, 0.5)]) == [(0, 0, 1.0), (0, 1, 0.5)]


def test_what_weighs_more_stands_against_pairs():
    labels, rows = votes_of({(0, 0): 3, (1, 1): 3})
    builder = ConstraintsBuilder(len(labels))
    builder.cannot([0], [7])  # crops of visible cluster 0 and infrared cluster 0
    builder.must([3, 9])  # of 1 and 1
    builder.paired(rows)
    found = agreed(Match.none(2, 2), labels, builder.build())
    assert builder.contradictions == 0 and pairs(found) == [(1, 1, 1.0)]
