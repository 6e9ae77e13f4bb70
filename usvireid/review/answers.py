"""What a person has said about crops: a table that only grows, one line an answer.

Everything is said of crops, by their paths, never of clusters: those are numbered anew in every epoch. A line is
written in one piece and has reached the disk before anything else happens, so a process that is killed loses no answer;
a last line that is cut off all the same (a full disk, a power cut) is known by its missing end and set aside.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from usvireid import names
from usvireid.clustering.constraints import ConstraintsBuilder
from usvireid.data.crops import Crops
from usvireid.errors import DataError, UsvireidError
from usvireid.review.answer import APART, DIFFERENT, SAME, Answer, standing, undone
from usvireid.review.answer_table import HEADER, add, parse, to_line


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
    answers, torn = parse(content, path)
    if torn and warn is not None:
        warn(f"{path}: the last line is cut off and left out")
    return answers


def add_answers(builder: ConstraintsBuilder, answers: Sequence[Answer], crops: Crops) -> int:
    """Tell a builder of constraints what the answers that hold say; the newest first, so that a later word outweighs.

    Args:
        builder: for the rows of `crops`.
        answers: as `read_answers` gives them.
        crops: the crops at hand; others in the answers have gone from the data, or cannot be read, and are left out.

    Returns:
        How many crops were left out, each counted once.
    """
    row = {path: place for place, path in enumerate(crops.table[names.PATH])}
    gone: set[str] = set()
    for answer in reversed(standing(answers)):
        gone.update(path for path in answer.crops if path not in row)
        first, second = ([row[path] for path in side if path in row] for side in (answer.first, answer.second))
        if answer.action == SAME:
            builder.must(first + second)
        elif answer.action == DIFFERENT:
            builder.cannot(first, second)
        elif answer.action == APART:
            builder.apart(first)
        else:
            builder.junk(first)
    return len(gone)


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
        if undoes is not None and undoes in undone(answers):
            raise ValueError(f"answer {undoes} is undone already")
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        answer = Answer(last + 1, now, action, tuple(first), tuple(second), undoes)
        add(answers, answer, str(path))
        _write(descriptor, to_line(answer))
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
    answers, torn = parse(content, path)
    if torn:
        with set_aside(path).open("ab") as kept:
            kept.write(torn + b"\n")
            kept.flush()
            os.fsync(kept.fileno())
    whole = content[: len(content) - len(torn)]
    if not whole.endswith(b"\n"):
        # The header of a new file, or of one that was cut off in it; or a last line that lacks no more than its end.
        whole, missing = (whole, b"\n") if b"\n" in whole else (b"", HEADER)
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
