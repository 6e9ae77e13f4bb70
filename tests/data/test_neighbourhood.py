from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from usvireid.data.crops import Crops
from usvireid.data.neighbourhood import CAREFUL_K1, k1_for, k2_for, suggest, typical_size


def crops(sizes: dict[str, list[int]], column: str, split: str | None = None) -> Crops:
    """Crops of people or tracks 0, 1, ... with so many crops each."""
    rows = [
        {"path": f"{modality}/{who}_{number}.jpg", "modality": modality, column: who, "camera": modality}
        for modality, counts in sizes.items()
        for who, count in enumerate(counts)
        for number in range(count)
    ]
    return Crops.from_table(Path(), pd.DataFrame(rows).assign(split=split), "t")


def test_k2_is_a_fifth() -> None:
    assert [k2_for(k1) for k1 in (1, 8, 12, 30)] == [1, 2, 2, 6]


def test_k1_is_twice_within_bounds() -> None:
    assert [k1_for(size) for size in (1, 5, 6.2, 40)] == [8, 10, 12, 30]


def test_the_group_of_an_average_member_against_a_loop() -> None:
    rng = np.random.default_rng(0)
    for count in (1, 2, 20):
        sizes = rng.integers(1, 9, count)
        members = [size for size in sizes.tolist() for _ in range(size)]
        assert typical_size(sizes) == pytest.approx(sum(members) / len(members))
    assert typical_size(np.zeros(0, dtype=np.int64)) == 0


def test_identities_are_counted_where_they_are_known() -> None:
    found = suggest(crops({"visible": [20, 20], "infrared": [7, 7, 7]}, "identity"))
    assert (found.k1, found.k2, found.eps, found.known) == (14, 3, "auto", "identity")
    assert "20 visible and 7 infrared crops" in found.reason


def test_tracks_give_a_lower_bound() -> None:
    found = suggest(crops({"visible": [6], "infrared": [10]}, "track"))
    assert (found.k1, found.known) == (12, "track")
    assert "larger where a person has several tracks" in found.reason


def test_nothing_known_is_said() -> None:
    for split in (None, "test"):
        found = suggest(crops({"visible": [6], "infrared": [10]}, "identity" if split else "frame", split))
        assert (found.k1, found.known) == (CAREFUL_K1, "nothing")
        assert "twice the crops that you expect" in found.reason


def test_identities_of_one_modality_alone_are_not_enough() -> None:
    table = crops({"visible": [6], "infrared": [10]}, "identity").table
    known = table["identity"].where(table["modality"] == "visible")
    assert suggest(Crops.from_table(Path(), table.assign(identity=known), "t")).known == "nothing"
