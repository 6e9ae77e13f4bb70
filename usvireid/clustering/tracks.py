"""Free truth: a track is one person, two tracks in one picture are two, and nobody is in two places at once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from usvireid import names
from usvireid.clustering.constraints import ConstraintsBuilder
from usvireid.data.crops import Crops


def track_numbers(crops: Crops) -> np.ndarray:
    """The track of every crop (int64, N), numbered from 0; -1 without one.

    A track belongs to a camera of a modality: equal names elsewhere are other tracks.
    """
    table = crops.table
    keys = [table[names.MODALITY], table[names.CAMERA].fillna(""), table[names.TRACK]]
    number = pd.DataFrame(dict(enumerate(keys))).groupby([0, 1, 2], sort=True, dropna=True).ngroup()
    return np.asarray(number.fillna(names.NO_LABEL), dtype=np.int64)


def add_tracks(builder: ConstraintsBuilder, crops: Crops) -> None:
    """What the tracks of a table tell: the crops of one must link, two of one camera that live at once cannot.

    A track lives from its first to its last frame among the crops. Crops without frames take part in the first half
    only, crops without a track in nothing.
    """
    track = track_numbers(crops)
    for rows in _rows_of(track):
        builder.must(rows)
    frame = crops.table[names.FRAME].astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    lives = _Lives.of(track, frame)
    camera = _camera_codes(crops)[lives.first]
    for code in np.unique(camera[camera >= 0]):
        of_camera = lives.take(camera == code)
        _forbid(builder, of_camera, of_camera, 0.0)


def add_travel(builder: ConstraintsBuilder, crops: Crops, seconds: Mapping[tuple[str, str], float]) -> None:
    """What minimal travel times tell: two tracks of two cameras that are nearer in time than the way is long.

    Args:
        builder: told so.
        crops: with camera, track and time, the clocks of the cameras agreeing.
        seconds: the least time from one camera to another; both directions are meant, so a pair stands once.
    """
    track = track_numbers(crops)
    lives = _Lives.of(track, crops.table[names.TIME].to_numpy(dtype=np.float64))
    camera = crops.table[names.CAMERA].fillna("").to_numpy()[lives.first]
    for (one, other), least in seconds.items():
        _forbid(builder, lives.take(camera == one), lives.take(camera == other), least, open_ended=True)


class _Lives:
    """The spans of tracks: `first`, a row of each (int64); `start` and `end` (float64)."""

    def __init__(self, first: np.ndarray, start: np.ndarray, end: np.ndarray) -> None:
        self.first, self.start, self.end = first, start, end

    @classmethod
    def of(cls, track: np.ndarray, moment: np.ndarray) -> _Lives:
        rows = np.flatnonzero((track >= 0) & ~np.isnan(moment))
        found, first, place = np.unique(track[rows], return_index=True, return_inverse=True)
        start, end = np.full(len(found), np.inf), np.full(len(found), -np.inf)
        np.minimum.at(start, place.ravel(), moment[rows])
        np.maximum.at(end, place.ravel(), moment[rows])
        return cls(rows[first], start, end)

    def take(self, kept: np.ndarray) -> _Lives:
        return _Lives(self.first[kept], self.start[kept], self.end[kept])


def _forbid(builder: ConstraintsBuilder, ones: _Lives, others: _Lives, slack: float, open_ended: bool = False) -> None:
    """Forbid every pair of spans that are at most `slack` apart, less than that where `open_ended`."""
    if not len(ones.first) or not len(others.first):
        return
    order = np.argsort(others.start, kind="stable")
    starts = others.start[order]
    # Who starts in time, and not so early that the longest life had ended, is found by bisection; the rest one by one.
    longest = float((others.end - others.start).max())
    since = np.searchsorted(starts, ones.start - slack - longest)
    until = np.searchsorted(starts, ones.end + slack, side="right")
    for one, row in enumerate(ones.first.tolist()):
        near = order[since[one] : until[one]]
        gap = np.maximum(ones.start[one] - others.end[near], others.start[near] - ones.end[one])
        near = near[gap < slack] if open_ended else near[gap <= slack]
        for other in others.first[near].tolist():
            if other != row:
                builder.cannot([row], [other])


def _camera_codes(crops: Crops) -> np.ndarray:
    """A code for each camera of each modality (int64, N); -1 without one, since those may be of many cameras."""
    keys = crops.table[names.MODALITY] + "\n" + crops.table[names.CAMERA]
    return np.asarray(pd.factorize(keys, sort=True)[0], dtype=np.int64)


def _rows_of(track: np.ndarray) -> list[np.ndarray]:
    rows = np.flatnonzero(track >= 0)
    order = rows[np.argsort(track[rows], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(track[order])) + 1) if len(order) else []
