"""A person in a frame of a video as a query."""

from __future__ import annotations

from typing import Final

import numpy as np

from usvireid.errors import DataError, UsageError
from usvireid.footage.choose import Choosing
from usvireid.footage.decode import Reading, decoded
from usvireid.footage.detectors.detector import Detections, Detector
from usvireid.footage.detectors.make import make_detector
from usvireid.footage.frames import Frame
from usvireid.footage.probe import probe
from usvireid.footage.tracking import SURE
from usvireid.names import VISIBLE
from usvireid.search.encode import AUTO, IndexEncoder, modality_of
from usvireid.search.query import Query, VideoPlace
from usvireid.search.words import time_text

LEAD: Final = 20.0
"""Seconds before the moment in which a detector is shown the video: one for moving people has to learn what is not."""
_LISTED: Final = 8


def query_in_video(place: VideoPlace, encoder: IndexEncoder, modality: str, box: str | None, detector: str) -> Query:
    """The person in a box of the frame that is shown at a moment, or the one who is detected there.

    Args:
        place: the video and the moment.
        encoder: of the index.
        modality: visible, infrared, or auto: by whether the frame has colours.
        box: left,top,width,height in pixels of the frame; None: whoever is detected, if it is one person.
        detector: see `usvireid.footage.detectors.make.make_detector`.

    Raises:
        UsageError: no such file or detector, a box outside the frame, or not exactly one person detected; those that
            are stand in the message, as boxes to choose from.
        DataError: it is no video, or ends before the moment.
    """
    wanted = None if box is None else parse_box(box)
    # Whether there are colours is seen in the frame itself; a detector for colours does without them.
    eye = None if wanted is not None else make_detector(detector, modality=VISIBLE if modality == AUTO else modality)
    frame, found = _look(place, eye)
    said: tuple[str, ...] = ()
    if modality == AUTO:
        modality, what = modality_of(frame.image)
        said = (what,)
    at = f"{place.video.name} at {time_text(place.seconds)}"
    if wanted is None:
        wanted, score = _only_person(found, frame, at, detector)
        said = (f"{detector} found one person, score {score:.2f}, --box {_box_text(wanted)}", *said)
    left, top, right, bottom = _inside(wanted, frame, at)
    return encoder.query(encoder.resized(frame.image[top:bottom, left:right]), modality, at, said)


def parse_box(text: str) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a box given as left,top,width,height.

    Raises:
        UsageError: it is none.
    """
    try:
        left, top, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--box {text}: write it as left,top,width,height, in pixels of the frame.") from None
    corners = left, top, left + width, top + height
    if not (np.isfinite(corners).all() and width > 0 and height > 0):
        raise UsageError(f"--box {text}: has no width or no height.")
    return corners


def _look(place: VideoPlace, detector: Detector | None) -> tuple[Frame, Detections]:
    """The frame shown at a moment, and what a detector finds in it that has seen the seconds before."""
    facts = probe(place.video)
    shown: Frame | None = None
    found = Detections.none()
    with decoded(place.video, Reading(facts)) as footage:
        for frame in footage:
            if frame.time > place.seconds:
                break
            shown = frame
            if detector is not None and frame.time >= place.seconds - LEAD:
                found = detector.detect(frame)
        else:
            end = footage.outcome.seconds
            if place.seconds > end:
                raise DataError(
                    f"{place.video}: {time_text(place.seconds)} lies beyond the video, which ends at {time_text(end)}."
                )
    if shown is None:
        raise DataError(f"{place.video}: holds no frame at {time_text(place.seconds)}.")
    return shown, found


def _only_person(
    found: Detections, frame: Frame, at: str, detector: str
) -> tuple[tuple[float, float, float, float], float]:
    """The box of the one person who is surely there, with the margin that ingested crops have."""
    sure = found.take(found.scores >= SURE)
    order = np.argsort(-sure.scores, kind="stable")
    boxes = [_with_margin(sure.boxes[row], frame) for row in order]
    if len(boxes) == 1:
        return boxes[0], float(sure.scores[order[0]])
    if not boxes:
        raise UsageError(
            f"{at}: {detector} finds nobody; name the person with --box left,top,width,height, or try another moment "
            "or --detector."
        )
    listed = "; ".join(
        f"--box {_box_text(box)} (score {sure.scores[row]:.2f})"
        for box, row in zip(boxes[:_LISTED], order, strict=False)
    )
    more = f"; and {len(boxes) - _LISTED} more" if len(boxes) > _LISTED else ""
    raise UsageError(f"{at}: {detector} finds {len(boxes)} people; choose one: {listed}{more}.")


def _with_margin(box: np.ndarray, frame: Frame) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(value) for value in box)
    extra = Choosing().margin * (bottom - top)
    return (
        max(np.floor(left - extra), 0.0),
        max(np.floor(top - extra), 0.0),
        min(np.ceil(right + extra), float(frame.width)),
        min(np.ceil(bottom + extra), float(frame.height)),
    )


def _inside(box: tuple[float, float, float, float], frame: Frame, at: str) -> tuple[int, int, int, int]:
    """The whole pixels of a box within the frame."""
    left, top = max(int(np.floor(box[0])), 0), max(int(np.floor(box[1])), 0)
    right, bottom = min(int(np.ceil(box[2])), frame.width), min(int(np.ceil(box[3])), frame.height)
    if right <= left or bottom <= top:
        raise UsageError(
            f"--box {_box_text(box)}: lies outside the frame of {at}, which is {frame.width} x {frame.height} pixels."
        )
    return left, top, right, bottom


def _box_text(box: tuple[float, float, float, float]) -> str:
    left, top, right, bottom = box
    return ",".join(
        f"{value:.0f}" if abs(value) < 1e9 else f"{value:g}" for value in (left, top, right - left, bottom - top)
    )
