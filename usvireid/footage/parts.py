"""What the ingest of one recording gives, as a folder that is whole or not there: crops, their rows, and the facts."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pandas as pd
from pydantic import TypeAdapter

from usvireid import names
from usvireid.errors import DataError, UsvireidError
from usvireid.footage.ledger import Entry

FACTS_FILE: Final = "part.json"
ROWS_FILE: Final = "rows.csv"
_FILE: Final = "file"
ROWS: Final = (
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


_FACTS: Final = TypeAdapter(PartFacts)


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
            if tuple(table.columns) != ROWS or len(table) != self.facts.crops:
                raise ValueError
            for column in ROWS[1:]:
                pd.to_numeric(table[column])
        except (OSError, ValueError):
            raise DataError(
                f"{path}: damaged, not what was written there; ingest {self.entry.path} with --redo."
            ) from None
        return table


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
        facts = _FACTS.validate_python(json.loads(file.read_text(encoding="utf-8")))
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
        aside = out / f".{entry.key}.old.part"
        aside.mkdir(exist_ok=True)
        for old in standing_folders(out, entry):
            old.rename(aside / old.parts[-3])
        place = out / entry.folder
        place.parent.mkdir(parents=True, exist_ok=True)
        unfinished_folder(out, entry).rename(place)
        shutil.rmtree(aside)
    except OSError as error:
        raise unwritable(out / entry.folder, error) from None


def clear_unfinished(out: Path) -> None:
    """Remove what a killed process left half written."""
    for path in out.glob(".*.part"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def unwritable(path: Path, error: OSError) -> UsvireidError:
    """What to say where a part cannot be written."""
    return UsvireidError(
        f"{path}: cannot be written ({error.strerror or error}). Free space or choose another --out, then run the same "
        "command again."
    )
