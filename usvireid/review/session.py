"""A review in progress: the questions, the answers so far, and what an action on the page means as an answer."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.printable import shown
from usvireid.review.answer import APART, DIFFERENT, JUNK, SAME, UNDO, Answer, standing
from usvireid.review.answers import StaleAnswer, append_answer, read_answers
from usvireid.review.settled import Settled
from usvireid.review.tasks import CLUSTER, Task

CONFIRM: Final = "confirm"
REJECT: Final = "reject"
SPLIT: Final = "split"
MERGE: Final = "merge"

SHOWN = 60
"""Crops of a side that are shown at first; the others are there on demand."""
_RECENT = 8


class RefusedAnswer(ValueError):
    """What was done on the page is no answer; the message tells the person why."""


@dataclass(frozen=True)
class Deed:
    """What a person did on the page.

    Attributes:
        action: confirm, reject, split, junk, merge or undo.
        after: the number of the last answer that the page had seen.
        task: the question in sight.
        picked: rows of crops that were picked, for split and junk.
        partner: the other question, for merge.
        undoes: the answer to take back, for undo.
    """

    action: str
    after: int
    task: int = -1
    picked: tuple[int, ...] = ()
    partner: int = -1
    undoes: int | None = None


class Session:
    """The questions about a run and the answers to them.

    The file of answers is the only memory: whatever is shown follows from the questions and from it, so that a process
    that is killed and started again goes on as if nothing had been. Safe to use from several threads.

    Args:
        path: the file of answers.
        crops: what the rows of the questions are rows of.
        tasks: the questions, in their order.
        title: what the page is called.
        is_current: whether the labels that the questions are about are still the newest of the run.
    """

    def __init__(
        self,
        path: Path,
        crops: Crops,
        tasks: Sequence[Task],
        title: str,
        is_current: Callable[[], bool] = lambda: True,
    ) -> None:
        self.path = path
        self.crops = crops
        self.tasks = list(tasks)
        self.title = title
        self._is_current = is_current
        self._paths: list[str] = crops.table[names.PATH].tolist()
        self._row = {name: row for row, name in enumerate(self._paths)}
        self._modality: list[str] = crops.table[names.MODALITY].tolist()
        self._facts = {
            column: [None if pd.isna(value) else value for value in crops.table[column]]
            for column in (names.CAMERA, names.TRACK, names.FRAME)
        }
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._answers: tuple[Answer, ...] = ()
        self._known: tuple[tuple[Answer, ...], Settled] | None = None
        digest = hashlib.sha256("\n".join(self._paths).encode())
        for task in self.tasks:
            digest.update(b"|".join((task.kind.encode(), task.first.tobytes(), task.second.tobytes())))
        self.digest = digest.hexdigest()[:16]
        """Of the questions: a page that has others must be loaded anew."""

    def answers(self) -> tuple[Answer, ...]:
        """All answers so far, those of other processes among them.

        Raises:
            DataError: the file is damaged.
        """
        with self._lock:
            stamp = self._stamp_now()
            if stamp != self._stamp:
                self._answers = tuple(read_answers(self.path))
                self._stamp = stamp
            return self._answers

    def do(self, deed: Deed) -> Answer:
        """Write what a person did as an answer; it is on the disk when this returns.

        Raises:
            RefusedAnswer: it is none, such as a split of nothing.
            StaleAnswer: there are answers that the page has not seen.
            UsvireidError: it cannot be written.
        """
        answers = self.answers()
        last = answers[-1].number if answers else 0
        if deed.after != last:
            raise StaleAnswer("Another page has answered in the meantime; your answer was not taken. Look again.")
        first, second, action = self._meant(deed, answers)
        try:
            answer = append_answer(
                self.path,
                action,
                [self._paths[row] for row in first],
                [self._paths[row] for row in second],
                undoes=deed.undoes,
                after=deed.after,
            )
        except ValueError as error:
            raise RefusedAnswer(f"{error}.") from None
        return answer

    def state(self) -> dict[str, Any]:
        """What the page shows around the question: plain JSON values."""
        answers = self.answers()
        held, settled = standing(answers), self._settled(answers)
        done = [number for number, task in enumerate(self.tasks) if settled.settles(task)]
        return {
            "digest": self.digest,
            "current": self._is_current(),
            "last": answers[-1].number if answers else 0,
            "answers": len(held),
            "done": done,
            "recent": [{"number": each.number, "text": self.said(each)} for each in held[: -_RECENT - 1 : -1]],
        }

    def question(self, number: int, whole: bool = False) -> dict[str, Any]:
        """A question with its crops, as plain JSON values.

        Args:
            number: from 0.
            whole: all crops, not the first `SHOWN` of each side.

        Raises:
            IndexError: there is no such question.
        """
        if not 0 <= number < len(self.tasks):
            raise IndexError(number)
        task = self.tasks[number]
        answers = self.answers()
        held, junk = standing(answers), self._settled(answers).junk
        about = [answer for answer in held if self._concerns(answer, task)]
        sides = [side for side in (task.first, task.second) if len(side)]
        return {
            "task": number,
            "kind": task.kind,
            "chance": round(task.score, 2) if task.doubted else None,
            "reason": task.reason,
            "sides": [self._side(side, task, junk, whole) for side in sides],
            "said": [{"number": answer.number, "text": self.said(answer)} for answer in about[::-1]],
        }

    def said(self, answer: Answer) -> str:
        """An answer in a few words."""
        first, second = len(answer.first), len(answer.second)
        both = f"{first + second} crops are one person"
        return {
            SAME: f"joined: {both}" if second else f"confirmed: {both}",
            DIFFERENT: f"different: {_crops(first)} and {_crops(second)} are two people",
            APART: f"rejected: {_crops(first)} are a mixture",
            JUNK: f"junk: {_crops(first)} never used again",
            UNDO: f"took back answer {answer.undoes}",
        }[answer.action]

    def task_of(self, number: int) -> int:
        """The question that an answer was given to, or is about; -1 for none."""
        answer = next((answer for answer in self.answers() if answer.number == number), None)
        if answer is None:
            return -1
        about = [place for place, task in enumerate(self.tasks) if self._concerns(answer, task)]
        return about[0] if about else -1

    def _meant(self, deed: Deed, answers: tuple[Answer, ...]) -> tuple[list[int], list[int], str]:
        """The rows of both sides and the action of the answer that a deed means."""
        if deed.action == UNDO:
            if deed.undoes is None:
                raise RefusedAnswer("There is nothing to undo.")
            return [], [], UNDO
        junk = self._settled(answers).junk
        task = self._task(deed.task)
        first, second = ([row for row in side.tolist() if not junk[row]] for side in (task.first, task.second))
        picked = list(dict.fromkeys(deed.picked))
        if not set(picked) <= set(task.rows.tolist()):
            raise RefusedAnswer("A picked crop is not on this page; load it anew.")
        if deed.action == JUNK:
            if not picked:
                raise RefusedAnswer("Pick the crops that are junk first (space).")
            return picked, [], JUNK
        if deed.action == SPLIT:
            return self._split(picked, first + second)
        if deed.action == MERGE:
            return self._merged(first + second, deed, junk)
        if deed.action not in (CONFIRM, REJECT):
            raise RefusedAnswer(f"Unknown action '{shown(deed.action)[:40]}'.")
        return self._judged(deed.action, task, first, second)

    def _judged(self, action: str, task: Task, first: list[int], second: list[int]) -> tuple[list[int], list[int], str]:
        """What confirming or rejecting the whole question means."""
        if len(first) + len(second) < 2 or (task.kind != CLUSTER and not (first and second)):
            raise RefusedAnswer("Too few crops are left, the others are junk; go on to the next.")
        if action == CONFIRM:
            return first, second, SAME
        return first, second, APART if task.kind == CLUSTER else DIFFERENT

    def _split(self, picked: list[int], rows: list[int]) -> tuple[list[int], list[int], str]:
        chosen = set(picked)
        inside, rest = ([row for row in rows if (row in chosen) == side] for side in (True, False))
        if not inside or not rest:
            raise RefusedAnswer("Pick the crops of one person first (space), and leave those of the others.")
        return inside, rest, DIFFERENT

    def _merged(self, rows: list[int], deed: Deed, junk: np.ndarray) -> tuple[list[int], list[int], str]:
        held = self._task(deed.partner)
        known = set(rows)
        others = [row for row in held.rows.tolist() if not junk[row] and row not in known]
        if deed.partner == deed.task or not others or not rows:
            raise RefusedAnswer("Hold one group (m), go to another one and press m there.")
        return others, rows, SAME

    def _task(self, number: int) -> Task:
        if not 0 <= number < len(self.tasks):
            raise RefusedAnswer("There is no such question; load the page anew.")
        return self.tasks[number]

    def _side(self, rows: np.ndarray, task: Task, junk: np.ndarray, whole: bool) -> dict[str, Any]:
        picked = set(task.picked.tolist())
        some = rows if whole else _some(rows, picked)
        kinds = {self._modality[row] for row in rows.tolist()}
        return {
            "modality": " and ".join(kind for kind in names.MODALITIES if kind in kinds),
            "count": len(rows),
            "crops": [self._crop(row, row in picked, bool(junk[row])) for row in some.tolist()],
        }

    def _crop(self, row: int, picked: bool, junk: bool) -> dict[str, Any]:
        known = {column: values[row] for column, values in self._facts.items() if values[row] is not None}
        said = {column: shown(str(value)) for column, value in known.items()}
        return {
            "row": row,
            "path": shown(self._paths[row]),
            "facts": ", ".join([self._modality[row], *(f"{column} {value}" for column, value in said.items())]),
            "where": "\n".join(list(said.values())[:2]),
            "picked": picked,
            "junk": junk,
        }

    def _rows_of(self, answer: Answer) -> set[int]:
        return {self._row[path] for path in answer.crops if path in self._row}

    def _concerns(self, answer: Answer, task: Task) -> bool:
        """Whether an answer says something about two crops of a question, or that one of them is junk."""
        shared = self._rows_of(answer).intersection(task.rows.tolist())
        return len(shared) >= (1 if answer.action == JUNK else 2)

    def _settled(self, answers: tuple[Answer, ...]) -> Settled:
        """What follows from the answers, worked out once."""
        with self._lock:
            if self._known is None or self._known[0] is not answers:
                self._known = answers, Settled(answers, self.crops)
            return self._known[1]

    def _stamp_now(self) -> tuple[int, int] | None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        return status.st_size, status.st_mtime_ns


def _some(rows: np.ndarray, picked: set[int]) -> np.ndarray:
    """At most `SHOWN` rows in their order: those that are picked, and others evenly spaced."""
    if len(rows) <= SHOWN:
        return rows
    chosen = np.isin(rows, list(picked))
    chosen[np.flatnonzero(chosen)[SHOWN:]] = False
    free = np.flatnonzero(~chosen)
    room = SHOWN - int(chosen.sum())
    if room:
        chosen[free[np.linspace(0, len(free) - 1, room).round().astype(np.int64)]] = True
    return rows[chosen]


def _crops(count: int) -> str:
    return f"{count} crop" if count == 1 else f"{count} crops"
