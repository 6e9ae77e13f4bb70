"""The oracle of the simulated reviews says nothing but the truth."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.review.conftest import rows, task
from usvireid.review.tasks import CLUSTER, LINK, PAIR, Task

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "simulate_reviews.py"
IDENTITY = np.array([0, 0, 0, 1, 1, 2, 0, 0, 1, 2])


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("simulate_reviews", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("question", "action", "first", "second"),
    [
        (task(CLUSTER, rows(0, 1, 2)), "same", [0, 1, 2], []),
        (task(LINK, rows(0, 1), rows(6, 7)), "same", [0, 1], [6, 7]),
        (task(PAIR, rows(0, 1), rows(3, 4)), "different", [0, 1], [3, 4]),
        (task(PAIR, rows(0, 3), rows(5, 9)), "different", [0, 3], [5, 9]),
        (task(CLUSTER, rows(0, 3, 1, 5)), "different", [0, 1], [3, 5]),
        (task(LINK, rows(0, 3, 4), rows(8)), "different", [3, 4, 8], [0]),
    ],
)
def test_the_oracle_tells_the_truth(
    script: ModuleType, question: Task, action: str, first: list[int], second: list[int]
) -> None:
    said, one, other = script.oracle(question, IDENTITY)
    assert (said, one.tolist(), other.tolist()) == (action, first, second)


def test_random_questions_are_the_same_ones_in_another_order(script: ModuleType) -> None:
    tasks = [task(CLUSTER, rows(number, 9)) for number in range(9)]
    one, again, other = ([id(each) for each in script.shuffled(tasks, seed)] for seed in (0, 0, 1))
    assert one == again
    assert one != other
    assert sorted(one) == sorted(map(id, tasks))
    assert script.mean([{"ari": 0.5}, {"ari": 1.0}]) == {"ari": 0.75}
