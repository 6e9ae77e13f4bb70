"""Who is looked for: a crop or tracklet of the index, an image, or a person in a frame of a video."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from usvireid import names
from usvireid.data.decoding import UnreadableImage, read_image_file, why_unreadable
from usvireid.data.digests import digest
from usvireid.errors import DataError, UsageError
from usvireid.search.index import Index

_AT: Final = re.compile(r"(?P<video>.+?):(?P<time>(?:\d+:){0,2}\d+(?:[.,]\d+)?)", re.DOTALL)
_MOST_COMPARED: Final = 20_000
"""Names that a wrong one is compared with; of more the first ones."""


@dataclass(frozen=True)
class Query:
    """Somebody to look for.

    Attributes:
        feature: float32, D; the mean of the unit features of the crops that show the person.
        modality: visible or infrared.
        own: the tracklet of the index that they belong to, which is left out of the result; None: none.
        title: what it is called.
        pictures: small JPEG files of the crops.
        facts: what is to be said about it, in short lines.
    """

    feature: np.ndarray
    modality: str
    own: int | None
    title: str
    pictures: tuple[bytes, ...]
    facts: tuple[str, ...] = ()


@dataclass(frozen=True)
class VideoPlace:
    """A moment of a video: `seconds` after its first frame."""

    video: Path
    seconds: float


Asked = int | slice | Path | VideoPlace
"""What a text means: a row of the index, the rows of a tracklet, an image file, or a moment of a video."""


def understand(text: str, index: Index) -> Asked:
    """What is meant by QUERY.

    A file that exists is a file, whatever the index calls its crops. Then come paths of crops and names of tracks as
    they stand in the index, CAMERA/TRACK where several cameras have a track of that name; then VIDEO:TIME.

    Raises:
        UsageError: none of these; the nearest name is given.
    """
    if _is_file(Path(text)):
        return Path(text)
    found = _in_index(text, index)
    if found is not None:
        return found
    matched = _AT.fullmatch(text)
    if matched is not None:
        return _video_place(text)
    raise UsageError(f"'{text}': neither a file nor a crop or track of {index.folder}{_hint(text, index)}")


def from_index(asked: int | slice, index: Index) -> Query:
    """A query by crops that the index knows already."""
    rows = slice(asked, asked + 1) if isinstance(asked, int) else asked
    table = index.tracklets.crops.table
    own = int(np.searchsorted(index.tracklets.start, rows.start, side="right") - 1)
    name = index.name(own)
    title = str(table[names.PATH].iloc[rows.start]) if isinstance(asked, int) else name
    whole = "its track" if isinstance(asked, int) else "it"
    return Query(
        feature=index.features_of(rows).mean(axis=0),
        modality=str(table[names.MODALITY].iloc[rows.start]),
        own=own,
        title=title,
        pictures=tuple(index.thumbnails.read(row) for row in range(rows.start, rows.stop)),
        facts=(f"{whole} is in the index ({name}) and left out of the result",),
    )


def read_image(path: Path, index: Index) -> int | bytes:
    """An image file's content; or, if the index has a crop with that very content, its row.

    Raises:
        DataError: it cannot be read.
    """
    try:
        content = read_image_file(path)
    except UnreadableImage as error:
        raise DataError(f"{path}: {error}.") from None
    except OSError as error:
        raise DataError(f"{path}: {why_unreadable(error)}.") from None
    own = digest(content).hex()
    return index.digests.index(own) if own in index.digests else content


def _in_index(text: str, index: Index) -> int | slice | None:
    table = index.tracklets.crops.table
    at = np.flatnonzero((table[names.PATH] == text).to_numpy(dtype=bool))
    if len(at):
        return int(at[0])
    track, camera = index.tracklets.column(names.TRACK), index.tracklets.column(names.CAMERA)
    named = [place for place in np.flatnonzero(track == text).tolist() if isinstance(track[place], str)]
    if not named and "/" in text:
        named = [place for place in range(len(track)) if f"{camera[place]}/{track[place]}" == text]
    if len(named) > 1:
        several = [index.name(place) for place in named]
        raise UsageError(f"'{text}': a track of that name is in several places; say which: {', '.join(several[:8])}.")
    return index.tracklets.rows(named[0]) if named else None


def _video_place(text: str) -> VideoPlace:
    """The file is what stands before a time, the longest time that leaves a file that exists."""
    parts = text.split(":")
    cuts = [
        (":".join(parts[:-count]), parts[-count:])
        for count in (3, 2, 1)
        if len(parts) > count
        and all(
            re.fullmatch(r"\d+(?:[.,]\d+)?" if last else r"\d+", part)
            for part, last in zip(parts[-count:], [False] * (count - 1) + [True], strict=True)
        )
    ]
    video, time = next(((name, time) for name, time in cuts if _is_file(Path(name))), cuts[0])
    if not _is_file(Path(video)):
        raise UsageError(f"{video}: no such video (of {text}).")
    seconds = 0.0
    for part in time:
        seconds = 60 * seconds + float(part.replace(",", "."))
    return VideoPlace(Path(video), seconds)


def _hint(text: str, index: Index) -> str:
    table = index.tracklets.crops.table
    last = Path(text).name
    paths = [str(path) for path in table[names.PATH].iloc[:_MOST_COMPARED]]
    ends = [path for path in paths if last and Path(path).name == last]
    if len(ends) == 1:
        return f"; did you mean '{ends[0]}'?"
    tracks = [index.name(place) for place in range(min(len(index.tracklets), _MOST_COMPARED))]
    near = difflib.get_close_matches(text, list(dict.fromkeys([*tracks, *paths])), n=1, cutoff=0.5)
    if near:
        return f"; did you mean '{near[0]}'?"
    return "; give an image, VIDEO:TIME (12.5 or 1:05), the path of a crop or the name of a track."


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no system knows
        return False
