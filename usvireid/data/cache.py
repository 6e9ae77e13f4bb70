"""The folder for what can be computed again, and locks in it."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from usvireid.errors import UsvireidError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

CACHE_VARIABLE = "USVIREID_CACHE"
"""The environment variable that moves the cache folder."""

CACHE_REMEDY = (
    f"Name a folder on a local disk with enough room: --set data.cache=FOLDER, or set {CACHE_VARIABLE}, which counts "
    "where data.cache is none."
)
"""What a person can do where the cache cannot be used."""

_HELD = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK})


def cache_folder(chosen: Path | None = None) -> Path:
    """The cache folder: the chosen one, else `$USVIREID_CACHE`, else `usvireid` in `$XDG_CACHE_HOME` or `~/.cache`.

    Nothing in it is needed: it may be deleted whenever no run is using it, and is then filled again.

    Raises:
        UsvireidError: the folder cannot be made or written to.
    """
    if chosen is None:
        variable = os.environ.get(CACHE_VARIABLE, "").strip()
        home = os.environ.get("XDG_CACHE_HOME", "").strip()
        if variable:
            chosen = Path(variable)
        else:
            chosen = Path(home) / "usvireid" if home and Path(home).is_absolute() else Path("~/.cache/usvireid")
    try:
        folder = chosen.expanduser().absolute()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        raise cache_error(chosen, error) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise cache_error(folder, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    return folder


def cache_error(place: Path, error: Exception) -> UsvireidError:
    """What to tell a person when the cache cannot be used."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return UsvireidError(f"{place}: the image cache cannot be written ({reason}). {CACHE_REMEDY}")


def cache_size(folder: Path) -> tuple[int, int]:
    """How many files a cache folder holds and how many bytes they take together."""
    files = bytes_taken = 0
    for place, _, found in os.walk(folder):
        for name in found:
            try:
                bytes_taken += Path(place, name).lstat().st_size
            except FileNotFoundError:  # another process has just removed or renamed it
                continue
            files += 1
    return files, bytes_taken


@contextmanager
def locked(path: Path, while_waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock file `path` so that one process at a time is inside.

    The lock is the operating system's: it is gone with the process that held it, however that ended. The file stays.

    Args:
        path: the lock file; it is made where absent.
        while_waiting: called five times a second while another process holds the lock.

    Raises:
        UsvireidError: the file cannot be made, or the file system knows no locks.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    except OSError as error:
        raise cache_error(path, error) from None
    try:
        while not _try_lock(descriptor, path):
            if while_waiting is not None:
                while_waiting()
            time.sleep(0.2)
        try:
            yield
        finally:
            _unlock(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, path: Path) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise cache_error(path, error) from None
    return True


def _unlock(descriptor: int) -> None:
    if sys.platform == "win32":
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
