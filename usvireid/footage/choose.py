"""A few good crops of each track: sharp, whole, alone, large enough and different from each other."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from usvireid.footage.crop_quality import look_of, quality_of
from usvireid.footage.frames import Frame
from usvireid.footage.tracking import LOST_AFTER, Tracked
from usvireid.footage.tracklets import Tracklets, covered_shares

# Why a box of a track became no crop.
SMALL = "too small"
CUT = "cut by the edge of the frame"
OVERLAPPED = "overlapped by another box"
TWO = "may hold two people"
SHAPE = "not shaped like a person"
BLURRED = "blurred, compared with its track"
ALIKE = "like a better one of its track"
SHORT = "track too short"
FORGOTTEN = 2 * LOST_AFTER
"""Seconds without a box after which a track has ended for good."""
REASONS = (SMALL, CUT, OVERLAPPED, TWO, SHAPE, BLURRED, ALIKE, SHORT)


@dataclass(frozen=True)
class Choosing:
    """What is kept of a track.

    Attributes:
        crops: of one track, at most.
        least_height: of a box, pixels; a smaller person has no looks left to tell him by.
        least_width: of a box, pixels.
        margin: added around the box on each side, a share of its height; detectors cut close.
        overlap: of a box, the share of its area that other boxes may cover.
        shapes: height over width, least and most, of a box that shows a whole person upright.
        least_life: seconds; a track that lives shorter gives no crops.
        spacing: seconds; of boxes that follow each other closer, only the best is looked at further.
        blur: a crop less sharp than this share of the median of its track is dropped.
    """

    crops: int = 6
    least_height: int = 48
    least_width: int = 16
    margin: float = 0.03
    overlap: float = 0.15
    shapes: tuple[float, float] = (1.4, 5.0)
    least_life: float = 0.5
    spacing: float = 0.3
    blur: float = 0.5

    def __post_init__(self) -> None:
        if self.crops < 1:
            raise ValueError(f"at least one crop of a track, not {self.crops}")


@dataclass(frozen=True, eq=False)
class ChosenCrop:
    """A crop that was kept.

    Attributes:
        frame: number of the frame in its video.
        time: seconds since the start of the video.
        box: float32, left, top, right, bottom in pixels of the frame, with the margin, within the frame.
        score: of the detector.
        quality: in (0, 1); sharp, large, sure and alone is high. Comparable within a video.
        image: uint8 H x W x 3, a copy.
    """

    frame: int
    time: float
    box: np.ndarray
    score: float
    quality: float
    image: np.ndarray


@dataclass(frozen=True, eq=False)
class ChosenTrack:
    """A tracklet (see `tracklets.py`) that ended, with its crops in the order of time.

    Attributes:
        track: its number, counted from 0 within the video; not that of the tracker.
        first_frame: where it was seen first; later boxes without a crop count too.
        last_frame: where it was seen last.
        crops: at least one.
    """

    track: int
    first_frame: int
    last_frame: int
    crops: list[ChosenCrop]


@dataclass(eq=False)
class _Candidate:
    crop: ChosenCrop
    sharpness: float
    look: np.ndarray


@dataclass(eq=False)
class _Life:
    first_frame: int
    first_time: float
    last_frame: int = 0
    last_time: float = 0.0
    candidates: list[_Candidate] = field(default_factory=list)


class Chooser:
    """Keeps the best few crops of each living track and hands them over when the track has ended.

    Memory holds at most three times the wanted crops for each living track.

    Args:
        choosing: what is kept.

    Attributes:
        dropped: how many boxes of tracks became no crop, by reason; with the crops handed over they make up all boxes.
    """

    def __init__(self, choosing: Choosing | None = None) -> None:
        self.choosing = choosing or Choosing()
        self._dropped: Counter[str] = Counter()
        self._tracklets = Tracklets()
        self._lives: dict[int, _Life] = {}
        self._ended: list[ChosenTrack] = []

    @property
    def dropped(self) -> dict[str, int]:
        """How many boxes were dropped for each reason, all reasons named."""
        return {reason: self._dropped[reason] for reason in REASONS}

    def add(self, frame: Frame, tracked: list[Tracked]) -> None:
        """Take in the tracked boxes of the next frame."""
        boxes = np.array([one.box for one in tracked], np.float32).reshape(-1, 4)
        shares = covered_shares(boxes, boxes)
        np.fill_diagonal(shares, 0.0)
        numbered = self._tracklets.number(frame, tracked)
        for one, known, share in zip(tracked, numbered, shares.max(axis=1, initial=0).tolist(), strict=True):
            life = self._lives.setdefault(known.tracklet, _Life(frame.number, frame.time))
            life.last_frame, life.last_time = frame.number, frame.time
            reason = self._refused(one.box, share, frame)
            if reason is None and not known.alone:
                reason = TWO
            if reason is None:
                self._offer(life, _candidate(frame, one, share, self.choosing.margin))
            else:
                self._dropped[reason] += 1
        for track in [t for t, life in self._lives.items() if frame.time - life.last_time > FORGOTTEN]:
            self._end(track)

    def finished(self) -> list[ChosenTrack]:
        """The tracks that ended since this was asked last, by number."""
        ended, self._ended = sorted(self._ended, key=lambda track: track.track), []
        return ended

    def close(self) -> list[ChosenTrack]:
        """The video is over: all tracks that were not handed over yet, by number."""
        for track in list(self._lives):
            self._end(track)
        return self.finished()

    def _refused(self, box: np.ndarray, share: float, frame: Frame) -> str | None:
        left, top, right, bottom = box.tolist()
        width, height = right - left, bottom - top
        if height < self.choosing.least_height or width < self.choosing.least_width:
            return SMALL
        if left < 1 or top < 1 or right > frame.width - 1 or bottom > frame.height - 1:
            return CUT
        if not self.choosing.shapes[0] <= height / width <= self.choosing.shapes[1]:
            return SHAPE
        return OVERLAPPED if share > self.choosing.overlap else None

    def _offer(self, life: _Life, new: _Candidate) -> None:
        kept = life.candidates
        if kept and new.crop.time - kept[-1].crop.time < self.choosing.spacing:
            self._dropped[ALIKE] += 1
            if new.crop.quality > kept[-1].crop.quality:
                kept[-1] = new
            return
        kept.append(new)
        if len(kept) > 3 * self.choosing.crops:
            self._drop_one(kept)

    def _drop_one(self, kept: list[_Candidate]) -> None:
        """Of the two neighbours in time that are most alike, let the worse one go."""
        gaps = [_distance(a, b) for a, b in itertools.pairwise(kept)]
        at = int(np.argmin(gaps))
        worse = at if kept[at].crop.quality < kept[at + 1].crop.quality else at + 1
        del kept[worse]
        self._dropped[ALIKE] += 1

    def _end(self, track: int) -> None:
        life = self._lives.pop(track)
        kept = life.candidates
        if life.last_time - life.first_time < self.choosing.least_life:
            self._dropped[SHORT] += len(kept)
            return
        if kept:
            least = self.choosing.blur * float(np.median([one.sharpness for one in kept]))
            sharp = [one for one in kept if one.sharpness >= least]
            self._dropped[BLURRED] += len(kept) - len(sharp)
            chosen = spread(sharp, self.choosing.crops)
            self._dropped[ALIKE] += len(sharp) - len(chosen)
            crops = sorted((one.crop for one in chosen), key=lambda crop: crop.frame)
            self._ended.append(ChosenTrack(track, life.first_frame, life.last_frame, crops))


def spread(candidates: list[_Candidate], count: int) -> list[_Candidate]:
    """The best candidate, then again and again the one that is good and far from those taken.

    Far is farthest-point sampling: the least distance to one taken, times the quality.
    """
    if len(candidates) <= count:
        return candidates
    chosen = [int(np.argmax([one.crop.quality for one in candidates]))]
    nearest = np.full(len(candidates), np.inf)
    while len(chosen) < count:
        last = candidates[chosen[-1]]
        nearest = np.minimum(nearest, [_distance(one, last) for one in candidates])
        worth = nearest * [one.crop.quality for one in candidates]
        worth[chosen] = -1
        chosen.append(int(np.argmax(worth)))
    return [candidates[i] for i in chosen]


def _distance(a: _Candidate, b: _Candidate) -> float:
    """How different two crops of a track are: by their looks, and by time as far as a second or so."""
    seconds = abs(a.crop.time - b.crop.time)
    return float(np.linalg.norm(a.look - b.look)) + 0.5 * seconds / (seconds + 2.0)


def _candidate(frame: Frame, one: Tracked, share: float, margin: float) -> _Candidate:
    left, top, right, bottom = one.box.tolist()
    extra = margin * (bottom - top)
    x0, y0 = max(int(np.floor(left - extra)), 0), max(int(np.floor(top - extra)), 0)
    x1 = min(int(np.ceil(right + extra)), frame.width)
    y1 = min(int(np.ceil(bottom + extra)), frame.height)
    image = frame.image[y0:y1, x0:x1].copy()
    quality, sharpness = quality_of(image, one.score, share)
    box = np.array([x0, y0, x1, y1], np.float32)
    return _Candidate(ChosenCrop(frame.number, frame.time, box, one.score, quality, image), sharpness, look_of(image))
