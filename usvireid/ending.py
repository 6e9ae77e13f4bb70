"""How a command ends: results written, or one line that says what is wrong, and an exit code."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import tempfile
import traceback
from typing import NoReturn

import typer

from usvireid.errors import UsageError, UsvireidError
from usvireid.printable import shown
from usvireid.recipe import TRACEBACK_VARIABLE

_GO_ON = ("run", "demo", "footage")
"""Commands that go on where they were stopped."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def run_to_the_end(app: typer.Typer) -> NoReturn:
    """Run a command line. Errors meant for a person are one line on standard error; the exit code says which kind."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # an old terminal that knows no arrow shows another sign for it
            stream.reconfigure(errors="replace")
    try:
        _refuse_undecodable(sys.argv[1:])
        code = app(standalone_mode=False)
        _flush_output()
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # private to Typer; its message is the whole help
            print(error.format_message(), file=sys.stderr)
            sys.exit(UsageError.exit_code)
        _fail(error.format_message(), UsageError.exit_code)
    except typer.Abort:
        _fail("stopped", 1)
    except UsvireidError as error:
        _fail(str(error), error.exit_code)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG and error.filename is not None:
            _fail(f"{error.filename}: {error.strerror}; give a shorter one.", UsageError.exit_code)
        _flush_output()
        _fail(_unexpected(error), 1)
    except Exception as error:  # the last resort: what nobody thought of is one line too, and its traceback is kept
        _flush_output()
        _fail(_unexpected(error), 1)
    if code == 130:
        _fail(_stopped(), 130)
    code = code if isinstance(code, int) else 0
    if _one_of_several():
        # A thread of the group may still let go of a tensor, for which it needs the interpreter: where that is ending,
        # the process is aborted after its work is done.
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _one_of_several() -> bool:
    """Whether torchrun started this process as one of several; asked here without waiting for PyTorch."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def _refuse_undecodable(arguments: list[str]) -> None:
    """Names that are no UTF-8 stand in no settings file and in no report; they are refused before work begins."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            text = argument.encode(errors="replace").decode()
            raise UsageError(f"{text}: is not text (UTF-8); rename it, or give another name.") from None


def _stopped() -> str:
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    return "stopped" + ("; nothing is lost: the same command goes on from there." if command in _GO_ON else ".")


def _flush_output() -> None:
    """Find out now, not at the very end, that the results cannot be written where they should go."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # What is left in the buffer goes nowhere: Python would try again at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            sys.exit(1)
        _fail(_no_output(error), 1)


def _no_output(error: OSError) -> str:
    return f"standard output cannot be written ({error.strerror}); free space, or send it elsewhere."


def _unexpected(error: Exception) -> str:
    """One line for an error that the library does not know, with the place of its traceback."""
    if isinstance(error, OSError) and error.filename is None and error.errno in _FULL:
        return _no_output(error)  # files have names, and `write_atomically` has words of its own for them
    text = " ".join(str(error).split())[:300]
    try:
        descriptor, kept = tempfile.mkstemp(prefix="usvireid-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            traceback.print_exception(error, file=file)
    except OSError:
        where = f"{TRACEBACK_VARIABLE}=1 shows the traceback"
    else:
        where = f"the traceback stands in {kept}"
    return f"unexpected {type(error).__name__}{f': {text}' if text else ''}; {where}."


def _fail(message: str, code: int) -> NoReturn:
    with contextlib.suppress(OSError):  # without a place to complain the exit code has to do
        if os.environ.get(TRACEBACK_VARIABLE) and sys.exception() is not None:
            traceback.print_exc()
        line = "error: " + shown(" ".join(message.split()))
        if _one_of_several():  # PyTorch is loaded already, or soon will be
            from usvireid.processes import end_all

            end_all(line, code)
        print(line, file=sys.stderr)
    sys.exit(code)
