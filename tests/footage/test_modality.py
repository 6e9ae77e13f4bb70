from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.footage.clips import background, write_video
from usvireid.errors import DataError
from usvireid.footage.modality import decide
from usvireid.footage.probe import probe


def told(path: Path, wanted: str = "auto") -> tuple[str, str]:
    found = decide(path, probe(path), wanted)
    return found.modality, found.grounds


def test_colours_are_visible_and_grey_is_infrared(footage: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = footage
    modality, grounds = told(folder / "day.mp4")
    assert modality == "visible"
    assert "above 2 is visible" in grounds
    modality, grounds = told(folder / "night.mp4")
    assert modality == "infrared"
    assert "below 1 is infrared" in grounds
    assert told(folder / "night.mp4", "visible") == ("visible", "as told")


def test_what_is_unclear_is_refused_and_the_option_named(tmp_path: Path) -> None:
    day, night = (background(modality, (160, 120), 0, 0) for modality in ("visible", "infrared"))
    dusk = [(255 * picture).astype(np.uint8) for picture in [night] * 48 + [day] * 48]
    write_video(tmp_path / "dusk.mp4", iter(dusk))
    with pytest.raises(DataError, match=r"the modality is unclear .* say --modality visible or --modality infrared"):
        told(tmp_path / "dusk.mp4")
    write_video(tmp_path / "black.mp4", iter([np.zeros((48, 64, 3), np.uint8)] * 20))
    with pytest.raises(DataError, match=r"too dark or too bright .* say --modality"):
        told(tmp_path / "black.mp4")
    assert told(tmp_path / "black.mp4", "infrared")[0] == "infrared"
