"""What to look at first: the most doubtful clusters, links and crops as cards with their strips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from usvireid import names
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.doubts import Doubt
from usvireid.quality.page.people import Standing
from usvireid.quality.strips import Strip, strip_of

_CARDS = 24
_OF_A_KIND = 12
"""So that every kind of doubt is among the cards, where there is one."""
_STRIP = 6


@dataclass(frozen=True)
class Card:
    """A doubt to look at.

    Attributes:
        kind: what is in doubt, for a heading.
        score: the chance that it is wrong, in [0, 1].
        reason: why, a sentence.
        sides: the two sides of the question.
        identities: the pseudo-identities concerned, ascending.
    """

    kind: str
    score: float
    reason: str
    sides: Sequence[Strip]
    identities: Sequence[int]


def cards_of(doubts: Sequence[Doubt], labels: PseudoLabels) -> list[Card]:
    """The first doubts as cards, no more than half of them of one kind."""
    identity = np.asarray(labels.column(names.IDENTITY), dtype=np.int64)
    return [
        Card(
            kind=doubt.kind,
            score=doubt.score,
            reason=doubt.reason,
            sides=[side for rows in (doubt.first, doubt.second) for side in _sides(rows, labels)],
            identities=_of(identity, doubt.rows),
        )
        for doubt in _first(doubts)
    ]


def rows_on(cards: Sequence[Card]) -> list[int]:
    """The rows that pictures are wanted of, card by card."""
    return [row for card in cards for side in card.sides for row in side.rows]


def standing_of(doubts: Sequence[Doubt], labels: PseudoLabels) -> dict[int, Standing]:
    """What the doubts say about each pseudo-identity that they concern: the gravest one, and how sure its match is.

    A doubt about a single crop says nothing about the identity as a whole.
    """
    identity = np.asarray(labels.column(names.IDENTITY), dtype=np.int64)
    worst: dict[int, Doubt] = {}
    links: dict[int, float] = {}
    for doubt in doubts:
        for number in _of(identity, doubt.rows) if doubt.kind != "crop" else ():
            if number not in worst or doubt.score > worst[number].score:
                worst[number] = doubt
            if doubt.kind == "link" and doubt.together:
                links[number] = min(links.get(number, 1.0), 1 - doubt.score)
    return {number: Standing(doubt.score, doubt.reason, links.get(number)) for number, doubt in worst.items()}


def _first(doubts: Sequence[Doubt]) -> list[Doubt]:
    counted: Counter[str] = Counter()
    chosen: list[Doubt] = []
    for doubt in doubts:
        counted[doubt.kind] += 1
        if counted[doubt.kind] <= _OF_A_KIND:
            chosen.append(doubt)
        if len(chosen) == _CARDS:
            break
    return chosen


def _sides(rows: np.ndarray, labels: PseudoLabels) -> list[Strip]:
    """A strip for each modality that occurs in the rows."""
    modality = labels.column(names.MODALITY)[rows]
    cluster = np.asarray(labels.column(names.CLUSTER), dtype=np.int64)[rows]
    strips = []
    for one in names.MODALITIES:
        own = modality == one
        found = np.unique(cluster[own])
        strips.append(strip_of(one, rows[own], _STRIP, found[found >= 0].tolist()))
    return [strip for strip in strips if strip.crops]


def _of(identity: np.ndarray, rows: np.ndarray) -> list[int]:
    found = np.unique(identity[rows])
    return [int(number) for number in found[found >= 0]]
