"""Tracks as free truth, against a loop over all pairs of crops."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usvireid.clustering.constraints import ConstraintsBuilder
from usvireid.clustering.tracks import add_tracks, add_travel, track_numbers
from usvireid.data.crops import Crops


def crops_of(rows):
    """Crops from (modality, camera, track, frame, time)."""
    columns = ["modality", "camera", "track", "frame", "time"]
    table = pd.DataFrame(rows, columns=columns).assign(path=[f"{number}.png" for number in range(len(rows))])
    return Crops.from_table(Path(), table, "a table")


def lives(rows, column):
    found = {}
    for row, each in enumerate(rows):
        if each[2] is not None and each[column] is not None:
            found.setdefault(each[:3], []).append((each[column], row))
    return {key: (min(values)[0], max(values)[0]) for key, values in found.items()}


some_rows = st.lists(
    st.tuples(
        st.sampled_from(["visible", "infrared"]),
        st.sampled_from(["a", "b", None]),
        st.sampled_from(["1", "2", "3", None]),
        st.one_of(st.none(), st.integers(0, 12)),
        st.one_of(st.none(), st.integers(0, 12).map(float)),
    ),
    max_size=14,
)


@settings(max_examples=150, deadline=None)
@given(some_rows)
def test_tracks_say_what_the_loop_says(rows):
    builder = ConstraintsBuilder(len(rows))
    add_tracks(builder, crops_of(rows))
    found = builder.build()
    spans = lives(rows, 3)
    forbidden = {tuple(pair) for pair in found.cannot.tolist()}
    for one, other in itertools.combinations(range(len(rows)), 2):
        same = rows[one][2] is not None and rows[one][:3] == rows[other][:3]
        assert (found.group[one] == found.group[other]) == same
        first, second = spans.get(rows[one][:3]), spans.get(rows[other][:3])
        seen_at_once = (
            not same
            and first is not None
            and second is not None
            and rows[one][1] is not None
            and rows[one][:2] == rows[other][:2]
            and first[0] <= second[1]
            and second[0] <= first[1]
        )
        pair = tuple(sorted((int(found.group[one]), int(found.group[other]))))
        assert (pair in forbidden) == seen_at_once


@settings(max_examples=150, deadline=None)
@given(some_rows, st.integers(1, 5))
def test_travel_times_say_what_the_loop_says(rows, seconds):
    builder = ConstraintsBuilder(len(rows))
    add_travel(builder, crops_of(rows), {("a", "b"): float(seconds)})
    found = builder.build()
    spans = lives(rows, 4)
    expected = set()
    for one, other in itertools.combinations(sorted(spans, key=str), 2):
        gap = max(spans[one][0] - spans[other][1], spans[other][0] - spans[one][1])
        if {one[1], other[1]} == {"a", "b"} and gap < seconds:
            expected.add(frozenset((one, other)))
    said = {
        frozenset((rows[int(one)][:3], rows[int(other)][:3])) for one, other in found.cannot.tolist()
    }  # nothing is grouped, so groups are crops
    assert said == expected


def test_equal_names_in_two_cameras_are_two_tracks():
    crops = crops_of([("visible", "a", "1", 0, None), ("visible", "b", "1", 0, None), ("infrared", "a", "1", 0, None)])
    assert sorted(track_numbers(crops).tolist()) == [0, 1, 2]


@pytest.mark.parametrize("rows", [[], [("visible", "a", None, 1, 1.0)]])
def test_without_tracks_nothing_is_known(rows):
    builder = ConstraintsBuilder(len(rows))
    add_tracks(builder, crops_of(rows))
    assert builder.build().trivial
    assert track_numbers(crops_of(rows)).dtype == np.int64
