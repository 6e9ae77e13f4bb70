"""Images decoded once: a memory map of all crops at one size, kept in the cache for every epoch and every later run."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from usvireid import names
from usvireid.data.cache import CACHE_REMEDY, cache_error, cache_folder, locked
from usvireid.data.crops import Crops
from usvireid.data.decoding import UnreadableImage, decode, quiet_pillow, read_image_file, why_unreadable
from usvireid.data.digests import Progress, content_digests, digest
from usvireid.errors import DataError, UsvireidError
from usvireid.files import size_text, write_atomically

_FORMAT = 1
"""Raise it whenever `decode` gives other pixels than before: caches of another format are never used."""
_BLOCK_BYTES = 48 * 2**20
"""Pixels held in memory at a time, and the most that is decoded again after a crash."""
_CHUNK = 16
"""Images a thread takes at a time: handing over single ones costs more than a third of the speed."""


@dataclass(frozen=True)
class BadImage:
    """A crop whose image cannot be used: its path as in the table, and why."""

    path: str
    reason: str


class ImageStore:
    """Decoded images, row i belonging to row i of the crops they were opened with.

    `images` is a read-only memory map, uint8, N x height x width x 3, RGB. Only what is touched is read from disk, and
    processes that open the same store share its memory. Pickled, a store travels as its file's name.
    """

    def __init__(self, file: Path, count: int, height: int, width: int) -> None:
        self.file = file
        self.images: np.memmap = np.memmap(file, dtype=np.uint8, mode="r", shape=(count, height, width, 3))

    def __len__(self) -> int:
        return len(self.images)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """The pixels of some rows (uint8, B x height x width x 3), through a mapping that is given back at once.

        For commands that look at many images once: through `images` every page that was ever touched would count as
        memory of the process.
        """
        mapped = np.memmap(self.file, dtype=np.uint8, mode="r", shape=self.images.shape)
        return np.array(mapped[rows])

    def __reduce__(self) -> tuple[type[ImageStore], tuple[Path, int, int, int]]:
        count, height, width, _ = self.images.shape
        return ImageStore, (self.file, count, height, width)


def open_images(
    crops: Crops,
    height: int,
    width: int,
    *,
    cache_dir: Path | None = None,
    strict: bool = False,
    progress: Progress | None = None,
    workers: int | None = None,
) -> tuple[Crops, ImageStore, list[BadImage]]:
    """Decode the crops' images, or open what an earlier call decoded.

    The cache is keyed by what the files hold and by the size, not by their names: it is shared by all runs and all
    copies of the data, and a changed image is decoded anew (`digests.content_digests` has the rule). An interrupted
    call is taken up where it stopped; of several processes that want the same images one decodes and the others wait.
    Nothing is written to the folder of the data. What decoding does to the pixels is said in `decoding.decode`.

    Args:
        crops: N crops, N > 0.
        height: of the decoded images, pixels.
        width: of the decoded images, pixels.
        cache_dir: the cache folder; None takes `$USVIREID_CACHE` or the user's cache folder.
        strict: refuse the data if any image cannot be decoded.
        progress: called with how many images are done and how many there are; half of the way is reading the files.
            Not called where everything is in the cache already.
        workers: number of decoding threads; None takes one per core, at most 16.

    Returns:
        The crops whose image could be decoded, in order; their images; and the crops that were left out.

    Raises:
        DataError: no image of a modality is left, or, if `strict`, any image is bad; or a file changes meanwhile.
        UsvireidError: the cache folder cannot be written to or has not enough room.
        ValueError: no crops, or a size below 1.
    """
    if not len(crops) or height < 1 or width < 1:
        raise ValueError(f"nothing to decode: {len(crops)} crops at {height} x {width} pixels")
    workers = workers or min(os.cpu_count() or 1, 16)
    cache = cache_folder(cache_dir)
    digests = content_digests(crops, cache, workers, _half_of(progress, 0, len(crops)))
    rows = np.flatnonzero([row not in digests.problems for row in range(len(crops))])
    build = _Build.of(cache, crops.take(rows), digests.content[rows], height, width)
    reasons = dict(digests.problems)
    if len(rows):
        journal = build.run(workers, _half_of(progress, len(crops) - len(rows), len(crops), second=True))
        reasons |= {int(rows[row]): reason for row, reason in journal.bad}
    remaining, bad = _without(crops, reasons)
    _refuse(crops, remaining, bad, strict)
    return remaining, ImageStore(build.pixels, len(remaining), height, width), bad


def _without(crops: Crops, reasons: dict[int, str]) -> tuple[Crops, list[BadImage]]:
    """The crops that are left when some rows are bad, and the bad ones."""
    good = np.ones(len(crops), dtype=bool)
    good[list(reasons)] = False
    paths = crops.table[names.PATH]
    return crops.take(good), [BadImage(str(paths.iloc[row]), reasons[row]) for row in sorted(reasons)]


def _half_of(progress: Progress | None, already: int, total: int, *, second: bool = False) -> Progress | None:
    """Progress through one of two passes over `total` images as progress through both."""
    if progress is None:
        return None

    def show(done: int, _: int) -> None:
        progress((total * second + already + done) // 2, total)

    return show


def _refuse(crops: Crops, remaining: Crops, bad: Sequence[BadImage], strict: bool) -> None:
    if bad and strict:
        raise DataError(
            f"{crops.root / bad[0].path}: {bad[0].reason}; {len(bad)} of {len(crops)} images cannot be decoded. "
            "Replace or remove them, or let them be left out."
        )
    for modality in names.MODALITIES:
        before = len(crops.rows_of(modality))
        if before and not len(remaining.rows_of(modality)):
            of_modality = set(crops.take(crops.rows_of(modality)).table[names.PATH])
            first = next(image for image in bad if image.path in of_modality)
            raise DataError(
                f"{crops.root / first.path}: {first.reason}; none of the {before} {modality} images can be decoded."
            )


@dataclass(frozen=True)
class _Journal:
    """How far a build has come: the first `done` of `total` images are decoded, save the bad ones."""

    format: int
    total: int
    done: int
    bad: tuple[tuple[int, str], ...]

    @property
    def written(self) -> int:
        return self.done - len(self.bad)


@dataclass(frozen=True)
class _Build:
    """One array of pixels in the making, or made.

    The pixel file only grows, in row order and without the bad images. The journal is replaced after each block has
    reached the disk, so whatever it claims is there; anything after that is cut off when a build is taken up again.
    The array is finished when the journal has reached the last image.
    """

    crops: Crops
    digests: np.ndarray
    height: int
    width: int
    stem: Path

    @classmethod
    def of(cls, cache: Path, crops: Crops, digests: np.ndarray, height: int, width: int) -> _Build:
        content = hashlib.sha256(np.ascontiguousarray(digests).tobytes()).hexdigest()[:24]
        return cls(crops, digests, height, width, cache / f"images-v{_FORMAT}-{height}x{width}-{content}")

    @property
    def pixels(self) -> Path:
        return self.stem.with_name(f"{self.stem.name}.rgb")

    @property
    def image_bytes(self) -> int:
        return self.height * self.width * 3

    def run(self, workers: int, progress: Progress | None) -> _Journal:
        """Finish the build, wherever it stands."""
        journal = self._read_journal()
        if journal.done == journal.total:
            return journal

        def show_the_other() -> None:
            if progress is not None:
                progress(self._read_journal().done, len(self.crops))

        with locked(self.stem.with_name(f"{self.stem.name}.lock"), show_the_other):
            journal = self._read_journal()
            if journal.done == journal.total:
                return journal
            self._refuse_small_disk(journal)
            try:
                return self._decode_all(journal, workers, progress)
            except OSError as error:
                raise cache_error(self.pixels, error) from None

    def _read_journal(self) -> _Journal:
        """The journal, or the one of a build not begun if there is none to trust."""
        fresh = _Journal(_FORMAT, len(self.crops), 0, ())
        try:
            raw = json.loads(self._journal_file().read_bytes())
            journal = _Journal(raw["format"], raw["total"], raw["done"], tuple((row, why) for row, why in raw["bad"]))
            size = self.pixels.stat().st_size
        except (OSError, ValueError, KeyError, TypeError):
            return fresh
        same = (journal.format, journal.total) == (fresh.format, fresh.total) and 0 <= journal.done <= journal.total
        return journal if same and size >= journal.written * self.image_bytes else fresh

    def _journal_file(self) -> Path:
        return self.stem.with_name(f"{self.stem.name}.json")

    def _refuse_small_disk(self, journal: _Journal) -> None:
        needed = (journal.total - journal.done) * self.image_bytes
        free = shutil.disk_usage(self.stem.parent).free
        if needed > free:
            raise UsvireidError(
                f"{self.stem.parent}: the decoded images need {size_text(needed)} and {size_text(free)} are free. "
                f"{CACHE_REMEDY} Or choose smaller images (data.height, data.width)."
            )

    def _decode_all(self, journal: _Journal, workers: int, progress: Progress | None) -> _Journal:
        block = max(_CHUNK, _BLOCK_BYTES // self.image_bytes)
        self.pixels.touch()
        with self.pixels.open("r+b") as file, ThreadPoolExecutor(workers) as pool, quiet_pillow():
            file.truncate(journal.written * self.image_bytes)
            file.seek(0, os.SEEK_END)
            while journal.done < journal.total:
                rows = range(journal.done, min(journal.done + block, journal.total))
                buffer = np.empty((len(rows), self.height, self.width, 3), dtype=np.uint8)
                bad = self._decode_block(pool, rows, buffer, progress)
                good = np.ones(len(rows), dtype=bool)
                good[[row - rows.start for row, _ in bad]] = False
                file.write((buffer if not bad else buffer[good]).data)
                file.flush()
                os.fsync(file.fileno())
                journal = replace(journal, done=rows.stop, bad=(*journal.bad, *bad))
                write_atomically(self._journal_file(), json.dumps(asdict(journal)).encode(), CACHE_REMEDY)
        return journal

    def _decode_block(
        self, pool: ThreadPoolExecutor, rows: range, buffer: np.ndarray, progress: Progress | None
    ) -> list[tuple[int, str]]:
        """Fill `buffer` with the images of `rows`; return the bad ones with their reasons."""
        bad: list[tuple[int, str]] = []
        chunks = [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
        paths = self.crops.table[names.PATH].iloc[rows.start : rows.stop].tolist()

        def decode_chunk(chunk: range) -> list[tuple[int, str]]:
            found = []
            for row in chunk:
                try:
                    content = self._read(paths[row - rows.start], self.digests[row].tobytes())
                    buffer[row - rows.start] = decode(content, self.height, self.width)
                except UnreadableImage as error:
                    found.append((row, str(error)))
            return found

        for chunk, found in zip(chunks, pool.map(decode_chunk, chunks), strict=True):
            bad += found
            if progress is not None:
                progress(chunk.stop, len(self.crops))
        return bad

    def _read(self, path: str, expected: bytes) -> bytes:
        """A file's content, which has to be the one that the cache is keyed by."""
        file = self.crops.root / path
        try:
            content = read_image_file(file)
        except OSError as error:
            raise DataError(f"{file}: {why_unreadable(error)} any more; run the same command again.") from None
        if digest(content) != expected:
            raise DataError(f"{file}: the file changed while it was being read; run the same command again.")
        return content
