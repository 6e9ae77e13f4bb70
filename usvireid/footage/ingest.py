"""From recordings to a data folder: `usvireid footage ingest`."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from usvireid import names
from usvireid.display import Display
from usvireid.errors import DataError, UsvireidError
from usvireid.files import held
from usvireid.footage.cameras import Recording
from usvireid.footage.extract import Job, Tools, extract
from usvireid.footage.ledger import Entry, joined, make_entry, read_ledger, write_ledger
from usvireid.footage.manifest import write_manifest
from usvireid.footage.modality import decide
from usvireid.footage.parts import (
    Part,
    PartFacts,
    clear_unfinished,
    find_part,
    standing_folders,
    take_place,
    unfinished_folder,
)
from usvireid.footage.probe import probe
from usvireid.footage.progress import FrameProgress
from usvireid.footage.regions import Region
from usvireid.footage.timeline import doubts, place


@dataclass(frozen=True)
class Done:
    """A recording of this call.

    `wall_seconds` is what the work took; None where the crops were there already.
    """

    entry: Entry
    facts: PartFacts
    wall_seconds: float | None

    @property
    def speed(self) -> float | None:
        """Seconds of footage a second of work."""
        return None if not self.wall_seconds else self.facts.seconds / self.wall_seconds


@dataclass(frozen=True)
class Ingested:
    """What an ingest did.

    Attributes:
        out: the data folder.
        done: the recordings of this call, in their order.
        left_out: a line for each file that is no video that can be read.
        crops: in the folder now, by modality.
    """

    out: Path
    done: list[Done]
    left_out: list[str] = field(default_factory=list)
    crops: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        listed = [
            {
                "video": one.entry.path,
                "camera": one.entry.camera,
                "name": one.entry.name,
                **{key: value for key, value in vars(one.facts).items() if key != "made_from"},
                "speed": one.speed,
            }
            for one in self.done
        ]
        return {"out": str(self.out), "recordings": listed, "left_out": self.left_out, "crops": self.crops}


def ingest(
    recordings: Sequence[Recording],
    out: Path,
    display: Display,
    tools: Tools,
    *,
    redo: bool = False,
    strict: bool = False,
) -> Ingested:
    """Write the crops of recordings into a data folder, and the table `crops.csv` of all crops in it.

    Everything that can be wrong with files and settings is looked at before anything is written. Each recording becomes
    a part that is whole or absent, so that the same call goes on where one was stopped, and further calls add
    recordings. The table is made of the finished parts, in one step at the end.

    Args:
        recordings: one or more.
        out: a new or empty folder, or one of footage.
        display: where progress goes.
        tools: what looks at the recordings.
        redo: take the recordings anew, with the settings given, also where they are there.
        strict: refuse where a file is no video that can be read, instead of leaving it out.

    Raises:
        UsageError: no such file, other settings than a recording is there with, or `out` holds something else.
        DataError: nothing can be read; a region mask does not fit; a modality is unclear.
        UsvireidError: another process is at work in `out`, or it cannot be written to.
    """
    standing = read_ledger(out)
    jobs, left_out = _jobs(recordings, display, strict)
    for detector, modality in dict.fromkeys((job.detector, job.decision.modality) for _, job in jobs):
        tools.detector(detector, modality)  # says now what is wrong with it
    digests: dict[Path, str] = {}
    wanted = [make_entry(recording, job.decision.modality, digests) for recording, job in jobs]
    joined(standing, wanted, redo)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsvireidError(f"{out}: cannot be made ({error.strerror}); give another --out.") from None
    with held(out, f"{out}: another usvireid is at work in this folder; wait for it."):
        ledger, asked = joined(read_ledger(out), wanted, redo)
        clear_unfinished(out)
        write_ledger(out, ledger)
        done = _work(ledger, asked, [job for _, job in jobs], out, display, tools, redo)
        parts = _finished(out, ledger)
        crops = write_manifest(out, parts, display.warn)
        unfinished = len(ledger) - len(parts)
        rest = [f"{unfinished} recordings of earlier calls are not finished; name them again"] if unfinished else []
        for line in [*doubts(place(parts)), *rest]:
            display.warn(line)
    return Ingested(out, done, left_out, crops)


def _jobs(
    recordings: Sequence[Recording], display: Display, strict: bool
) -> tuple[list[tuple[Recording, Job]], list[str]]:
    """The recordings that can be read, looked at, and a line for each other one."""
    regions: dict[Path, Region] = {}
    jobs: list[tuple[Recording, Job]] = []
    left_out: list[str] = []
    with display.task("looking at recordings", len(recordings)) as advance:
        for recording in recordings:
            advance(1)
            try:
                facts = probe(recording.path)
            except DataError as error:
                if strict or len(recordings) == 1:
                    raise
                left_out.append(str(error))
                display.warn(f"{error} It is left out")
                continue
            decision = decide(recording.path, facts, recording.modality)
            region = None
            if recording.region is not None:
                if recording.region not in regions:
                    regions[recording.region] = Region.read(recording.region)
                region = regions[recording.region]
                region.refuse_other_size(facts.width, facts.height, recording.path)
            job = Job(recording.path, facts, decision, recording.detector, region, recording.settings)
            jobs.append((recording, job))
            if recording.modality != decision.modality:
                display.say(f"{recording.path}: {decision.modality} ({decision.grounds})")
    if not jobs:
        raise DataError(f"not one of {len(recordings)} files is a video that can be read; the first: {left_out[0]}")
    return jobs, left_out


def _work(
    ledger: Sequence[Entry],
    asked: Sequence[Entry],
    jobs: Sequence[Job],
    out: Path,
    display: Display,
    tools: Tools,
    redo: bool,
) -> list[Done]:
    done: list[Done] = []
    standing = [None if redo else find_part(out, entry) for entry in asked]
    todo = [job for job, part in zip(jobs, standing, strict=True) if part is None]
    estimates = FrameProgress.estimates([job.facts.frames for job in todo], [job.path for job in todo])
    with display.task("frames", sum(estimates)) as advance:
        rest = iter(estimates)
        for entry, job, part in zip(asked, jobs, standing, strict=True):
            if part is not None:
                done.append(Done(entry, part.facts, None))
                continue
            with FrameProgress(advance, next(rest)) as progress:
                done.append(_one(ledger, entry, job, out, display, tools, progress.watch))
            _tell(done[-1], display)
    return done


def _one(
    ledger: Sequence[Entry],
    entry: Entry,
    job: Job,
    out: Path,
    display: Display,
    tools: Tools,
    watch: Callable[[int], None],
) -> Done:
    begin = time.monotonic()
    folder = unfinished_folder(out, entry)
    try:
        facts = extract(job, entry.made_from, folder, tools, watch)
    except BaseException:  # also where a person stops it
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if standing_folders(out, entry) and (out / names.MANIFEST_FILE).exists():  # it may name no crops that are to go
        write_manifest(out, _finished(out, [other for other in ledger if other is not entry]), display.warn)
    take_place(out, entry)
    return Done(entry, facts, time.monotonic() - begin)


def _finished(out: Path, ledger: Iterable[Entry]) -> list[Part]:
    parts = (find_part(out, entry) for entry in ledger)
    return [part for part in parts if part is not None]


def _tell(done: Done, display: Display) -> None:
    facts = done.facts
    speed = "" if done.speed is None else f", {done.speed:,.1f}x real time"
    display.say(
        f"{done.entry.key}: {facts.frames:,} frames ({facts.seconds:,.1f} s), {facts.detections:,} boxes, "
        f"{facts.tracks:,} tracks, {facts.crops:,} crops{speed}"
    )
    for remark in facts.remarks:
        (display.warn if facts.damaged else display.say)(f"{done.entry.path}: {remark}")
