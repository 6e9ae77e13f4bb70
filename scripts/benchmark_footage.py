"""What the built-in detectors, the tracker and the choice of crops reach on a clip with hand-made tracks.

    python scripts/benchmark_footage.py pets2009_s2l1.avi pets2009_s2l1_tracks.xml --detectors motion,hog

The tracks are XML as of PETS 2009: frames with objects, each with an id and a box by its middle, width and height.
Detection: boxes are matched one to one at an intersection over union of at least 0.5, as many as can be. Tracking:
IDF1, MOTA and switches by motmetrics. Crops: each is held against the true boxes of its frame; it is of the person
whose box it meets best at 0.4 or more (crops have a margin), and it shows one person where no other true box has 30 %
of its area in it. Pairs: two crops of one tracklet are said to be one person, two tracklets that live at one time two.
Work is the time of detection, tracking and choosing by the clock; processor time is that of all threads, and decoding
is in it.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import combinations
from pathlib import Path

import motmetrics
import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from true_tracks import SAME, Truth, read_truth

from usvireid import names
from usvireid.footage.choose import Chooser, ChosenCrop, ChosenTrack
from usvireid.footage.decode import Reading, decoded
from usvireid.footage.detectors.make import make_detector
from usvireid.footage.detectors.overlaps import intersection_over_union
from usvireid.footage.frames import Frame
from usvireid.footage.probe import probe
from usvireid.footage.tracking import Tracked, make_tracker
from usvireid.footage.tracklets import covered_shares

OF_PERSON = 0.4
SHOWN = 0.3
NOBODY = -1


NONE = Truth(np.zeros(0, int), np.zeros((0, 4)))


@dataclass
class Result:
    """What was counted over a clip."""

    frames: int = 0
    found: int = 0
    wrong: int = 0
    missed: int = 0
    work: float = 0.0
    processor: float = 0.0
    accumulator: motmetrics.MOTAccumulator = field(default_factory=lambda: motmetrics.MOTAccumulator(auto_id=True))
    tracks: list[ChosenTrack] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)


def measure(video: Path, truth: dict[int, Truth], kind: str, limit: int, thermal: bool = False) -> Result:
    """Run one detector, the tracker and the chooser over a clip."""
    facts = probe(video)
    detector = make_detector(kind, modality=names.INFRARED if thermal else names.VISIBLE)
    tracker, chooser, result = make_tracker(facts.frame_rate), Chooser(), Result()
    seen: list[tuple[Truth, np.ndarray, list[Tracked]]] = []
    before = time.process_time()
    with decoded(video, Reading(facts)) as footage:
        for shown in footage:
            if shown.number >= limit:
                break
            frame = as_thermal(shown) if thermal else shown
            begun = time.perf_counter()
            detections = detector.detect(frame)
            tracked = tracker.update(frame, detections)
            chooser.add(frame, tracked)
            result.tracks += chooser.finished()
            result.work += time.perf_counter() - begun
            result.frames += 1
            seen.append((truth.get(frame.number, NONE), detections.boxes, tracked))
    result.processor = time.process_time() - before
    for known, boxes, tracked in seen:
        count(result, known, boxes, tracked)
    result.tracks += chooser.close()
    result.dropped = chooser.dropped
    return result


def as_thermal(frame: Frame) -> Frame:
    """The frame grey, dark for bright, with 60 % of its contrast and noise of 6 grey values."""
    noise = np.random.default_rng(frame.number).normal(0, 6, frame.image.shape[:2])
    grey = 235 - 0.6 * frame.image.mean(axis=2) + noise
    image = np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    return Frame(frame.number, frame.time, image)


def count(result: Result, truth: Truth, boxes: np.ndarray, tracked: list[Tracked]) -> None:
    """Add what was found in a frame."""
    overlaps = intersection_over_union(truth.boxes, boxes.astype(float))
    rows, columns = linear_sum_assignment((overlaps >= SAME) * (1 + overlaps), maximize=True)
    found = int((overlaps[rows, columns] >= SAME).sum())
    result.found += found
    result.wrong += len(boxes) - found
    result.missed += len(truth.boxes) - found
    held = np.array([one.box for one in tracked], float).reshape(-1, 4)
    distances = 1 - intersection_over_union(truth.boxes, held)
    distances[distances > 1 - SAME] = np.nan
    result.accumulator.update(truth.ids, [one.track for one in tracked], distances)


def person_of(crop: ChosenCrop, truth: dict[int, Truth]) -> tuple[int, int]:
    """Whose crop it is, and how many people it shows."""
    known = truth.get(crop.frame)
    if known is None or not len(known.ids):
        return NOBODY, 0
    box = crop.box[None].astype(float)
    overlaps = intersection_over_union(box, known.boxes)[0]
    shown = int((covered_shares(known.boxes, box)[:, 0] >= SHOWN).sum())
    best = int(np.argmax(overlaps))
    return (int(known.ids[best]) if overlaps[best] >= OF_PERSON else NOBODY), shown


def rows_of(kind: str, result: Result, truth: dict[int, Truth], seconds: float) -> dict[str, str]:
    """The row of the table."""
    scores = motmetrics.metrics.create().compute(
        result.accumulator, metrics=["idf1", "mota", "num_switches", "mostly_tracked", "num_unique_objects"]
    )
    whole = scores.iloc[0]
    owners = {track.track: [person_of(crop, truth) for crop in track.crops] for track in result.tracks}
    crops = [owner for listed in owners.values() for owner in listed]
    people = Counter(person for person, _ in crops if person != NOBODY)
    everybody = {int(i) for known in truth.values() for i in known.ids}
    counts = [people[person] for person in sorted(everybody)]
    one = sum(person != NOBODY and shown == 1 for person, shown in crops)
    pairs = [a != b for listed in owners.values() for (a, _), (b, _) in combinations(listed, 2) if NOBODY not in (a, b)]
    apart = cannot_pairs(result.tracks, owners)
    return {
        "detector": kind,
        "recall": f"{result.found / max(result.found + result.missed, 1):.3f}",
        "precision": f"{result.found / max(result.found + result.wrong, 1):.3f}",
        "IDF1": f"{whole['idf1']:.3f}",
        "MOTA": f"{whole['mota']:.3f}",
        "switches": f"{int(whole['num_switches'])}",
        "mostly tracked": f"{int(whole['mostly_tracked'])} of {int(whole['num_unique_objects'])}",
        "tracklets": f"{len(result.tracks)}",
        "crops": f"{len(crops)}",
        "crops a person": f"{min(counts)} / {int(np.median(counts))} / {max(counts)}",
        "one person": f"{100 * one / max(len(crops), 1):.1f} %",
        "wrong same": f"{sum(pairs)} of {len(pairs)}",
        "wrong different": f"{sum(apart)} of {len(apart)}",
        "work for a second": f"{result.work / seconds:.2f} s",
        "processor for a second": f"{result.processor / seconds:.2f} s",
    }


def cannot_pairs(tracks: list[ChosenTrack], owners: dict[int, list[tuple[int, int]]]) -> list[bool]:
    """For each pair of tracklets that live at one time, whether most of the crops of both are of one person."""
    most = {}
    for track, listed in owners.items():
        people = Counter(person for person, _ in listed if person != NOBODY)
        if people:
            most[track] = people.most_common(1)[0][0]
    found = []
    for a, b in combinations([track for track in tracks if track.track in most], 2):
        if a.first_frame <= b.last_frame and b.first_frame <= a.last_frame:
            found.append(most[a.track] == most[b.track])
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--detectors", default="motion,hog")
    parser.add_argument("--thermal", action="store_true", help="grey, inverted, duller and noisy, as infrared")
    parser.add_argument("--frames", type=int, default=10**9, help="only the first so many")
    given = parser.parse_args()
    truth = read_truth(given.tracks)
    facts = probe(given.video)
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "trackers", "motmetrics"))
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}, {libraries}")
    print(f"{given.video.name}: {facts.width} x {facts.height}, {facts.frame_rate:g} frames a second")
    rows = []
    for kind in given.detectors.split(","):
        result = measure(given.video, truth, kind, given.frames, given.thermal)
        seen = {number: known for number, known in truth.items() if number < result.frames}
        boxes = sum(len(known.ids) for known in seen.values())
        seconds = result.frames / facts.frame_rate
        print(f"{kind}: {result.frames} frames, {boxes} true boxes")
        print(f"{kind}: dropped {', '.join(f'{count} {reason}' for reason, count in result.dropped.items() if count)}")
        rows.append(rows_of(kind, result, seen, seconds))
    print(pd.DataFrame(rows).set_index("detector").T.to_string())


if __name__ == "__main__":
    main()
