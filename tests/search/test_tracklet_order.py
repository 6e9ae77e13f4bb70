"""Crops in the order of their tracklets."""

from pathlib import Path

import numpy as np
import pandas as pd

from usvireid.data.crops import Crops
from usvireid.search.tracklets import in_tracklets


def crops_of(rows: list[tuple[str, str, str | None, str | None, int | None]]) -> Crops:
    columns = ["path", "modality", "camera", "track", "frame"]
    return Crops.from_table(Path(), pd.DataFrame(rows, columns=columns), "test")


def test_a_tracklet_is_a_track_of_a_camera_or_a_crop_alone() -> None:
    crops = crops_of(
        [
            ("i1", "infrared", "c", "t1", 3),
            ("a", "visible", "c", "t1", 9),
            ("b", "visible", "d", "t1", 1),
            ("c", "visible", "c", None, 5),
            ("d", "visible", "c", "t1", 2),
            ("e", "visible", None, "t1", None),
            ("f", "visible", None, None, None),
        ]
    )
    tracklets, order = in_tracklets(crops)
    paths = tracklets.crops.table["path"].tolist()
    groups = [tuple(paths[tracklets.rows(t)]) for t in range(len(tracklets))]
    assert sorted(groups) == [("b",), ("c",), ("d", "a"), ("e",), ("f",), ("i1",)]
    assert groups[-1] == ("i1",)
    assert [crops.table["path"][row] for row in order] == paths
    assert tracklets.of_modality("visible") == slice(0, 5)
    assert tracklets.of_modality("infrared") == slice(5, 6)
    assert tracklets.of_crop.tolist() == [t for t, group in enumerate(groups) for _ in group]


def test_one_modality_and_no_crops_at_all() -> None:
    alone, _ = in_tracklets(crops_of([("a", "infrared", None, None, None)]))
    assert (len(alone), alone.of_modality("visible"), alone.of_modality("infrared")) == (1, slice(0, 0), slice(0, 1))
    none, order = in_tracklets(alone.crops.take(np.zeros(0, dtype=np.int64)))
    assert len(none) == len(order) == 0
