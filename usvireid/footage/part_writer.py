"""Writing a part: crops beside the work on the frames that follow, then the rows, then the facts."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from usvireid.footage.parts import FACTS_FILE, ROWS, ROWS_FILE, PartFacts, unwritable

if TYPE_CHECKING:
    from usvireid.footage.choose import ChosenCrop, ChosenTrack

_WAITING: Final = 64
"""Crops that wait to be written, at most."""


class PartWriter:
    """Writes the crops of one recording into a folder for the time being; to be closed, as a context.

    Encoding a crop and waiting for the disk happen in a thread of their own.

    Args:
        folder: to be made; what stands there is removed.
        suffix: "jpg" or "png".
        quality: of JPEG.

    Raises:
        UsvireidError: of every method: something cannot be written; the message names the file.
    """

    def __init__(self, folder: Path, suffix: str, quality: int) -> None:
        self.folder = folder
        self.tracks = self.crops = 0
        self._suffix, self._quality = suffix, quality
        self._rows: list[tuple[int, int, list[object]]] = []
        self._waiting: deque[Future[None]] = deque()
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        except OSError as error:
            raise unwritable(folder, error) from None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="crops")

    def __enter__(self) -> PartWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.shutdown(cancel_futures=True)

    def add(self, track: ChosenTrack) -> None:
        """Write the crops of a track that ended."""
        self.tracks += bool(track.crops)
        for crop in track.crops:
            name = f"{track.track:06d}_{crop.frame:07d}.{self._suffix}"
            self._waiting.append(self._writer.submit(self._write_crop, name, crop.image))
            row = [name, track.track, *_row(crop), track.first_frame, track.last_frame]
            self._rows.append((track.track, crop.frame, row))
            self.crops += 1
            while len(self._waiting) > _WAITING:
                self._waiting.popleft().result()

    def finish(self, facts: PartFacts) -> None:
        """Write the rows, then the facts; all of it has reached the disk when this returns."""
        while self._waiting:
            self._waiting.popleft().result()
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(ROWS)
        writer.writerows(row for _, _, row in sorted(self._rows, key=lambda row: row[:2]))
        self._write(ROWS_FILE, text.getvalue().encode())
        self._write(FACTS_FILE, (json.dumps(asdict(facts), indent=1, ensure_ascii=False) + "\n").encode())
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _write_crop(self, name: str, image: np.ndarray) -> None:
        self._write(name, _encoded(image, self._suffix, self._quality))

    def _write(self, name: str, content: bytes) -> None:
        try:
            with (self.folder / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise unwritable(self.folder / name, error) from None


def _row(crop: ChosenCrop) -> tuple[object, ...]:
    left, top, right, bottom = (float(value) for value in crop.box)
    box = (f"{value:.1f}" for value in (left, top, right - left, bottom - top))
    return crop.frame, f"{crop.time:.3f}", *box, f"{crop.score:.4f}", f"{crop.quality:.4f}"


def _encoded(image: np.ndarray, suffix: str, quality: int) -> bytes:
    file = io.BytesIO()
    if suffix == "png":
        Image.fromarray(image).save(file, "PNG")
    else:
        Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling=0)
    return file.getvalue()
