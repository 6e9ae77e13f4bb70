"""Boxes that another program has found, from a file in the style of the MOT challenge."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from usvireid.errors import DataError
from usvireid.footage.detectors.detector import Detections
from usvireid.footage.frames import Frame

COLUMNS = "frame,id,left,top,width,height,conf"
LEAST_LEFT = 0.25
"""Share of a box that must lie within the frame; of one that reaches out further too little shows."""
_LARGEST = 1e9
"""Of frame numbers and pixels."""


class BoxesFile:
    """Detections from a CSV file: frame, id, left, top, width, height, confidence, and what else there is, ignored.

    Frames count from 1 in files of the MOT challenge. A file that names frame 0 counts from 0. The ids are ignored:
    tracks are made anew, so that they obey the same rules. A confidence above 1 (some programs write percent, some 0 to
    1000) is an error, a missing or negative one counts as 1. Lines that are empty or begin with # are passed over; a
    first line of names may stand there.

    Args:
        path: the file.

    Raises:
        DataError: a row that cannot be read; the message names it.
    """

    name = "boxes"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = _read(path)
        self._clipped = 0
        self._outside = 0
        self._used = 0

    @property
    def counts(self) -> dict[str, int]:
        """What became of boxes so far: cut at the edge of the frame, dropped, or of frames that were not asked for."""
        unused = sum(map(len, self._rows.values())) - self._used
        return {"cut at the edge": self._clipped, "outside the frame": self._outside, "of no frame": unused}

    def detect(self, frame: Frame) -> Detections:
        """The boxes of a frame, cut to it."""
        rows = self._rows.get(frame.number)
        if rows is None:
            return Detections.none()
        self._used += len(rows)
        limit = np.array([frame.width, frame.height, frame.width, frame.height], np.float64)
        boxes = rows[:, :4]
        cut = boxes.clip(0, limit)
        sides = (cut[:, 2:] - cut[:, :2]).clip(0, None)
        with np.errstate(divide="ignore", invalid="ignore"):  # a box too thin for its place has no area any more
            share = sides.prod(axis=1) / (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        kept = (share >= LEAST_LEFT) & (sides >= 1).all(axis=1)
        self._outside += int((~kept).sum())
        self._clipped += int((kept & (share < 1)).sum())
        return Detections(cut[kept].astype(np.float32), rows[kept, 4].astype(np.float32))


def _read(path: Path) -> dict[int, np.ndarray]:
    """Left, top, right, bottom and score of the boxes of each frame, by its number from 0."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: is no text in UTF-8; boxes:FILE takes lines of {COLUMNS}.") from None
    found: dict[int, list[tuple[float, ...]]] = {}
    begun = False
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if not begun and text.lower().replace(" ", "").startswith("frame,"):
            begun = True
            continue
        begun = True
        frame, row = _row(text, f"{path}: row {number}")
        found.setdefault(frame, []).append(row)
    if not found:
        raise DataError(f"{path}: holds no boxes; boxes:FILE takes lines of {COLUMNS}.")
    first = 0 if 0 in found else 1
    return {frame - first: np.array(rows, np.float64) for frame, rows in found.items()}


def _row(text: str, where: str) -> tuple[int, tuple[float, ...]]:
    cells = [cell.strip() for cell in text.split(",")]
    if len(cells) < 6:
        raise DataError(f"{where}: has {len(cells)} columns; at least six are needed of {COLUMNS}.")
    numbers = []
    for name, cell in zip(COLUMNS.split(","), cells[:7], strict=False):
        if name in ("id", "conf") and not cell:
            numbers.append(-1.0)
            continue
        try:
            number = float(cell)
        except ValueError:
            number = np.nan
        if not np.isfinite(number):
            raise DataError(f"{where}: {name} '{cell}' is no number.")
        if abs(number) > _LARGEST and name not in ("id", "conf"):
            raise DataError(f"{where}: {name} '{cell}' is beyond any video; correct the row or remove it.")
        numbers.append(number)
    frame, _, left, top, width, height = numbers[:6]
    if frame < 0 or frame != int(frame):
        raise DataError(f"{where}: frame '{cells[0]}' is no whole number from 0.")
    if width <= 0 or height <= 0:
        raise DataError(f"{where}: the box has no area (width {cells[4]}, height {cells[5]}).")
    score = numbers[6] if len(numbers) > 6 and numbers[6] >= 0 else 1.0
    if score > 1:
        raise DataError(f"{where}: conf '{cells[6]}' is above 1; scale the confidences to lie between 0 and 1.")
    return int(frame), (left, top, left + width, top + height, score)
