"""What a person has said about crops: a table that only grows, one line an answer.

Everything is said of crops, by their paths, never of clusters: those are numbered anew in every epoch. A line is
written in one piece and has reached the disk before anything else happens, so a process that is killed loses no answer;
a last line that is cut off all the same (a full disk, a power cut) is known by its missing end and set aside.
"""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from usvireid.errors import DataError, UsvireidError

SAME: Final = "same"
DIFFERENT: Final = "different"
APART: Final = "apart"
JUNK: Final = "junk"
UNDO: Final = "undo"
ACTIONS: Final = (SAME, DIFFERENT, APART, JUNK, UNDO)

_COLUMNS = ("number", "time", "action", "first", "second", "undoes")
_HEADER = (",".join(_COLUMNS) + "\n").encode()
_FIELD = re.compile(r'"([^"]*(?:""[^"]*)*)"|([^",]*)')


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


class StaleAnswer(UsvireidError):
    """An answer to a page that has not seen the latest one."""


def read_answers(path: Path, warn: Callable[[str], None] | None = None) -> list[Answer]:
    """The answers in a file, undone ones among them, in their order; none where there is no file.

    Args:
        path: `reviews.csv` of a run.
        warn: told in one line where a last line is cut off and left out.

    Raises:
        DataError: the file cannot be read, or a line in it is no answer; the message names the line.
    """
    try:
        with _locked(path, os.O_RDONLY, fcntl.LOCK_SH) as descriptor:
            content = _read(descriptor)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its permissions.") from None
    answers, torn = _parse(content, path)
    if torn and warn is not None:
        warn(f"{path}: the last line is cut off and left out")
    return answers


def standing(answers: Sequence[Answer]) -> list[Answer]:
    """The answers that hold: neither undone nor an undo themselves, in their order. An undo can be undone too."""
    undone = _undone(answers)
    return [answer for answer in answers if answer.action != UNDO and answer.number not in undone]


def _undone(answers: Sequence[Answer]) -> set[int]:
    undone: set[int] = set()
    for answer in reversed(answers):
        if answer.undoes is not None and answer.number not in undone:
            undone.add(answer.undoes)
    return undone


def append_answer(
    path: Path,
    action: str,
    first: Sequence[str] = (),
    second: Sequence[str] = (),
    *,
    undoes: int | None = None,
    after: int | None = None,
) -> Answer:
    """Add an answer to the file, which is made where there is none; on the disk before this returns.

    A last line that is cut off is moved to `set_aside(path)` first.

    Args:
        path: `reviews.csv` of a run.
        action: with `first`, `second` and `undoes` as of `Answer`.
        first: paths of crops.
        second: paths of crops.
        undoes: number of an answer that is not undone yet.
        after: the number of the last answer that the person had seen, 0 for none; None: it does not matter.

    Raises:
        StaleAnswer: the last answer is another one; nothing was written.
        UsvireidError: it cannot be written; the file is as it was.
        DataError: the file is damaged.
        ValueError: as `Answer`, or `undoes` is undone already.
    """
    with _opened_to_write(path, os.O_CREAT) as descriptor:
        answers = _mended(descriptor, path)[0]
        last = answers[-1].number if answers else 0
        if after is not None and after != last:
            raise StaleAnswer(f"{path}: the last answer is {last}, not {after}; look again.")
        if undoes is not None and undoes in _undone(answers):
            raise ValueError(f"answer {undoes} is undone already")
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        answer = Answer(last + 1, now, action, tuple(first), tuple(second), undoes)
        _add(answers, answer, str(path))
        _write(descriptor, _line(answer))
    return answer


def mend(path: Path) -> bytes:
    """Move a last line that is cut off to `set_aside(path)`.

    Returns:
        What was cut off; empty where the file is whole or there is none.

    Raises:
        UsvireidError: the file cannot be written to.
        DataError: the file is damaged.
    """
    if not path.exists():
        return b""
    with _opened_to_write(path) as descriptor:
        return _mended(descriptor, path)[1]


def set_aside(path: Path) -> Path:
    """Where lines that are cut off are kept."""
    return path.with_name(path.name + ".torn")


def _line(answer: Answer) -> bytes:
    """A line of the file. All fields are quoted, so that one that is cut off anywhere does not look whole."""
    text = io.StringIO()
    sides = [json.dumps(side, ensure_ascii=False) for side in (answer.first, answer.second)]
    undoes = "" if answer.undoes is None else answer.undoes
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow([answer.number, answer.time, answer.action, *sides, undoes])
    return text.getvalue().encode()


def _parse(content: bytes, path: Path) -> tuple[list[Answer], bytes]:
    """The answers of a file's content, and a last line that is cut off."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    *lines, last = content.split(b"\n")
    if not lines:
        if _HEADER.startswith(last):
            return [], b""
        lines, last = [last], b""
    if lines[0].strip().replace(b'"', b"") != _HEADER.strip():
        raise DataError(f"{path}: line 1: not the header of an answers file ({','.join(_COLUMNS)}); put it back.")
    answers: list[Answer] = []
    for number, line in enumerate(lines[1:], start=2):
        if line.strip():
            _add(answers, _answer(line, f"{path}: line {number}"), f"{path}: line {number}")
    if not last.strip():
        return answers, b""
    try:
        whole = _answer(last, "")
    except DataError:
        return answers, last
    _add(answers, whole, f"{path}: the last line")
    return answers, b""


def _add(answers: list[Answer], answer: Answer, where: str) -> None:
    if answers and answer.number <= answers[-1].number:
        raise DataError(f"{where}: the number {answer.number} follows {answers[-1].number}; numbers grow.")
    if answer.action == UNDO and all(answer.undoes != known.number for known in answers):
        raise DataError(f"{where}: undoes answer {answer.undoes}, which is not there; remove the line.")
    answers.append(answer)


def _answer(line: bytes, where: str) -> Answer:
    """One line as an answer.

    Raises:
        DataError: it is none; the message begins with `where`.
    """
    try:
        number, time, action, first, second, undoes = _fields(line.decode())
        return Answer(int(number), time, action, _paths(first), _paths(second), int(undoes) if undoes else None)
    except (ValueError, RecursionError) as error:  # JSON and UTF-8 that is none are ValueErrors too
        why = " ".join(str(error).split())[:200]
        raise DataError(f"{where}: no answer ({why}); correct the line or remove it.") from None


def _fields(line: str) -> list[str]:
    """The fields of a line of CSV. Python's reader refuses fields above 128 KiB, which a large cluster exceeds."""
    line = line.rstrip("\r")
    fields, place = [], 0
    while True:
        found = _FIELD.match(line, place)
        if found is None:
            raise ValueError("not CSV")
        quoted, plain = found.groups()
        fields.append(plain if quoted is None else quoted.replace('""', '"'))
        place = found.end()
        if place == len(line):
            return fields
        if line[place] != ",":
            raise ValueError("not CSV")
        place += 1


def _paths(text: str) -> tuple[str, ...]:
    paths = json.loads(text)
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise ValueError("a side is not a list of paths")
    return tuple(paths)


@contextmanager
def _locked(path: Path, flags: int, lock: int) -> Iterator[int]:
    """The file, opened and held against other processes: one that writes waits for readers and they for it."""
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, lock)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _opened_to_write(path: Path, flags: int = 0) -> Iterator[int]:
    try:
        with _locked(path, os.O_RDWR | os.O_APPEND | flags, fcntl.LOCK_EX) as descriptor:
            yield descriptor
    except OSError as error:
        raise UsvireidError(
            f"{path}: cannot be written ({error.strerror}); the answer was not taken. Free space or see to permissions."
        ) from None


def _mended(descriptor: int, path: Path) -> tuple[list[Answer], bytes]:
    """The answers of an opened file, which is made fit to be added to, and what was cut off at its end."""
    content = _read(descriptor)
    answers, torn = _parse(content, path)
    if torn:
        with set_aside(path).open("ab") as kept:
            kept.write(torn + b"\n")
            kept.flush()
            os.fsync(kept.fileno())
    whole = content[: len(content) - len(torn)]
    if not whole.endswith(b"\n"):
        # The header of a new file, or of one that was cut off in it; or a last line that lacks no more than its end.
        whole, missing = (whole, b"\n") if b"\n" in whole else (b"", _HEADER)
        os.ftruncate(descriptor, len(whole))
        _write(descriptor, missing)
        _sync_folder(path.parent)
    elif torn:
        os.ftruncate(descriptor, len(whole))
        os.fsync(descriptor)
    return answers, torn


def _write(descriptor: int, line: bytes) -> None:
    """Add a line at the end of the file and see it to the disk, or leave the file as it was."""
    size = os.fstat(descriptor).st_size
    try:
        written = os.write(descriptor, line)
        while written < len(line):
            written += os.write(descriptor, line[written:])
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def _sync_folder(folder: Path) -> None:
    """See the name of a new file to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        return file.read()
