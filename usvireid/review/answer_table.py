"""The form in which answers stand in their file: CSV, a line an answer, so that one that is cut off is known."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Final

from usvireid.errors import DataError
from usvireid.review.answer import UNDO, Answer

_COLUMNS = ("number", "time", "action", "first", "second", "undoes")
HEADER: Final = (",".join(_COLUMNS) + "\n").encode()
_FIELD = re.compile(r'"([^"]*(?:""[^"]*)*)"|([^",]*)')


def to_line(answer: Answer) -> bytes:
    """A line of the file. All fields are quoted, so that one that is cut off anywhere does not look whole."""
    text = io.StringIO()
    sides = [json.dumps(side, ensure_ascii=False) for side in (answer.first, answer.second)]
    undoes = "" if answer.undoes is None else answer.undoes
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow([answer.number, answer.time, answer.action, *sides, undoes])
    return text.getvalue().encode()


def parse(content: bytes, path: Path) -> tuple[list[Answer], bytes]:
    """The answers of a file's content, and a last line that is cut off."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    *lines, last = content.split(b"\n")
    if not lines:
        if HEADER.startswith(last):
            return [], b""
        lines, last = [last], b""
    if lines[0].strip().replace(b'"', b"") != HEADER.strip():
        raise DataError(f"{path}: line 1: not the header of an answers file ({','.join(_COLUMNS)}); put it back.")
    answers: list[Answer] = []
    for number, line in enumerate(lines[1:], start=2):
        if line.strip():
            add(answers, _answer(line, f"{path}: line {number}"), f"{path}: line {number}")
    if not last.strip():
        return answers, b""
    try:
        whole = _answer(last, "")
    except DataError:
        return answers, last
    add(answers, whole, f"{path}: the last line")
    return answers, b""


def add(answers: list[Answer], answer: Answer, where: str) -> None:
    """Add an answer to those before it.

    Raises:
        DataError: its number does not follow, or it undoes what is not there; the message begins with `where`.
    """
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
