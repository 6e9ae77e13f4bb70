"""The motion detector and the tracker on the first 150 frames of PETS 2009 S2.L1, where the clip is at hand."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

for library in ("av", "cv2", "trackers", "motmetrics"):
    pytest.importorskip(library, reason=f"{library} is not installed (the extra dev)")

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
CLIP, TRACKS = DATA / "pets2009_s2l1.avi", DATA / "pets2009_s2l1_tracks.xml"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The benchmark, with the modules that stand beside it."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    return import_module("benchmark_footage")


@pytest.mark.skipif(not CLIP.is_file(), reason="the clip of PETS 2009 is not at hand")
def test_motion_finds_and_follows_the_people(script: Any) -> None:
    truth = script.read_truth(TRACKS)
    result = script.measure(CLIP, truth, "motion", 150)
    seen = {number: known for number, known in truth.items() if number < result.frames}
    row = script.rows_of("motion", result, seen, 15.0)
    assert result.frames == 150
    assert float(row["recall"]) > 0.65
    assert float(row["precision"]) > 0.75
    assert float(row["IDF1"]) > 0.5
    wrong, pairs = map(int, row["wrong same"].split(" of "))
    assert wrong <= 0.1 * pairs
    assert float(row["one person"].removesuffix(" %")) > 80
