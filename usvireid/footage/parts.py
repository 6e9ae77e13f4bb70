"""What the ingest of one recording gives, as a folder that is whole or not there: crops, their rows, and the facts."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from PIL import Image

from usvireid import names
from usvireid.errors import DataError, UsvireidError
from usvireid.footage.ledger import Entry

if TYPE_CHECKING:
    from usvireid.footage.choose import ChosenCrop, ChosenTrack

FACTS_FILE: Final = "part.json"
ROWS_FILE: Final = "rows.csv"
_FILE: Final = "file"
_ROWS: Final = (
    _FILE, names.TRACK, names.FRAME, names.TIME, names.LEFT, names.TOP, names.WIDTH, names.HEIGHT, names.SCORE,
    names.QUALITY, names.FIRST_FRAME, names.LAST_FRAME,
)  # fmt: skip
"""Columns of a part's rows: frames and times count from the beginning of the video, tracks are numbers."""


@dataclass(frozen=True)
class PartFacts:
    """What is known of a finished part.

    Attributes:
        made_from: `Entry.made_from` of what it was made from.
        modality: and `grounds`, why.
        width: of the pictures, pixels, as is `height`.
        frame_rate: nominal, frames a second, of the frames that were looked at.
        frames: decoded ones.
        seconds: of footage.
        detections: boxes found.
        tracks: that gave crops.
        crops: written.
        dropped: boxes that gave no crop, by reason.
        remarks: what was met in the file.
        damaged: whether something of the file could not be read.
    """

    made_from: str
    modality: str
    grounds: str
    width: int
    height: int
    frame_rate: float
    frames: int
    seconds: float
    detections: int
    tracks: int
    crops: int
    dropped: dict[str, int] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    damaged: bool = False


@dataclass(frozen=True)
class Part:
    """A finished part: the entry it belongs to, its folder, and its facts."""

    entry: Entry
    folder: Path
    facts: PartFacts

    def rows(self) -> pd.DataFrame:
        """A row per crop, in the order of tracks and frames; `file` is the crop's name in the folder.

        Raises:
            DataError: the table is damaged.
        """
        path = self.folder / ROWS_FILE
        try:
            table = pd.read_csv(path)
            if tuple(table.columns) != _ROWS or len(table) != self.facts.crops:
                raise ValueError
        except (OSError, ValueError):
            raise DataError(
                f"{path}: damaged, not what was written there; ingest {self.entry.path} with --redo."
            ) from None
        return table


class PartWriter:
    """Writes the crops of one recording into a folder for the time being.

    Raises:
        UsvireidError: of every method: it cannot be written; the message names the file.
    """

    def __init__(self, folder: Path, suffix: str, quality: int) -> None:
        self.folder = folder
        self.tracks = self.crops = 0
        self._suffix, self._quality = suffix, quality
        self._rows: list[tuple[int, int, list[object]]] = []
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        except OSError as error:
            raise _unwritable(folder, error) from None

    def add(self, track: ChosenTrack) -> None:
        """Write the crops of a track that ended."""
        self.tracks += bool(track.crops)
        for crop in track.crops:
            name = f"{track.track:06d}_{crop.frame:07d}.{self._suffix}"
            self._write(name, _encoded(crop.image, self._suffix, self._quality))
            row = [name, track.track, *_row(crop), track.first_frame, track.last_frame]
            self._rows.append((track.track, crop.frame, row))
            self.crops += 1

    def finish(self, facts: PartFacts) -> None:
        """Write the rows, then the facts; all of it has reached the disk when this returns."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_ROWS)
        writer.writerows(row for _, _, row in sorted(self._rows, key=lambda row: row[:2]))
        self._write(ROWS_FILE, text.getvalue().encode())
        self._write(FACTS_FILE, (json.dumps(asdict(facts), indent=1, ensure_ascii=False) + "\n").encode())
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _write(self, name: str, content: bytes) -> None:
        try:
            with (self.folder / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _unwritable(self.folder / name, error) from None


def unfinished_folder(out: Path, entry: Entry) -> Path:
    """Where a part is while it is being written; the name is one of those that are cleared away."""
    return out / f".{entry.key}.part"


def find_part(out: Path, entry: Entry) -> Part | None:
    """The part of an entry, made from what the entry says; None where there is none.

    Raises:
        DataError: it is damaged.
    """
    folder = out / entry.folder
    file = folder / FACTS_FILE
    if not file.is_file():
        return None
    try:
        facts = PartFacts(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise DataError(f"{file}: damaged, not what was written there; remove {folder} and ingest it again.") from None
    return Part(entry, folder, facts) if facts.made_from == entry.made_from else None


def standing_folders(out: Path, entry: Entry) -> list[Path]:
    """Folders that hold crops of a recording, of whatever modality and settings."""
    places = [out / modality / entry.camera / entry.name for modality in names.MODALITIES]
    return [place for place in places if place.exists()]


def take_place(out: Path, entry: Entry) -> None:
    """Give the part that was written its place, instead of an older one if there is one.

    Raises:
        UsvireidError: it cannot be moved.
    """
    try:
        for number, old in enumerate(standing_folders(out, entry)):
            aside = out / f".{entry.key}.{number}.old.part"
            shutil.rmtree(aside, ignore_errors=True)
            old.rename(aside)
            shutil.rmtree(aside)
        place = out / entry.folder
        place.parent.mkdir(parents=True, exist_ok=True)
        unfinished_folder(out, entry).rename(place)
    except OSError as error:
        raise _unwritable(out / entry.folder, error) from None


def clear_unfinished(out: Path) -> None:
    """Remove what a killed process left half written."""
    for path in out.glob(".*.part"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


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


def _unwritable(path: Path, error: OSError) -> UsvireidError:
    return UsvireidError(
        f"{path}: cannot be written ({error.strerror or error}). Free space or choose another --out, then run the same "
        "command again."
    )
