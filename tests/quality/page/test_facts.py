"""Figures as text."""

import numpy as np
import pytest

from tests.quality.made_labels import random_case
from usvireid.quality.measures import measure_labels
from usvireid.quality.page.facts import cluster_table, memory_sentence, messages_of, time_table


def test_counts_always_and_other_measures_where_they_were_made():
    quality = measure_labels(random_case(0)[1]).to_dict()
    plain = cluster_table(quality)
    assert plain.heading == ["", "visible", "infrared", "both"] and len(plain.rows) == 12
    assert plain.rows[-1][1:] == ["n/a", "n/a", ""]
    quality["visible"] |= {"silhouette": 0.25, "wrong_crops_share": None}
    quality["infrared"] |= {"silhouette": float("nan"), "wrong_crops_share": None}
    quality["across"] = {"confirmed_share": 0.5, "link_margin": None}
    more = cluster_table(quality)
    assert more.rows[:12] == plain.rows
    assert more.rows[12:] == [
        ["silhouette on the graph", "0.25", "n/a", ""],
        ["crops whose match looks back at them", "", "", "50\u00a0%"],
    ]
    assert cluster_table(None) is None


def test_times_are_summed_by_step():
    lines = [
        {"epoch": 1, "seconds": {"train": 90.0, "knn": 0.5}},
        {"epoch": 2, "seconds": {"train": 6000.0, "knn": None, "evaluate": "long"}},
        {"epoch": 3},
    ]
    assert time_table(lines).rows == [
        ["train", "1.7 h", "100\u00a0%", "50.8 min"],
        ["knn", "0.5 s", "0\u00a0%", "0.5 s"],
        ["together", "1.7 h", "", ""],
    ]
    assert time_table([{"epoch": 1}]) is None and time_table([{"epoch": 1, "seconds": {"a": 0.0}}]).rows[0][2] == "n/a"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], None),
        ([{"peak_memory_mb": 900.4, "peak_gpu_memory_mb": None}], "At most 900 MB of main memory."),
        (
            [{"peak_memory_mb": 1.0}, {"peak_memory_mb": 2000.0, "peak_gpu_memory_mb": 5.0}],
            "At most 2,000 MB of main memory and 5 MB on the GPU.",
        ),
    ],
)
def test_memory_in_a_sentence(lines, said):
    assert memory_sentence(lines) == said


def test_messages_are_the_last_ones():
    lines = [{"epoch": int(epoch), "messages": [f"{epoch}a", f"{epoch}b"]} for epoch in np.arange(40)]
    said = messages_of([*lines, {"epoch": 40, "messages": None}])
    assert len(said) == 50 and said[-1] == (39, "39b") and said[0] == (15, "15a")
