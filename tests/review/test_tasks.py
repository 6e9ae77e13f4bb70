"""Doubts as questions, and what is asked when they are through."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from usvireid.data.crops import Crops
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.doubts import Doubt
from usvireid.review.tasks import CLUSTER, LINK, PAIR, clusters_in, questions, shown_in_order


def rows(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


@pytest.fixture
def crops() -> Crops:
    table = pd.DataFrame({"path": [f"{row}.png" for row in range(10)], "modality": ["visible"] * 6 + ["infrared"] * 4})
    table["camera"] = ["b", "a", "b", "a", None, "a", "x", "x", "x", "x"]
    table["frame"] = [2, 10, 1, 9, 3, 1, 1, 2, 3, 4]
    return Crops.from_table(Path("data"), table, "test")


@pytest.fixture
def labels(crops: Crops) -> PseudoLabels:
    cluster = np.array([0, 0, 0, 1, 1, -1, 0, 0, 1, 2])
    confidence = np.array([1, 1, 1, 0.5, 0.5, 0, 1, 1, 1, 1], dtype=np.float32)
    found = PseudoLabels.of_clusters(crops, cluster, np.where(cluster < 0, "outlier", "core"), confidence)
    return found.replace(identity=np.array([0, 0, 0, 1, 1, -1, 0, 0, 0, 1]))


def doubt(kind: str, first: np.ndarray, second: np.ndarray, together: bool, reason: str = "why") -> Doubt:
    return Doubt(kind, 0.5, reason, np.sort(np.concatenate((first, second))), first, second, together)  # type: ignore[arg-type]


def sides(task) -> tuple[str, list[int], list[int], list[int]]:  # type: ignore[no-untyped-def]
    return task.kind, sorted(task.first.tolist()), sorted(task.second.tolist()), sorted(task.picked.tolist())


def test_crops_are_shown_by_camera_and_time(crops: Crops) -> None:
    assert shown_in_order(rows(0, 1, 2, 3, 6), crops).tolist() == [6, 3, 1, 2, 0]  # infrared sorts before visible


def test_the_clusters_of_labels(labels: PseudoLabels) -> None:
    assert [group.tolist() for group in clusters_in(labels)] == [[0, 1, 2], [3, 4], [6, 7], [8], [9]]


def test_doubts_become_questions_in_their_order(labels: PseudoLabels, crops: Crops) -> None:
    doubts = [
        doubt("link", rows(3, 4), rows(9), True),
        doubt("cluster", rows(0, 1), rows(2), True),
        doubt("cluster", rows(0, 1, 2), rows(3, 4), False),
        doubt("link", rows(3, 4), rows(8), False),
    ]
    assert [sides(task) for task in questions(labels, crops, doubts, 4)] == [
        (LINK, [3, 4], [9], []),
        (CLUSTER, [0, 1, 2], [], [2]),
        (PAIR, [0, 1, 2], [3, 4], []),
        (PAIR, [3, 4], [8], []),
    ]


def test_of_a_part_and_single_crops_of_one_group_the_part_is_picked(labels: PseudoLabels, crops: Crops) -> None:
    single, part = (
        doubt("crop", rows(1), rows(0, 3, 2), True, "one"),
        doubt("cluster", rows(0, 1), rows(2, 3), True, "two"),
    )
    for doubts in ([single, part], [part, single]):
        task = questions(labels, crops, doubts, 1)[0]
        assert sides(task) == (CLUSTER, [0, 1, 2, 3], [], [2, 3])
        assert task.reason == "two"


def test_single_crops_of_one_group_are_picked_together_unless_they_are_most_of_it(
    labels: PseudoLabels, crops: Crops
) -> None:
    group = {0, 1, 2, 3, 4}
    doubts = [doubt("crop", rows(crop), rows(*sorted(group - {crop})), True, f"{crop}.") for crop in (4, 1, 0)]
    task = questions(labels, crops, doubts[:2], 1)[0]
    assert sides(task) == (CLUSTER, [0, 1, 2, 3, 4], [], [1, 4])
    assert task.reason == "4. So may the 2 that are picked."
    assert sides(questions(labels, crops, doubts, 1)[0])[3] == [4]


def test_after_the_doubts_come_all_clusters_and_links_once(labels: PseudoLabels, crops: Crops) -> None:
    asked = [sides(task) for task in questions(labels, crops, [doubt("link", rows(3, 4), rows(9), True)], 99)]
    assert asked[0] == (LINK, [3, 4], [9], [])
    assert asked[1] == (CLUSTER, [3, 4], [], [])  # the least sure
    assert sorted(asked[2:]) == [
        (CLUSTER, [0, 1, 2], [], []),
        (CLUSTER, [6, 7], [], []),
        (LINK, [0, 1, 2], [6, 7], []),
        (LINK, [0, 1, 2], [8], []),
    ]


def test_without_clusters_there_is_nothing_to_ask(crops: Crops) -> None:
    nothing = np.full(10, -1)
    labels = PseudoLabels.of_clusters(crops, nothing, np.full(10, "outlier"), np.zeros(10, dtype=np.float32))
    assert questions(labels, crops, [], 5) == []
