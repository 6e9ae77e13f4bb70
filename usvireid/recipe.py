"""A recipe or an encoder may be other people's code: what it raises becomes one line that names its file and line."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from usvireid.errors import UsvireidError

TRACEBACK_VARIABLE = "USVIREID_TRACEBACK"
"""The environment variable that, set to anything, shows the traceback of an error beside its line."""


@contextmanager
def named_faults(file: Path, doing: str, kind: type[UsvireidError] = UsvireidError) -> Iterator[None]:
    """Turn what a file of Python code raises in the block into an error of one line.

    Args:
        file: the file.
        doing: what failed, such as "cluster() failed in epoch 3".
        kind: the error to raise.

    Raises:
        UsvireidError: as the library raised it, or, for anything else, of the given kind.
    """
    try:
        yield
    except UsvireidError:
        raise
    except (Exception, SystemExit) as error:  # such a file may raise anything, and exit() is no end of a run
        message = " ".join(str(error).split())
        said = f"{type(error).__name__}: {message[:300]}" if message else type(error).__name__
        line = _line_in(file, error)
        raise kind(
            f"{file}: {doing}: {said}{'' if line is None else f' (line {line})'}. "
            f"{TRACEBACK_VARIABLE}=1 shows the whole traceback."
        ) from error


def _line_in(file: Path, error: BaseException) -> int | None:
    """The line of the file that was at work, if one was."""
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return lines[-1] if lines else None
