"""Pairs of paired sensors: the rule as a slow definition, and what it makes of odd tables."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.data.paired import LEAST_OVERLAP, SAME_INSTANT, rows_of_rigs, sensor_pairs

BOX = (10.0, 10.0, 20.0, 40.0)


def crops(rows):
    """Crops from (modality, rig, frame, time, box); a box is left, top, width and height, or None."""
    frame = pd.DataFrame([row[:4] for row in rows], columns=["modality", "rig", "frame", "time"], dtype=object)
    for place, column in enumerate(names.BOX):
        frame[column] = pd.Series([None if row[4] is None else row[4][place] for row in rows], dtype=object)
    frame["modality"] = frame["modality"].map({"v": "visible", "i": "infrared"})
    frame["path"] = [f"{row}.jpg" for row in range(len(rows))]
    return Crops.from_table(Path(), frame, "t")


def pairs(rows):
    return sensor_pairs(crops(rows)).tolist()


def overlap(one, other):
    if one is None or other is None:
        return None
    sides = [max(0, min(one[d] + one[d + 2], other[d] + other[d + 2]) - max(one[d], other[d])) for d in (0, 1)]
    shared = sides[0] * sides[1]
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


def slow_pairs(rows):
    """The definition, crop by crop: at one instant each is the other's best."""
    timed = {rig: all(row[3] is not None for row in rows if row[1] == rig) for rig in {row[1] for row in rows} - {None}}

    def gap(one, other):
        """Seconds or frames apart; None where the two are not of one instant."""
        if one[0] == other[0] or one[1] is None or one[1] != other[1]:
            return None
        if timed[one[1]]:
            apart = abs(one[3] - other[3])
            return apart if apart <= SAME_INSTANT + 1e-6 else None
        return 0 if one[2] is not None and one[2] == other[2] else None

    def best(row):
        near = [other for other in range(len(rows)) if gap(rows[row], rows[other]) is not None]
        overlaps = {other: overlap(rows[row][4], rows[other][4]) for other in near}
        boxed = [other for other in near if overlaps[other] is not None and overlaps[other] >= LEAST_OVERLAP]
        if boxed:
            return min(boxed, key=lambda other: (-overlaps[other], gap(rows[row], rows[other]), other))
        return near[0] if len(near) == 1 and overlaps[near[0]] is None else None

    chosen = [best(row) for row in range(len(rows))]
    return [[a, b] for a, b in enumerate(chosen) if rows[a][0] == "v" and b is not None and chosen[b] == a]


box = st.one_of(
    st.none(),
    st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(2, 5), st.integers(2, 5)).map(
        lambda found: tuple(float(value) for value in found)
    ),
)
maybe = st.one_of(st.none(), st.integers(0, 3))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("vi"), st.sampled_from(["a", "b", None]), maybe, st.none(), box), max_size=14)
)
def test_frames_pair_as_the_definition_does(rows):
    assert pairs(rows) == slow_pairs(rows)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("vi"), st.sampled_from(["a", "b"]), maybe, st.integers(0, 8), box),
        max_size=14,
    )
)
def test_times_pair_as_the_definition_does(rows):
    # Hundredths since 1970: two are at the edge of what counts as one instant, whatever their last bits.
    rows = [(*row[:3], 1772352000 + row[3] / 100, row[4]) for row in rows]
    assert pairs(rows) == slow_pairs(rows)


def test_one_of_each_at_one_frame_is_one_person():
    assert pairs([("i", "a", 3, None, None), ("v", "a", 3, None, None), ("v", "a", 4, None, None)]) == [[1, 0]]


@pytest.mark.parametrize("rows", [[], [("v", "a", 1, None, BOX)], [("v", None, 1, None, None)]])
def test_no_pair_at_all(rows):
    found = sensor_pairs(crops(rows))
    assert found.shape == (0, 2) and found.dtype == np.int64


def test_without_boxes_several_people_are_nobody():
    rows = [("v", "a", 1, None, None), ("v", "a", 1, None, None), ("i", "a", 1, None, None)]
    assert pairs(rows) == []


def test_boxes_tell_several_people_apart_and_each_goes_with_the_nearest():
    there, near, far = BOX, (12.0, 10.0, 20.0, 40.0), (100.0, 10.0, 20.0, 40.0)
    rows = [("v", "a", 1, None, there), ("v", "a", 1, None, far), ("i", "a", 1, None, far), ("i", "a", 1, None, near)]
    assert pairs(rows) == [[0, 3], [1, 2]]


def test_boxes_that_hardly_overlap_are_two_people_even_where_nobody_else_is_there():
    assert pairs([("v", "a", 1, None, BOX), ("i", "a", 1, None, (20.0, 10.0, 20.0, 40.0))]) == []
    half = (10.0, 10.0, 20.0, 20.0)  # exactly half of the union
    assert pairs([("v", "a", 1, None, BOX), ("i", "a", 1, None, half)]) == [[0, 1]]


def test_equal_boxes_pair_in_the_order_of_the_table():
    rows = [("v", "a", 1, None, BOX), ("v", "a", 1, None, BOX), ("i", "a", 1, None, BOX), ("i", "a", 1, None, BOX)]
    assert pairs(rows) == [[0, 2]]


def test_times_count_where_all_have_one_and_frames_elsewhere():
    rows = [("v", "a", 1, 5.0, BOX), ("i", "a", 2, 5.02, BOX), ("i", "a", 1, 5.021, BOX)]
    assert pairs(rows) == [[0, 1]]
    rows[0] = ("v", "a", 1, None, BOX)
    assert pairs(rows) == [[0, 2]]


def test_rigs_and_crops_without_one_stay_apart():
    rows = [("v", "a", 1, None, BOX), ("i", "b", 1, None, BOX), ("i", None, 1, None, BOX), ("v", "b", 1, None, BOX)]
    assert pairs(rows) == [[3, 1]]
    assert {rig: found.tolist() for rig, found in rows_of_rigs(crops(rows)).items()} == {"a": [0], "b": [1, 3]}


def test_many_of_one_instant_cost_no_memory_of_all_pairs():
    rows = [(modality, "a", 0, None, (60.0 * at, 0.0, 50.0, 100.0)) for modality in "vi" for at in range(300)]
    assert pairs(rows) == [[at, 300 + at] for at in range(300)]
