from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.data.looks import SAMPLE, Looks, doubts_about_looks, look_at, swapped
from usvireid.data.measuring import color_of, color_spread
from usvireid.errors import DataError

COLOR = np.random.default_rng(0).integers(0, 256, (64, 32, 3), dtype=np.uint8)
GREY = np.repeat(COLOR[..., :1], 3, axis=2)


def crops(spelled: str, cameras: bool = True, layout: str = names.OWN, each: int = 3) -> Crops:
    """Cameras of modality v or i, with so many crops each."""
    rows = [
        (
            f"{camera}/{number}.jpg",
            names.VISIBLE if letter == "v" else names.INFRARED,
            f"c{camera}" if cameras else None,
        )
        for camera, letter in enumerate(spelled)
        for number in range(each)
    ]
    table = pd.DataFrame(rows, columns=[names.PATH, names.MODALITY, names.CAMERA])
    return Crops.from_table(Path("data"), table, "t", layout)


def doubts(of: Crops, colored: str, each: int = 3) -> list[str]:
    """What is said where the cameras' pictures look as spelled."""

    def images(rows: np.ndarray) -> np.ndarray:
        return np.stack([COLOR if colored[row // each] == "v" else GREY for row in rows])

    return doubts_about_looks(look_at(of, images))


def test_the_color_of_pixels_is_that_of_their_small_picture() -> None:
    assert color_of(GREY) == 0
    small = COLOR[:32, :16]
    assert color_of(small) == pytest.approx(color_spread(small))


def test_nothing_is_said_of_what_looks_right() -> None:
    assert doubts(crops("vvii"), "vvii") == []


def test_a_camera_of_the_wrong_modality_is_named() -> None:
    said = doubts(crops("vvii"), "vvvi")
    assert len(said) == 1
    assert said[0].startswith("3 of 3 infrared images of c2 are in colour")


def test_without_cameras_the_modality_is_named() -> None:
    assert doubts(crops("vvii", cameras=False), "iivv")[0].startswith("6 of 6 visible images are grey")


def test_swapped_cameras_of_a_benchmark_are_refused() -> None:
    with pytest.raises(DataError, match=r"swapped: 3 of 3 visible images of c0 are grey; 3 of 3 infrared images of c2"):
        doubts(crops("vvii", layout=names.SYSU_MM01), "ivvi")
    assert len(doubts(crops("vvii"), "ivvi")) == 2


def test_only_a_sample_is_looked_at() -> None:
    seen: list[int] = []

    def images(rows: np.ndarray) -> np.ndarray:
        seen.extend(rows.tolist())
        return np.stack([COLOR if row < 100 else GREY for row in rows])

    assert doubts_about_looks(look_at(crops("vi", each=100), images)) == []
    assert len(seen) == len(set(seen)) == 2 * SAMPLE
    assert {0, 99, 100, 199} <= set(seen)


def test_half_is_not_most() -> None:
    assert not Looks(names.VISIBLE, "", 4, 2).mostly_wrong
    assert swapped([Looks(names.VISIBLE, "", 4, 3), Looks(names.INFRARED, "", 4, 2)]) == []
