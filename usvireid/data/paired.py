"""Paired sensors: crops of two aligned cameras, one visible and one infrared, that show one person at one instant."""

from __future__ import annotations

from typing import Final

import numpy as np

from usvireid import names
from usvireid.data.crops import Crops

LEAST_OVERLAP: Final = 0.5
"""Intersection over union that the boxes of one person reach in the two pictures."""
SAME_INSTANT: Final = 0.02
"""Seconds that two crops of one instant may be apart: half a frame at 25 frames a second."""

_ROUNDING: Final = 0.0005
"""What writing times in milliseconds may add to that."""


def sensor_pairs(crops: Crops) -> np.ndarray:
    """The pairs of crops that the sensors of a rig took of one person at one instant. Ours.

    One instant: times at most `SAME_INSTANT` apart, where every crop of the rig has a time; else equal frames. One
    person: of the crops at that instant each is the one that the other's box overlaps most, by `LEAST_OVERLAP` at
    least. Where one of two boxes is not known, they are one person only if no other crop of the rig is of that instant.

    Args:
        crops: N crops. Those of one `rig` come from one pair of aligned sensors: boxes are of one system of pixels, and
            frames, or times, of one clock.

    Returns:
        int64, P x 2: the rows of a visible and an infrared crop, by visible row; a row is in one pair at most.
    """
    found = [_pairs_of_rig(crops, rows) for rows in rows_of_rigs(crops).values()]
    pairs = np.concatenate([np.zeros((0, 2), dtype=np.int64), *found])
    return pairs[np.argsort(pairs[:, 0])]


def rows_of_rigs(crops: Crops) -> dict[str, np.ndarray]:
    """The rows (int64, ascending) of the crops of every rig, by its name."""
    groups = crops.table.groupby(names.RIG, sort=True).indices
    return {str(rig): np.asarray(rows, dtype=np.int64) for rig, rows in groups.items()}


def _pairs_of_rig(crops: Crops, rows: np.ndarray) -> np.ndarray:
    table = crops.table.iloc[rows]
    by_time = table[names.TIME].notna().all()
    moment = table[names.TIME if by_time else names.FRAME].astype("Float64").to_numpy(np.float64, na_value=np.nan)
    box = table[list(names.BOX)].to_numpy(np.float64)
    apart = SAME_INSTANT + _ROUNDING if by_time else 0.0
    is_visible = (table[names.MODALITY] == names.VISIBLE).to_numpy(dtype=bool)
    visible, infrared = (
        _Side(np.flatnonzero(side & ~np.isnan(moment)), moment, box) for side in (is_visible, ~is_visible)
    )
    chosen, choosing = visible.partners(infrared, apart), infrared.partners(visible, apart)
    ones = np.flatnonzero(chosen >= 0)
    ones = ones[choosing[chosen[ones]] == ones]
    return np.stack([rows[visible.rows[ones]], rows[infrared.rows[chosen[ones]]]], axis=1)


class _Side:
    """The crops of one sensor in the order of time: `rows` (int64), `moment` (float64) and `box` (float64, x 4)."""

    def __init__(self, rows: np.ndarray, moment: np.ndarray, box: np.ndarray) -> None:
        self.rows = rows[np.argsort(moment[rows], kind="stable")]
        self.moment, self.box = moment[self.rows], box[self.rows]

    def partners(self, other: _Side, apart: float) -> np.ndarray:
        """For each crop the place of its best partner on the other side (int64), -1 where it has none."""
        found = np.full(len(self.rows), names.NO_LABEL, dtype=np.int64)
        since = np.searchsorted(other.moment, self.moment - apart)
        until = np.searchsorted(other.moment, self.moment + apart, side="right")
        for place in np.flatnonzero(until > since).tolist():
            near = np.arange(since[place], until[place])
            overlap = overlaps(self.box[place], other.box[near])
            gap = np.abs(other.moment[near] - self.moment[place])
            best = np.lexsort((other.rows[near], gap, -np.nan_to_num(overlap, nan=-1.0)))[0]
            alone = len(near) == 1 and np.isnan(overlap[0])
            if alone or overlap[best] >= LEAST_OVERLAP:
                found[place] = near[best]
        return found


def overlaps(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of a box with others (float64, K); NaN where either is not known.

    Args:
        box: float64, 4; left, top, width, height.
        others: float64, K x 4.
    """
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[:2] + box[2:], others[:, :2] + others[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    return np.asarray(shared / (box[2:].prod() + others[:, 2:].prod(axis=1) - shared))
