"""An answer of a person about crops, and which of many answers hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SAME: Final = "same"
DIFFERENT: Final = "different"
APART: Final = "apart"
JUNK: Final = "junk"
UNDO: Final = "undo"
ACTIONS: Final = (SAME, DIFFERENT, APART, JUNK, UNDO)


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        number: counts from 1 in the order of the answers.
        time: when, ISO 8601, UTC.
        action: `same`: the crops of `first` and `second` together are one person; `different`: no crop of `first` is
            the person of any crop of `second`; `apart`: the crops of `first` are a mixture, nothing is known of any two
            of them; `junk`: the crops of `first` are never used again; `undo`: the answer `undoes` does not hold.
        first: paths of crops, as the data have them.
        second: the other side of `different`, or of `same` where two clusters were joined.
        undoes: number of an earlier answer, of `undo` only.

    Raises:
        ValueError: sides that the action does not have, a side that is empty, a crop on both, or nothing to undo.
    """

    number: int
    time: str
    action: str
    first: tuple[str, ...] = ()
    second: tuple[str, ...] = ()
    undoes: int | None = None

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"action '{self.action}' is none of {', '.join(ACTIONS)}")
        if self.number < 1:
            raise ValueError(f"number {self.number} is below 1")
        if self.action == UNDO:
            if self.first or self.second or self.undoes is None or not 1 <= self.undoes < self.number:
                raise ValueError("undo names an earlier answer and no crops")
            return
        if self.undoes is not None:
            raise ValueError(f"{self.action} undoes nothing")
        if not self.first or (self.action == DIFFERENT and not self.second):
            raise ValueError(f"{self.action} names no crops" + (" on one side" if self.action == DIFFERENT else ""))
        if self.action in (APART, JUNK) and self.second:
            raise ValueError(f"{self.action} has one side only")
        crops = self.first + self.second
        if len(set(crops)) < len(crops):
            raise ValueError(f"{self.action} names a crop twice")
        if self.action in (SAME, APART) and len(crops) < 2:
            raise ValueError(f"{self.action} needs two crops")

    @property
    def crops(self) -> tuple[str, ...]:
        """The crops of both sides."""
        return self.first + self.second


def standing(answers: Sequence[Answer]) -> list[Answer]:
    """The answers that hold: neither undone nor an undo themselves, in their order. An undo can be undone too."""
    gone = undone(answers)
    return [answer for answer in answers if answer.action != UNDO and answer.number not in gone]


def undone(answers: Sequence[Answer]) -> set[int]:
    """The numbers of the answers that do not hold, undos among them."""
    numbers: set[int] = set()
    for answer in reversed(answers):
        if answer.undoes is not None and answer.number not in numbers:
            numbers.add(answer.undoes)
    return numbers
