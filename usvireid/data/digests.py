"""What the files of the crops hold, in 16 bytes each."""

from __future__ import annotations

import hashlib
import stat
import time
import zipfile
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from usvireid.data.cache import CACHE_REMEDY
from usvireid.data.crops import Crops
from usvireid.data.decoding import why_unreadable
from usvireid.files import write_atomically

Progress = Callable[[int, int], None]
"""Called with how many images are done and how many there are."""

DIGEST_BYTES = 16
_CHUNK = 64
_SETTLED_NS = 2_000_000_000


@dataclass(frozen=True)
class Digests:
    """Content digests of N files.

    `content` is uint8, N x 16: equal rows mean equal content. `problems` holds, by row, why a file could not be read;
    such rows of it are zero.
    """

    content: np.ndarray
    problems: dict[int, str]


def digest(content: bytes) -> bytes:
    """The digest of one file's content."""
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()


def content_digests(crops: Crops, cache: Path, workers: int, progress: Progress | None = None) -> Digests:
    """The digest of every crop's file.

    Digests are kept in `cache`, and a file is not read again while its path, size, time of last change and time of last
    status change (`mtime`, `ctime`, in ns) are the same. Copying other content over a file and setting its old time of
    change again is noticed through `ctime`, which programs cannot set. A file that changed less than two seconds
    before it was read is read again next time, because a second change could carry the same times.

    Args:
        crops: N crops.
        cache: folder for the kept digests.
        workers: number of threads that read.
        progress: told how many files are known.
    """
    files = [file.absolute() for file in crops.files()]
    root = str(crops.root.absolute())
    store = cache / f"digests-{hashlib.sha256(root.encode()).hexdigest()[:16]}.npz"
    now = time.time_ns()
    stamps, problems = _stamps(files)
    kept = _Kept.load(store)
    values, known = kept.look_up([str(file) for file in files], stamps)
    known[list(problems)] = True
    unknown = np.flatnonzero(~known)
    chunks = [unknown[start : start + _CHUNK] for start in range(0, len(unknown), _CHUNK)]
    done = len(files) - len(unknown)
    with ThreadPoolExecutor(workers) as pool:
        for rows, found in zip(chunks, pool.map(partial(_read_chunk, files), chunks), strict=True):
            for row, result in zip(rows, found, strict=True):
                if isinstance(result, str):
                    problems[int(row)] = result
                else:
                    values[row] = np.frombuffer(result, dtype=np.uint8)
            done += len(rows)
            if progress is not None:
                progress(done, len(files))
    settled = stamps[:, 1:].max(axis=1) < now - _SETTLED_NS
    settled[list(problems)] = False
    if len(unknown) and settled.any():
        paths = pd.Index([str(files[row]) for row in np.flatnonzero(settled)])
        current = _Kept(paths, stamps[settled], values[settled])
        write_atomically(store, current.joined_with(kept).write, CACHE_REMEDY)
    return Digests(content=values, problems=problems)


def _stamps(files: Sequence[Path]) -> tuple[np.ndarray, dict[int, str]]:
    """Size, mtime and ctime of every file (int64, N x 3), and the files that have none."""
    stamps = np.zeros((len(files), 3), dtype=np.int64)
    problems: dict[int, str] = {}
    for row, file in enumerate(files):
        try:
            status = file.stat()
        except OSError as error:
            problems[row] = why_unreadable(error)
        else:
            if not stat.S_ISREG(status.st_mode):
                problems[row] = "not a file"
            stamps[row] = status.st_size, status.st_mtime_ns, status.st_ctime_ns
    return stamps, problems


def _read_chunk(files: Sequence[Path], rows: np.ndarray) -> list[bytes | str]:
    return [_read(files[row]) for row in rows]


def _read(file: Path) -> bytes | str:
    """The digest of a file, or why it cannot be read."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, partial(hashlib.blake2b, digest_size=DIGEST_BYTES)).digest()
    except OSError as error:
        return why_unreadable(error)


@dataclass(frozen=True)
class _Kept:
    """Digests of earlier calls: absolute paths, their stamps (int64, M x 3) and digests (uint8, M x 16)."""

    files: pd.Index
    stamps: np.ndarray
    digests: np.ndarray

    @classmethod
    def load(cls, store: Path) -> _Kept:
        try:
            with np.load(store, allow_pickle=False) as arrays:
                files = pd.Index(arrays["files"].tobytes().decode().split("\0"))
                kept = cls(files, arrays["stamps"], arrays["values"])
            if kept._is_sound():
                return kept
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            pass  # there is none yet, or it is damaged: nothing is lost but time
        return cls(pd.Index([], dtype="str"), np.zeros((0, 3), np.int64), np.zeros((0, DIGEST_BYTES), np.uint8))

    def _is_sound(self) -> bool:
        count = len(self.files)
        shapes = self.stamps.shape == (count, 3) and self.digests.shape == (count, DIGEST_BYTES)
        return shapes and self.digests.dtype == np.uint8 and self.files.is_unique

    def look_up(self, files: Sequence[str], stamps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The digests that are still valid (uint8, N x 16) and a mask of the rows that have one."""
        values = np.zeros((len(files), DIGEST_BYTES), dtype=np.uint8)
        position = self.files.get_indexer(pd.Index(files))
        known = position >= 0
        known[known] = (self.stamps[position[known]] == stamps[known]).all(axis=1)
        values[known] = self.digests[position[known]]
        return values, known

    def joined_with(self, older: _Kept) -> _Kept:
        """These and, of other files, the older ones: another call may have asked for another part of the data."""
        own = ~self.files.duplicated()
        rest = ~older.files.isin(self.files)
        return _Kept(
            self.files[own].append(older.files[rest]),
            np.concatenate([self.stamps[own], older.stamps[rest]]),
            np.concatenate([self.digests[own], older.digests[rest]]),
        )

    def write(self, file: BinaryIO) -> None:
        joined = np.frombuffer("\0".join(self.files).encode(), dtype=np.uint8)
        np.savez(file, files=joined, stamps=self.stamps, values=self.digests)
