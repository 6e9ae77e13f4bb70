"""Doubts as cards, and what they say about each pseudo-identity."""

import numpy as np

from tests.quality.made_labels import R, V, made_labels
from usvireid.quality.doubts import Doubt
from usvireid.quality.page.doubtful import cards_of, rows_on, standing_of
from usvireid.quality.page.people import Standing

LABELS = made_labels([V, V, R, R, V, R, V], [0, 1, 0, 0, 1, -1, 2], [7, 7, 7, 7, 8, -1, 9])


def doubt(kind: str, score: float, first: list[int], second: list[int], together: bool = True) -> Doubt:
    rows = np.sort(np.array(first + second))
    return Doubt(kind, score, f"Why {score}.", rows, np.array(first), np.array(second), together)


def test_a_card_shows_both_sides_by_modality():
    (card,) = cards_of([doubt("link", 0.9, [0, 1], [2, 3])], LABELS)
    assert [(side.modality, list(side.rows), list(side.clusters)) for side in card.sides] == [
        (V, [0, 1], [0, 1]),
        (R, [2, 3], [0]),
    ]
    assert (card.kind, card.score, card.reason, list(card.identities)) == ("link", 0.9, "Why 0.9.", [7])
    (card,) = cards_of([doubt("crop", 0.3, [5], [0, 2])], LABELS)
    assert [side.modality for side in card.sides] == [R, V, R] and list(card.identities) == [7]
    assert rows_on([card]) == [5, 0, 2]


def test_no_kind_fills_all_cards():
    many = [doubt("crop", 0.9 - i / 100, [0], [1]) for i in range(40)]
    some = [doubt("link", 0.2, [0], [2]) for _ in range(40)]
    cards = cards_of(many + some, LABELS)
    assert [card.kind for card in cards] == ["crop"] * 12 + ["link"] * 12
    assert len(cards_of(many, LABELS)) == 12 and cards_of([], LABELS) == []


def test_an_identity_has_its_gravest_doubt_and_its_least_sure_match():
    found = standing_of(
        [
            doubt("crop", 0.95, [0], [1]),
            doubt("link", 0.5, [0], [2]),
            doubt("link", 0.3, [1], [3]),
            doubt("cluster", 0.6, [0, 1], [4], together=False),
            doubt("link", 0.7, [6], [5], together=False),
        ],
        LABELS,
    )
    assert found[7] == Standing(0.6, "Why 0.6.", 0.5)
    assert found[8] == Standing(0.6, "Why 0.6.", None)
    assert found[9] == Standing(0.7, "Why 0.7.", None) and set(found) == {7, 8, 9}
