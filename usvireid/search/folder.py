"""The folder of an index: whole or absent, like every file of the house."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from usvireid.errors import DataError, UsageError, UsvireidError
from usvireid.files import refuse_in_data, size_text

FORMAT: Final = "usvireid index"
VERSION: Final = 1

FACTS: Final = "index.json"
TABLE: Final = "crops.csv"
FEATURES: Final = "features.faiss"
TRACKLETS: Final = "tracklets.faiss"
ARRAYS: Final = "tracklets.safetensors"
THUMBNAILS: Final = "thumbnails.jpegs"
ENCODER: Final = "encoder.safetensors"
_SUFFIX: Final = ".new"
_DIGEST: Final = "sha256"
"""In `index.json`: of everything else in it, so that whoever reads it need not ask whether each number is one."""
_READ_WHOLE: Final = (TABLE, ARRAYS)
"""Files whose digest is looked at whenever an index is opened, as all of them is read; of the others the size."""


def refuse_other(folder: Path, data: Path) -> None:
    """See to it that an index may be written there: nothing is there, or nothing in it, or another index.

    Raises:
        UsageError: something else is there, or it lies among the crops.
    """
    refuse_in_data(folder, data)
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError(f"{folder}: is a file; an index is a folder, give another --out.")
    if not (folder / FACTS).is_file() and any(folder.iterdir()):
        raise UsageError(f"{folder}: holds something that is no index; give another --out.")


@contextlib.contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """A new folder to write into, which takes the place of `folder` at the end, and is gone if anything fails.

    What killed processes left of theirs is removed.

    Raises:
        UsvireidError: the disk is full, or the folder cannot be written to.
    """
    folder = folder.absolute()
    with contextlib.ExitStack() as stack:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            _remove_left(folder)
            temporary = stack.enter_context(_own(folder))
            yield temporary
            for path in temporary.iterdir():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
            if folder.exists():
                folder.rename(stack.enter_context(_own(folder)) / "old")
            temporary.rename(folder)
        except OSError as error:
            raise UsvireidError(
                f"{folder}: cannot be written ({error.strerror or error}); nothing was changed. Free space or choose "
                "another folder, then run the same command again."
            ) from None


@contextlib.contextmanager
def _own(folder: Path) -> Iterator[Path]:
    """A temporary folder beside `folder`, held as long as this process lives; what is left of it is removed."""
    path = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=_SUFFIX))
    path.chmod(0o755)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def _remove_left(folder: Path) -> None:
    """Remove temporary folders that no process holds any more."""
    for path in folder.parent.iterdir():
        if not (path.name.startswith(f".{folder.name}.") and path.name.endswith(_SUFFIX) and path.is_dir()):
            continue
        descriptor = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:
            continue  # another process is at work
        finally:
            os.close(descriptor)


def write_facts(folder: Path, facts: dict[str, Any]) -> None:
    """Write `index.json` last, with the size and the digest of every other file, and a digest of itself."""
    files = {path.name: _described(path) for path in sorted(folder.iterdir())}
    content = {"format": FORMAT, "version": VERSION, **facts, "files": files}
    content[_DIGEST] = _digest_of_facts(content)
    (folder / FACTS).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_facts(folder: Path) -> dict[str, Any]:
    """What `index.json` says, after a look at the files.

    Raises:
        UsageError: no index.
        DataError: an index of another version, or files that are missing or damaged.
    """
    path = folder / FACTS
    if not path.is_file():
        what = "not an index" if folder.is_dir() else "no such folder" if not folder.exists() else "a file, no index"
        raise UsageError(f"{folder}: {what}; `usvireid index RUN DATA --out {folder}` makes one.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from None
    except (ValueError, RecursionError):
        raise damaged(path) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UsageError(f"{folder}: not an index; `usvireid index RUN DATA --out INDEX` makes one.")
    if content.get("version") != VERSION:
        raise DataError(
            f"{folder}: an index of version {content.get('version')}, and this usvireid reads version {VERSION}; "
            "make it anew with `usvireid index`."
        )
    if content.pop(_DIGEST, None) != _digest_of_facts(content):
        raise damaged(path)
    files = content["files"]
    for name in (TABLE, FEATURES, TRACKLETS, ARRAYS, THUMBNAILS, ENCODER):
        _check(folder / name, files.get(name))
    return content


def refuse_changed(path: Path, facts: dict[str, Any]) -> None:
    """See to it that a file holds what was written.

    Raises:
        DataError: it does not.
    """
    if digest_of(path) != facts["files"][path.name].get("sha256"):
        raise damaged(path)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def damaged(path: Path) -> DataError:
    """What to raise where a file of an index is not as it was written."""
    return DataError(f"{path}: damaged; make the index anew, or copy it again.")


def _digest_of_facts(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _described(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": digest_of(path)}


def _check(path: Path, entry: dict[str, Any] | None) -> None:
    if entry is None or not path.is_file():
        raise DataError(f"{path}: this file of the index is missing; make the index anew, or copy it again.")
    size = path.stat().st_size
    if size != entry.get("bytes"):
        raise DataError(
            f"{path}: damaged ({size_text(size)}, {size_text(entry.get('bytes') or 0)} expected); make the index "
            "anew, or copy it again."
        )
    if path.name in _READ_WHOLE and digest_of(path) != entry.get("sha256"):
        raise damaged(path)
