"""One recording: decoded, searched, followed, chosen from, and its crops written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from usvireid.errors import DataError
from usvireid.footage.decode import Outcome, Reading, decoded
from usvireid.footage.detectors.detector import Detections, Detector
from usvireid.footage.frames import Frame
from usvireid.footage.modality import Decision
from usvireid.footage.part_writer import PartWriter
from usvireid.footage.parts import PartFacts
from usvireid.footage.probe import VideoFacts
from usvireid.footage.regions import Region, clipped
from usvireid.footage.settings import ChoosingSettings, FootageSettings

if TYPE_CHECKING:
    from usvireid.footage.choose import Chooser
    from usvireid.footage.tracking import Tracker

OUTSIDE_PICTURE: Final = "outside the picture"
OUTSIDE_REGION: Final = "outside the region"
IN_NO_TRACK: Final = "in no track"
"""Why a detection goes no further."""


@dataclass(frozen=True)
class Tools:
    """What looks at a recording: makers, since each recording gets its own.

    Attributes:
        detector: from its name and the modality.
        tracker: from the frames a second.
        chooser: from the settings.
    """

    detector: Callable[[str, str], Detector]
    tracker: Callable[[float], Tracker]
    chooser: Callable[[ChoosingSettings], Chooser]


@dataclass(frozen=True)
class Job:
    """A recording that is known to be a video.

    `detector` is the detector's full name; the modality has been decided.
    """

    path: Path
    facts: VideoFacts
    decision: Decision
    detector: str
    region: Region | None
    settings: FootageSettings


def extract(job: Job, made_from: str, folder: Path, tools: Tools, watch: Callable[[int], None]) -> PartFacts:
    """Write the crops of a recording, their rows and the facts into `folder`.

    Rows are kept until the end, some hundred bytes for each crop; all else is as large for a day as for a minute.

    Args:
        job: the recording.
        made_from: `Entry.made_from`.
        folder: to be made; what stands there is removed.
        tools: what looks at it.
        watch: called with the number of frames decoded since the last call.

    Raises:
        DataError: not one frame can be decoded.
        UsvireidError: the crops cannot be written.
    """
    settings = job.settings
    rate = (settings.frame_rate or job.facts.frame_rate) / settings.every
    detector = tools.detector(job.detector, job.decision.modality)
    tracker, chooser = tools.tracker(rate), tools.chooser(settings.choosing)
    dropped: Counter[str] = Counter()
    found = 0
    reading = Reading(job.facts, settings.frame_rate, settings.every, settings.deinterlace)
    with PartWriter(folder, settings.format, settings.quality) as writer, decoded(job.path, reading) as footage:
        for frame in footage:
            detections = detector.detect(_shown(frame, job.region))
            found += len(detections)
            inside = _inside(detections, frame, job, dropped)
            tracked = tracker.update(frame, inside)
            dropped[IN_NO_TRACK] += len(inside) - len(tracked)
            chooser.add(frame, tracked)
            for track in chooser.finished():
                writer.add(track)
            watch(settings.every)
        for track in chooser.close():
            writer.add(track)
        if not footage.outcome.frames:
            raise DataError(f"{job.path}: holds no frame that can be decoded; copy the recording anew, or remove it.")
        dropped.update(chooser.dropped)
        counts: dict[str, int] = getattr(detector, "counts", {})  # of boxes that a file brought
        brought = [f"{count:,} boxes {what}" for what, count in counts.items() if count]
        remarks = [*_remarks(footage.outcome, job), *brought]
        facts = _facts(job, made_from, rate, footage.outcome, found, writer, dropped, remarks)
        writer.finish(facts)
    return facts


def _facts(
    job: Job,
    made_from: str,
    rate: float,
    outcome: Outcome,
    found: int,
    writer: PartWriter,
    dropped: Counter[str],
    remarks: list[str],
) -> PartFacts:
    return PartFacts(
        made_from=made_from,
        modality=job.decision.modality,
        grounds=job.decision.grounds,
        width=job.facts.width,
        height=job.facts.height,
        frame_rate=rate,
        frames=outcome.frames,
        seconds=round(outcome.seconds, 3),
        detections=found,
        tracks=writer.tracks,
        crops=writer.crops,
        dropped={reason: count for reason, count in dropped.items() if count},
        remarks=remarks,
        damaged=bool(outcome.damaged or outcome.missing),
    )


def _shown(frame: Frame, region: Region | None) -> Frame:
    """What the detector sees: black outside the region."""
    return frame if region is None else replace(frame, image=region.masked(frame.image))


def _inside(detections: Detections, frame: Frame, job: Job, dropped: Counter[str]) -> Detections:
    """The detections that are in the picture and in the region, cut at the edge of the picture."""
    kept = clipped(detections, frame.width, frame.height)
    dropped[OUTSIDE_PICTURE] += len(detections) - len(kept)
    if job.region is None or not len(kept):
        return kept
    inside = job.region.share(kept) >= job.settings.inside
    dropped[OUTSIDE_REGION] += int((~inside).sum())
    return kept.take(inside)


def _remarks(outcome: Outcome, job: Job) -> list[str]:
    """What was met in a file, damage first."""
    remarks = []
    if outcome.missing:
        whole = outcome.seconds + outcome.missing
        remarks.append(f"cut off: the last {outcome.missing:,.1f} s of {whole:,.1f} s are not there")
    if outcome.damaged:
        places = "1 place" if outcome.damaged == 1 else f"{outcome.damaged:,} places"
        remarks.append(f"{places} cannot be decoded, the first at {outcome.first_damage:,.1f} s; left out")
    if outcome.rescaled:
        remarks.append(f"{outcome.rescaled:,} frames of another size, scaled to that of the first")
    if outcome.deinterlaced:
        remarks.append("interlaced: made into whole pictures")
    elif job.facts.interlaced:
        remarks.append("interlaced, and left so as told")
    if job.facts.rotation:
        remarks.append(f"turned by {job.facts.rotation} degrees, as the file says")
    if outcome.uneven:
        remarks.append("variable frame rate: times are those of the time stamps")
    return remarks
