import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.footage.clips import make_clip
from tests.test_cli import call, error_line
from usvireid import names

Footage = tuple[Path, dict[str, Any]]


def boxes_file(path: Path, truth: pd.DataFrame) -> Path:
    """The truth as a file of the MOT challenge, which counts frames from 1."""
    rows = truth.assign(
        frame=truth["frame"] + 1, width=truth["right"] - truth["left"], height=truth["bottom"] - truth["top"], conf=0.9
    )
    rows[["frame", "identity", "left", "top", "width", "height", "conf"]].to_csv(path, index=False, header=False)
    return path


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['usvireid', 'footage', 'ingest', '--help']\nfrom usvireid import cli\n"
        "try:\n    cli.main()\nexcept SystemExit: pass\n"
        "print('HEAVY', sorted({'torch', 'numpy', 'pandas', 'av', 'cv2', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--modality" in done.stdout
    assert "HEAVY []" in done.stdout


def test_two_cameras_by_a_list(capfd: pytest.CaptureFixture[str], footage: Footage, tmp_path: Path) -> None:
    folder, truth = footage
    for kind in ("day", "night"):
        boxes_file(tmp_path / f"{kind}.csv", truth[kind])
    (tmp_path / "cameras.yaml").write_text(
        f"""
settings: {{detector: "boxes:{{video}}.csv", choosing: {{crops: 3}}}}
cameras:
  - {{name: gate, videos: {folder}/day.mp4, start: 2026-03-01T08:00:00}}
  - {{name: yard, videos: {folder}/night.mp4, start: 2026-03-01T22:00:00, modality: infrared}}
"""
    )
    code, out, err = call(capfd, "footage", "ingest", tmp_path / "cameras.yaml", "--out", tmp_path / "data", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["crops"] == {"visible": 9, "infrared": 9}
    assert "day.mp4: visible (colour" in " ".join(err.split())
    assert "night.mp4: infrared" not in err
    code, out, err = call(capfd, "data", "check", tmp_path / "data", "--json")
    assert code == 0
    table = pd.read_csv(tmp_path / "data" / names.MANIFEST_FILE)
    times = table.groupby("camera")["time"].min()
    assert times["yard"] - times["gate"] == pytest.approx(14 * 3600, abs=10)


def test_the_table_at_the_end(capfd: pytest.CaptureFixture[str], footage: Footage, tmp_path: Path) -> None:
    folder, truth = footage
    boxes = boxes_file(tmp_path / "day.csv", truth["day"])
    options = ["--camera", "gate", "--modality", "visible", "--detector", f"boxes:{boxes}", "--crops", "2"]
    code, out, err = call(capfd, "footage", "ingest", folder / "d*.mp4", *options, "--out", tmp_path / "data")
    assert code == 0, err
    said = " ".join(err.split())
    for part in ("gate-day: 90 frames (9.0 s)", "3 tracks, 6 crops", "x real time", "boxes that gave no crop:"):
        assert part in said
    assert "training needs infrared crops too" in said
    assert "boxes of no frame" not in said
    assert "gate-day" in out
    code, out, err = call(capfd, "footage", "ingest", folder / "day.mp4", *options, "--out", tmp_path / "data")
    assert "before" in out
    code, out, err = call(capfd, "data", "check", tmp_path / "data")
    assert code == 1
    assert "no row of modality infrared" in error_line(err)


def test_bad_arguments_are_one_line_and_nothing_is_written(
    capfd: pytest.CaptureFixture[str], footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    day = footage[0] / "day.mp4"
    (tmp_path / "noise.mp4").write_bytes(bytes(2000))
    Image.fromarray(np.full((9, 9), 255, np.uint8)).save("mask.png")
    cases: list[tuple[list[object], int, str]] = [
        (["gone.mp4", "--camera", "x"], 2, "gone.mp4: no such file"),
        (["*.avi", "--camera", "x"], 2, "no file matches"),
        ([tmp_path, "--camera", "x"], 2, "a folder; name the videos in it"),
        ([day], 2, "--camera NAME"),
        ([day, "--camera", "a/b"], 2, "the name 'a/b'"),
        ([day, "--camera", "x", "--modality", "thermal"], 2, "modality 'thermal' is none of visible, infrared, auto"),
        ([day, "--camera", "x", "--start", "morning"], 2, "is no time"),
        ([day, "--camera", "x", "--detector", "yolo"], 2, "there is no detector 'yolo'"),
        ([day, "--camera", "x", "--detector", "boxes:gone.csv"], 2, "gone.csv"),
        ([day, "--camera", "x", "--crops", "0"], 2, "setting choosing.crops"),
        ([day, "--camera", "x", "--set", "qality=3"], 2, "unknown setting 'qality'; did you mean 'quality'"),
        ([day, day, "--camera", "x"], 2, "the same recording as"),
        ([day, "--camera", "x", "--region", "gone.png"], 2, "gone.png: no such file"),
        ([day, "--camera", "x", "--region", "mask.png"], 1, "the region mask is 9 x 9 pixels"),
        (["noise.mp4", "--camera", "x"], 1, "noise.mp4: not a video"),
        ([day, "noise.mp4", "--camera", "x", "--strict"], 1, "noise.mp4: not a video"),
    ]
    for arguments, wanted, words in cases:
        code, _, err = call(capfd, "footage", "ingest", *arguments, "--out", "data")
        assert (code, words in error_line(err)) == (wanted, True), (arguments, err)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["mask.png", "noise.mp4"]
    code, _, err = call(capfd, "footage", "ingest", day, "--camera", "x", "--out", tmp_path)
    assert code == 2
    assert "no folder of ingested footage" in error_line(err)


def started(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "usvireid.cli", "footage", "ingest", *map(str, arguments)]
    # Tests that a shell started in the background ignore Ctrl-C, and so would what they start.
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ), preexec_fn=heed
    )


def appears(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists() and process.poll() is None:
        time.sleep(0.01)


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
def test_killed_and_resumed_equals_uninterrupted(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, by: signal.Signals
) -> None:
    truth = make_clip(tmp_path / "a.mp4", (1, 2), frames=60)
    make_clip(tmp_path / "b.mp4", (1, 2), frames=600, seed=0)
    boxes = boxes_file(tmp_path / "boxes.csv", truth)
    wanted = [tmp_path / "a.mp4", tmp_path / "b.mp4", "--camera", "gate", "--detector", f"boxes:{boxes}"]
    out = tmp_path / "data"
    process = started(*wanted, "--out", out)
    appears(out / ".gate-b.part", process)
    process.send_signal(by)
    _, err = process.communicate(timeout=60)
    assert process.returncode == (-signal.SIGKILL if by == signal.SIGKILL else 130), err
    if by == signal.SIGINT:
        assert error_line(err) == "error: stopped; nothing is lost: the same command goes on from there."
        assert not list(out.glob(".*.part"))
    assert (out / "visible/gate/a/part.json").exists()
    assert not (out / "visible/gate/b").exists()
    assert not (out / names.MANIFEST_FILE).exists()
    assert call(capfd, "data", "check", out)[0] == 1
    for folder in (out, tmp_path / "uninterrupted"):
        code, _, err = call(capfd, "footage", "ingest", *wanted, "--out", folder)
        assert code == 0, err
    assert tree(out) == tree(tmp_path / "uninterrupted")
    assert not list(out.glob(".*.part"))
