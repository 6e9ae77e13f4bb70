"""Files that are either whole or absent."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from usvireid.errors import UsageError, UsvireidError

_SUFFIX = ".part"
_ENDINGS = frozenset({".onnx", ".safetensors", ".pt", ".pth", ".png", ".jpg", ".jpeg", ".svg", ".pdf"})
"""Of files that a person may take for another kind."""


def write_atomically(
    path: Path,
    content: bytes | Callable[[BinaryIO], None],
    remedy: str = "Free space or choose another folder, then run the same command again.",
) -> None:
    """Replace `path` by a complete new file; on any failure the old one stays as it was.

    The new content goes to a temporary file beside `path`, reaches the disk, and takes the name in one step.

    Args:
        path: the file.
        content: its content, or what writes it.
        remedy: what a person can do where it cannot be written.

    Raises:
        UsvireidError: the disk is full or the folder cannot be written to; the message names the file.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_SUFFIX)
        with os.fdopen(descriptor, "wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            remedy = "Give a shorter name."
        raise UsvireidError(
            f"{path}: cannot be written ({error.strerror or error}); nothing was changed. {remedy}"
        ) from None
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink(missing_ok=True)


@contextlib.contextmanager
def held(folder: Path, busy: str) -> Iterator[None]:
    """Hold a folder against other processes; the hold ends with the process, however it ends.

    Args:
        folder: one that exists.
        busy: what to say where another process holds it.

    Raises:
        UsvireidError: another process holds it.
    """
    import fcntl  # not on every system, and the rest of this file is

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsvireidError(busy) from None
        yield
    finally:
        os.close(descriptor)


def size_text(count: float) -> str:
    """A number of bytes as a person reads it: 512 bytes, 20 kB, 1.5 GB."""
    if count < 1000:
        return f"{count:.0f} bytes"
    units = ["kB", "MB", "GB", "TB"]
    value = count / 1000
    while value >= 999.5 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.0f} {units[0]}" if value >= 9.95 else f"{value:.1f} {units[0]}"


def output_file(out: Path, name: str, option: str = "--out") -> Path:
    """The file that an option asks for: in a folder one called `name`; else itself, with the ending of `name`.

    Raises:
        UsageError: the name has another ending, it is a device, or there is no such folder; none is made, so that a
            slip shows.
    """
    ending = Path(name).suffix
    if out.is_dir():
        return out / name
    if out.exists() and not out.is_file():
        raise UsageError(f"{option} {out}: is no file that can be replaced; give another name.")
    if out.suffix.lower() in _ENDINGS - {ending}:
        raise UsageError(f"{option} {out}: what is written is {ending}; give the file that ending.")
    target = out if out.suffix.lower() == ending else out.with_name(out.name + ending)
    if not target.parent.is_dir():
        raise UsageError(f"{option} {out}: there is no folder {target.parent}; make it first.")
    return target


def refuse_in_data(target: Path, data: Path) -> None:
    """See to it that nothing is written among the crops.

    Raises:
        UsageError: the file or folder lies in the data folder.
    """
    if data.is_dir() and target.resolve().is_relative_to(data.resolve()):
        raise UsageError(f"{target}: lies in the data folder {data}, which is never written to; give another --out.")


def is_unfinished(path: Path) -> bool:
    """Whether this is a temporary file of `write_atomically`, left by a process that was killed."""
    return path.name.startswith(".") and path.name.endswith(_SUFFIX)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
