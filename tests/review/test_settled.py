"""Which questions need not be asked any more."""

import pytest

from tests.review.conftest import rows, task
from usvireid.data.crops import Crops
from usvireid.review.answer import Answer
from usvireid.review.settled import Settled
from usvireid.review.tasks import CLUSTER, PAIR, Task

ONE = task(CLUSTER, rows(0, 1, 2))
TWO = task(PAIR, rows(0, 1), rows(3, 4))


@pytest.mark.parametrize(
    ("question", "said", "settled"),
    [
        (ONE, [], False),
        (ONE, [("same", (0, 1, 2), ())], True),
        (ONE, [("same", (0, 1), ()), ("same", (1, 2, 9), ())], True),
        (ONE, [("same", (0, 1), ())], False),
        (ONE, [("different", (0,), (2,))], True),
        (ONE, [("different", (0,), (5,))], False),
        (ONE, [("apart", (0, 1, 2), ())], True),
        (ONE, [("junk", (0, 1), ())], True),
        (ONE, [("junk", (0,), ())], False),
        (TWO, [("same", (0, 1), ()), ("same", (3, 4), ())], False),
        (TWO, [("same", (0, 1, 3, 4), ())], True),
        (TWO, [("different", (0, 1), (3, 4))], True),
        (TWO, [("different", (0,), (1,))], False),
        (TWO, [("different", (0,), (5,)), ("same", (5, 4), ())], True),
        (TWO, [("junk", (3, 4), ())], True),
    ],
)
def test_a_question_is_settled_by_what_follows_from_the_answers(
    crops: Crops, question: Task, said: list[tuple[str, tuple[int, ...], tuple[int, ...]]], settled: bool
) -> None:
    paths = crops.table["path"].to_numpy()
    answers = [
        Answer(number, "", action, tuple(paths[list(first)]), tuple(paths[list(second)]))
        for number, (action, first, second) in enumerate(said, start=1)
    ]
    assert Settled(answers, crops).settles(question) is settled
    undone = [*answers, *(Answer(90 + each.number, "", "undo", undoes=each.number) for each in answers)]
    assert not Settled(undone, crops).settles(question)
