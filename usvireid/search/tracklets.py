"""What is ranked: tracklets, the crops of one track of one camera, or a crop that has no track."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from usvireid import names
from usvireid.clustering.tracks import track_numbers
from usvireid.data.crops import Crops


@dataclass(frozen=True)
class Tracklets:
    """Crops in the order of their tracklets, visible ones first.

    Attributes:
        crops: N crops; those of one tracklet stand together, by frame.
        start: int64, T + 1; the crops of tracklet t are the rows start[t] to start[t + 1].
    """

    crops: Crops
    start: np.ndarray

    def __len__(self) -> int:
        return len(self.start) - 1

    @property
    def first(self) -> np.ndarray:
        """A row of each tracklet (int64, T)."""
        return self.start[:-1]

    @property
    def of_crop(self) -> np.ndarray:
        """The tracklet of each crop (int64, N)."""
        return np.repeat(np.arange(len(self), dtype=np.int64), np.diff(self.start))

    def column(self, name: str) -> np.ndarray:
        """A column of the crops that all crops of a tracklet share, as objects, T."""
        return np.asarray(self.crops.table[name].to_numpy(dtype=object)[self.first])

    def of_modality(self, modality: str) -> slice:
        """The tracklets of one modality, which stand together."""
        found = np.flatnonzero(self.column(names.MODALITY) == modality)
        return slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(0, 0)

    def rows(self, tracklet: int) -> slice:
        """The crops of a tracklet."""
        return slice(int(self.start[tracklet]), int(self.start[tracklet + 1]))


def in_tracklets(crops: Crops) -> tuple[Tracklets, np.ndarray]:
    """Bring crops into the order of their tracklets.

    Returns:
        The tracklets, and the row that each of their crops had before (int64, N).
    """
    table = crops.table
    modality = pd.Categorical(table[names.MODALITY], categories=names.MODALITIES, ordered=True)
    track = track_numbers(crops)
    rows = np.arange(len(crops))
    # A crop without a track comes after the tracks, as a tracklet of its own.
    keys = pd.DataFrame(
        {
            "modality": modality.codes,
            "track": np.where(track < 0, len(crops) + rows, track),
            "frame": table[names.FRAME].to_numpy(dtype=np.float64, na_value=np.inf),
            "row": rows,
        }
    ).sort_values(["modality", "track", "frame", "row"], kind="stable")
    number = keys["track"].to_numpy()
    begins = np.flatnonzero(np.diff(number, prepend=-1) != 0) if len(number) else np.zeros(0, dtype=np.int64)
    start = np.append(begins, len(crops)).astype(np.int64)
    order = keys["row"].to_numpy(dtype=np.int64)
    return Tracklets(crops.take(order), start), order
