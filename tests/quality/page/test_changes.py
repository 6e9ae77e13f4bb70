"""What answers have changed, in words."""

import numpy as np

from tests.quality.made_labels import R, V, made_labels
from usvireid.quality.page.changes import changes_by
from usvireid.review.answer import Answer


def answer(
    number: int, action: str, first: list[int] = (), second: list[int] = (), undoes: int | None = None
) -> Answer:
    return Answer(number, "", action, *(tuple(f"{row:03d}.png" for row in side) for side in (first, second)), undoes)


LABELS = made_labels([V, V, R, R, V, R], [0, 0, 0, 1, 1, -1], [7, 7, 7, 8, 9, -1])


def test_answers_are_counted_by_kind_and_held_against_the_labels():
    answers = [
        answer(1, "same", [0, 1], [2]),
        answer(2, "same", [3, 4]),
        answer(3, "different", [0], [3, 5]),
        answer(4, "different", [0, 3], [2]),
        answer(5, "junk", [5]),
        answer(6, "junk", [4]),
        answer(7, "apart", [3, 4]),
        answer(8, "same", [4, 5]),
        answer(9, "undo", undoes=8),
    ]
    found = changes_by(answers, LABELS, [])
    assert found.table.rows == [
        ["one person", "2", "1"],
        ["different people", "2", "1"],
        ["a mixture", "1", ""],
        ["not to be used", "2", "1"],
    ]
    assert found.sentences == [
        "7 answers hold (2 more were undone or undo). They touch 3 of the present pseudo-identities."
    ]


def test_crops_that_have_gone_are_counted():
    found = changes_by([answer(1, "same", [0, 99])], LABELS, [])
    assert found.table.rows == [["one person", "1", "1"]]
    assert found.sentences[-1] == "1 of the crops that they name is gone from the data."


def test_the_agreement_before_and_after_is_that_of_the_epochs_around_the_first_answers():
    lines = [
        {"epoch": 1, "truth": {"ari": 0.1, "match_accuracy": 0.2}},
        {"epoch": 2, "truth": {"ari": 0.3, "match_accuracy": 0.4}, "answers": 0},
        {"epoch": 3, "truth": {"ari": 0.5, "match_accuracy": 0.6}, "answers": 4},
        {"epoch": 4, "truth": {"ari": np.float64(0.7), "match_accuracy": None}, "answers": 4},
        {"epoch": 5, "answers": 4},
    ]
    said = changes_by([answer(1, "junk", [5])], LABELS, lines).sentences
    assert said[0] == "1 answer holds. They touch 0 of the present pseudo-identities."
    assert said[1] == (
        "By the known identities, which no answer sees: the ARI of the pseudo-identities 0.30 before and 0.70 now "
        "(epochs 2 and 4)."
    )
    assert len(changes_by([answer(1, "junk", [5])], LABELS, lines[:2]).sentences) == 1


def test_no_answers_nothing_to_say():
    assert changes_by([], LABELS, []) is None
    undone = [answer(1, "junk", [5]), answer(2, "undo", undoes=1)]
    assert changes_by(undone, LABELS, []).table.rows == []
