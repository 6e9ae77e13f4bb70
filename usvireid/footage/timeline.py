"""Recordings of a camera on the camera's own time line, and the table of all crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from usvireid import names
from usvireid.footage.parts import Part


@dataclass(frozen=True)
class Placed:
    """A part on its camera's time line: where its frames and its seconds begin."""

    part: Part
    first_frame: int
    start: float


def place(parts: Sequence[Part]) -> list[Placed]:
    """Place parts on the time lines of their cameras.

    A recording begins at its start (seconds since 1970), or where the camera's recording before it ends; the first one
    of a camera at 0. Frames are counted through in the order of these times: a recording's first frame follows the last
    one of the recording before, also where the two overlap in time, so that no two frames of a camera have one number.

    Args:
        parts: in the order of the ledger, which decides between equal times.

    Returns:
        In the order of the ledger.
    """
    ends: dict[str, float] = {}
    starts = []
    for part in parts:
        camera = part.entry.camera
        start = ends.get(camera, 0.0) if part.entry.start is None else part.entry.start
        ends[camera] = start + part.facts.seconds
        starts.append(start)
    frames: dict[str, int] = {}
    first = [0] * len(parts)
    for row in sorted(range(len(parts)), key=lambda row: (starts[row], row)):
        camera = parts[row].entry.camera
        first[row] = frames.get(camera, 0)
        frames[camera] = first[row] + parts[row].facts.frames
    return [Placed(part, *place) for part, place in zip(parts, zip(first, starts, strict=True), strict=True)]


def doubts(placed: Sequence[Placed]) -> list[str]:
    """A line for each two recordings of a camera that overlap in time by more than a second, for each camera of which
    some recordings have a start and earlier ones none, and for each rig whose sensors cannot be compared."""
    lines = _doubts_of_rigs(placed)
    for camera in dict.fromkeys(one.part.entry.camera for one in placed):
        own = [one for one in placed if one.part.entry.camera == camera]
        if own[0].part.entry.start is None and any(one.part.entry.start is not None for one in own):
            lines.append(f"camera {camera}: no start is known for {own[0].part.entry.name}, so it stands at second 0")
        for before, after in pairwise(sorted(own, key=lambda one: one.start)):
            over = before.start + before.part.facts.seconds - after.start
            if over > 1:
                lines.append(
                    f"camera {camera}: {after.part.entry.name} begins {over:,.0f} s before "
                    f"{before.part.entry.name} ends; is its start right?"
                )
    return lines


def _doubts_of_rigs(placed: Sequence[Placed]) -> list[str]:
    lines = []
    for rig in dict.fromkeys(one.part.entry.rig for one in placed if one.part.entry.rig):
        parts = [one.part for one in placed if one.part.entry.rig == rig]
        sizes = dict.fromkeys(f"{part.facts.width} x {part.facts.height}" for part in parts)
        if len(sizes) > 1:
            lines.append(f"rig {rig}: pictures of {' and '.join(sizes)}, so no box of one fits the other; scale them")
        modalities = {part.entry.modality for part in parts}
        dated = {part.entry.modality for part in parts if part.entry.start is not None}
        if dated and dated != modalities:
            missing = " and ".join(sorted(modalities - dated))
            lines.append(f"rig {rig}: no start is known for its {missing} recordings, so times do not fit; give it")
    return lines


def crop_table(placed: Sequence[Placed]) -> pd.DataFrame:
    """The table of crops, with the columns of `names.FOOTAGE_COLUMNS`; a track is called CAMERA-VIDEO-NUMBER.

    Where a camera is one of a rig there is the column `rig` too.

    Raises:
        DataError: the rows of a part are damaged.
    """
    tables = [_table(one) for one in placed if one.part.facts.crops]
    columns = [*names.FOOTAGE_COLUMNS, *([names.RIG] if any(one.part.entry.rig for one in placed) else [])]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def _table(one: Placed) -> pd.DataFrame:
    entry, rows = one.part.entry, one.part.rows()
    table = rows.assign(**{names.MODALITY: entry.modality, names.CAMERA: entry.camera, names.RIG: entry.rig})
    table[names.PATH] = [f"{entry.folder}/{file}" for file in rows["file"]]
    table[names.TRACK] = [f"{entry.key}-{track:06d}" for track in rows[names.TRACK]]
    table[names.TIME] = (rows[names.TIME] + one.start).round(3)
    for column in (names.FRAME, names.FIRST_FRAME, names.LAST_FRAME):
        table[column] += one.first_frame
    return table
