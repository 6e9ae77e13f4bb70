"""The protocol for a user's own data: one modality searches the other, both ways round.

Crops of split "query" ask, those of "gallery" answer, those of "test" do both; where there is no split, every crop of
known identity does both. Rank-k counts images.
"""

from __future__ import annotations

import numpy as np

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.errors import DataError
from usvireid.evaluation.searches.search import PairRule, Search, whole_sides


def own_searches(crops: Crops, exclude: tuple[str, ...], min_frame_gap: int | None) -> list[Search]:
    """Both directions.

    Args:
        crops: the crops; of those that are evaluated on, every rule needs a value in its column.
        exclude: columns. A gallery item that shares ALL of them with the query is dropped for that query; camera,
            frame, identity removes the twin from a camera pair. A missing value matches nothing.
        min_frame_gap: drop gallery items of the query's camera that are nearer than this many frames.

    Raises:
        DataError: a column that a rule needs is empty.
    """
    _refuse_empty_columns(crops.evaluation(), exclude, min_frame_gap)
    facts = {"exclude": sorted(exclude), "min_frame_gap": min_frame_gap}
    return whole_sides(crops, _rule(crops, exclude, min_frame_gap), facts)


def _refuse_empty_columns(crops: Crops, exclude: tuple[str, ...], min_frame_gap: int | None) -> None:
    """A rule on a column without a value would drop nothing and say nothing: name it instead."""
    rules = [(f"exclude {column}", column) for column in exclude]
    if min_frame_gap:
        rules += [(f"min-frame-gap {min_frame_gap}", column) for column in (names.CAMERA, names.FRAME)]
    for rule, column in rules:
        if not crops.has(column):
            raise DataError(
                f"evaluation: {rule} needs the column {column}, but no evaluated crop has a value there; "
                "fill it in the manifest or leave the rule out."
            )


def _rule(crops: Crops, exclude: tuple[str, ...], min_frame_gap: int | None) -> PairRule | None:
    if not exclude and not min_frame_gap:
        return None
    shared = _combined_codes(crops, exclude)
    camera = crops.codes(names.CAMERA)
    frame = crops.table[names.FRAME].to_numpy(dtype=np.float64, na_value=np.nan)

    def dropped(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
        away: np.ndarray = np.zeros((len(query), len(gallery)), dtype=bool)
        if exclude:
            away |= (shared[query, None] == shared[gallery]) & (shared[query, None] >= 0)
        if min_frame_gap:
            # A missing frame is NaN, and no comparison with NaN is true.
            near = np.abs(frame[query, None] - frame[gallery]) < min_frame_gap
            same_camera = (camera[query, None] == camera[gallery]) & (camera[query, None] >= 0)
            away |= near & same_camera
        return away

    return dropped


def _combined_codes(crops: Crops, columns: tuple[str, ...]) -> np.ndarray:
    """One int64 code per crop for its values in all the columns; -1 where any of them is missing."""
    if not columns:
        return np.full(len(crops), -1, dtype=np.int64)
    codes = np.stack([crops.codes(column) for column in columns], axis=1)
    combined = np.unique(codes, axis=0, return_inverse=True)[1].astype(np.int64).ravel()
    combined[(codes < 0).any(axis=1)] = -1
    return combined
