"""What an action on the page means as an answer, and what is shown for the answers that stand."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from usvireid.data.crops import Crops
from usvireid.review.answers import StaleAnswer, append_answer, read_answers
from usvireid.review.session import SHOWN, Deed, RefusedAnswer, Session
from usvireid.review.tasks import CLUSTER, Task


def names_of(session: Session, *rows: int) -> tuple[str, ...]:
    return tuple(session.crops.table["path"].iloc[list(rows)])


def test_confirming_a_cluster_joins_its_crops(session: Session) -> None:
    answer = session.do(Deed("confirm", 0, task=0))
    assert (answer.action, answer.first, answer.second) == ("same", names_of(session, 0, 1, 2), ())
    assert session.state()["done"] == [0]
    assert read_answers(session.path) == [answer]


def test_rejecting_a_cluster_says_that_it_is_a_mixture(session: Session) -> None:
    answer = session.do(Deed("reject", 0, task=1))
    assert (answer.action, answer.first) == ("apart", names_of(session, 3, 4, 5))


def test_a_link_and_a_pair_are_the_same_or_different(session: Session) -> None:
    link = session.do(Deed("reject", 0, task=2))
    assert (link.action, link.first, link.second) == ("different", names_of(session, 0, 1, 2), names_of(session, 6, 7))
    pair = session.do(Deed("confirm", 1, task=3))
    assert (pair.action, pair.crops) == ("same", names_of(session, 0, 1, 2, 3, 4, 5))
    # Of the pair both clusters are part, so nothing about them is open any more.
    assert session.state()["done"] == [0, 1, 2, 3]


def test_a_split_sets_the_picked_crops_against_the_rest(session: Session) -> None:
    answer = session.do(Deed("split", 0, task=0, picked=(2,)))
    assert (answer.action, answer.first, answer.second) == (
        "different",
        names_of(session, 2),
        names_of(session, 0, 1),
    )
    assert session.state()["done"] == [0]


def test_two_questions_merge(session: Session) -> None:
    answer = session.do(Deed("merge", 0, task=1, partner=0))
    assert (answer.action, answer.first, answer.second) == (
        "same",
        names_of(session, 0, 1, 2),
        names_of(session, 3, 4, 5),
    )


def test_junk_leaves_every_later_answer(session: Session) -> None:
    session.do(Deed("junk", 0, task=0, picked=(1,)))
    assert session.state()["done"] == []
    assert [crop["junk"] for crop in session.question(0)["sides"][0]["crops"]] == [False, True, False]
    assert session.do(Deed("confirm", 1, task=0)).first == names_of(session, 0, 2)
    assert session.state()["done"] == [0]
    session.do(Deed("junk", 2, task=2, picked=(6, 7)))
    assert session.state()["done"] == [0, 2]  # with one side gone there is nothing left to ask
    with pytest.raises(RefusedAnswer, match="Too few"):
        session.do(Deed("confirm", 3, task=2))


def test_undo_opens_the_question_again(session: Session) -> None:
    session.do(Deed("confirm", 0, task=1))
    answer = session.do(Deed("undo", 1, undoes=1))
    assert answer.action == "undo"
    state = session.state()
    assert (state["done"], state["answers"], state["last"], state["recent"]) == ([], 0, 2, [])
    assert session.task_of(1) == 1
    with pytest.raises(RefusedAnswer, match="undone already"):
        session.do(Deed("undo", 2, undoes=1))


@pytest.mark.parametrize(
    "deed",
    [
        Deed("confirm", 0, task=9),
        Deed("confirm", 0),
        Deed("dance", 0, task=0),
        Deed("split", 0, task=0),
        Deed("split", 0, task=0, picked=(0, 1, 2)),
        Deed("split", 0, task=0, picked=(7,)),
        Deed("junk", 0, task=0),
        Deed("junk", 0, task=0, picked=(-1,)),
        Deed("merge", 0, task=0, partner=0),
        Deed("merge", 0, task=0, partner=77),
        Deed("undo", 0),
        Deed("undo", 0, undoes=3),
    ],
)
def test_what_is_no_answer_is_refused_and_nothing_is_written(session: Session, deed: Deed) -> None:
    with pytest.raises(RefusedAnswer):
        session.do(deed)
    assert read_answers(session.path) == []


def test_of_two_pages_the_one_that_looked_earlier_is_refused(session: Session) -> None:
    session.do(Deed("confirm", 0, task=0))
    with pytest.raises(StaleAnswer, match="was not taken"):
        session.do(Deed("confirm", 0, task=1))
    assert len(read_answers(session.path)) == 1


def test_of_answers_at_the_same_moment_one_is_taken(session: Session) -> None:
    def attempt(number: int) -> bool:
        try:
            return session.do(Deed("confirm", 0, task=number % 2)).number == 1
        except StaleAnswer:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(40))) == 1
    assert len(read_answers(session.path)) == 1


def test_newer_labels_are_noticed(session: Session) -> None:
    newest = [True]
    session = Session(session.path, session.crops, session.tasks, "", lambda: newest[0])
    assert session.state()["current"]
    newest[0] = False
    assert not session.state()["current"]


def test_answers_of_another_process_are_seen(session: Session) -> None:
    assert session.state()["last"] == 0
    append_answer(session.path, "same", names_of(session, 3, 4, 5))
    assert session.state()["done"] == [1]
    assert session.question(1)["said"][0]["text"] == "confirmed: 3 crops are one person"


def test_a_new_session_goes_on_where_the_old_one_was(session: Session) -> None:
    session.do(Deed("split", 0, task=0, picked=(2,)))
    again = Session(session.path, session.crops, session.tasks, session.title)
    assert again.state() == session.state()
    assert again.digest == session.digest
    other = Session(session.path, session.crops, session.tasks[1:], session.title)
    assert other.digest != session.digest


def test_answers_about_crops_that_are_gone_do_no_harm(session: Session) -> None:
    append_answer(session.path, "same", ["visible/gone.png", *names_of(session, 0, 1, 2)])
    append_answer(session.path, "junk", ["visible/gone.png"])
    assert session.state()["done"] == [0]
    assert session.task_of(2) == -1


def test_names_are_shown_as_what_they_are(session: Session) -> None:
    shown = [crop["path"] for number in (0, 1) for crop in session.question(number)["sides"][0]["crops"]]
    assert r"visible/line\nfeed.png" in shown
    assert r"visible/\u202egnp.reversed.png" in shown
    assert session.question(0)["sides"][0]["crops"][0]["facts"] == "visible, camera <b>c1</b>, frame 0"


def test_a_large_group_is_shown_in_part_with_what_is_picked(session: Session) -> None:
    count = 5 * SHOWN
    table = session.crops.table.iloc[[0] * count].reset_index(drop=True)
    crops = Crops(session.crops.root, table.assign(path=[f"{row}.png" for row in range(count)]))
    rows = np.arange(count)
    large = Task(CLUSTER, 0.5, "", rows, rows[:0], rows[[7, count - 8]])
    session = Session(session.path, crops, [large, replace(large, picked=rows)], "large")
    some = [crop["row"] for crop in session.question(0)["sides"][0]["crops"]]
    assert len(some) == SHOWN
    assert some == sorted(some)
    assert {0, 7, count - 8, count - 1} <= set(some)
    assert len(session.question(1)["sides"][0]["crops"]) == SHOWN
    whole = session.question(0, whole=True)["sides"][0]
    assert [crop["row"] for crop in whole["crops"]] == rows.tolist()
    assert whole["count"] == count
