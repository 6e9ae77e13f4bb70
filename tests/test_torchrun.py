"""A run by two processes under torchrun: the results of one, and an end for all when one is killed."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch
from rich.console import Console

from tests.conftest import TINY, write_people
from usvireid.data.cache import CACHE_VARIABLE
from usvireid.display import Display
from usvireid.run import begin
from usvireid.training.checkpoint import latest_checkpoint
from usvireid.workflow import Workflow

SETTINGS = [*(f"{key}={value}" for key, value in TINY.items()), "optimizer.average=1.5"]
STAGES = ["cluster", "train", "evaluate"]
LONGEST = 300
"""Seconds; only a run that hangs takes so long."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "known"
    write_people(folder).to_csv(folder / "crops.csv", index=False)
    return folder


@pytest.fixture(scope="module", autouse=True)
def as_under_torchrun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One thread, as torchrun gives every process: sums may have other last bits with more. A cache of its own."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.getbasetemp() / "cache"))
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def alone(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process leaves behind that is never interrupted."""
    out = tmp_path_factory.mktemp("alone") / "run"
    run_alone(data, out)
    return out


def run_alone(data: Path, out: Path, epochs: int = 3) -> None:
    run = begin(data, None, out, {"stages": STAGES}, [*SETTINGS, f"training.epochs={epochs}"])
    Workflow(run, Display(Console(quiet=True))).execute()


def start_two(data: Path, out: Path, *further: str) -> subprocess.Popen[str]:
    options = [part for text in SETTINGS for part in ("--set", text)]
    stages = ",".join([*STAGES, *further])
    program = ["-m", "usvireid.cli", "run", data, "--out", out, "--stage", stages, *options]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    root = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    environment["OMP_NUM_THREADS"] = "1"
    assert CACHE_VARIABLE in environment
    return subprocess.Popen(
        [*map(str, torchrun), *map(str, program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=out.parent,
    )


def metrics(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def assert_alike(one: Path, other: Path) -> None:
    """The same labels, and the same curves but for rounding."""
    labels = [{path.name: pd.read_csv(path) for path in (run / "labels").glob("*.csv")} for run in (one, other)]
    assert labels[0].keys() == labels[1].keys()
    for name, table in labels[0].items():
        # Confidences are written with four digits, and rounding moves the last.
        pd.testing.assert_frame_equal(table, labels[1][name], check_exact=False, rtol=0, atol=1.5e-4)
    lines = [metrics(run) for run in (one, other)]
    assert [line["epoch"] for line in lines[0]] == [line["epoch"] for line in lines[1]] == [0, 1, 2, 3]
    for left, right in zip(*lines, strict=True):
        assert left.get("losses") == pytest.approx(right.get("losses"), abs=1e-4)
        for search, scores in left["evaluation"].items():
            assert scores["mAP"] == pytest.approx(right["evaluation"][search]["mAP"], abs=1e-3)
    tensors = [latest_checkpoint(run / "checkpoints").tensors for run in (one, other)]
    assert tensors[0].keys() == tensors[1].keys()


def worker(torchrun: subprocess.Popen[str], rank: int) -> int:
    """The process id of one of torchrun's workers, from Linux's table of processes."""
    for entry in filter(lambda entry: entry.name.isdigit(), Path("/proc").iterdir()):
        with contextlib.suppress(OSError):  # it has just ended
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == torchrun.pid and f"RANK={rank}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                return int(entry.name)
    raise AssertionError(f"no process of rank {rank}")


def test_two_processes_do_what_one_does(tmp_path: Path, data: Path, alone: Path) -> None:
    two = tmp_path / "two"
    started = start_two(data, two, "report")
    _, err = started.communicate(timeout=LONGEST)
    assert started.returncode == 0, err
    assert_alike(alone, two)
    lines = [line.strip() for line in err.splitlines()]
    assert sum(line.startswith("epoch 2/3") for line in lines) == 1
    assert sum(line.startswith("report: ") for line in lines) == 1
    assert any("2 processes" in line for line in lines)
    assert sorted(path.name for path in (two / "checkpoints").iterdir()) == [
        "epoch_002.safetensors",
        "epoch_003.safetensors",
    ]
    assert len((two / "calls.jsonl").read_text().splitlines()) == 1
    assert json.loads((two / "environment.json").read_text())["processes"] == 2
    assert (two / "report.html").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
def test_one_killed_ends_all_and_the_run_goes_on_elsewhere(tmp_path: Path, data: Path, alone: Path) -> None:
    broken = tmp_path / "broken"
    run_alone(data, broken, epochs=1)
    started = start_two(data, broken)
    while not (broken / "labels" / "epoch_002.csv").exists():
        assert started.poll() is None, started.communicate()
        time.sleep(0.02)
    os.kill(worker(started, 1), signal.SIGKILL)
    _, err = started.communicate(timeout=LONGEST)
    assert started.returncode == 1
    said = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(said) == 1, err
    assert re.search(
        r"another process of \w+ run has ended.* the same command goes on after the last complete epoch", said[0]
    )
    assert "going on after epoch 1" in err
    assert len(metrics(broken)) < 4
    run_alone(data, broken)
    assert_alike(alone, broken)


def test_a_process_of_several_does_not_wait_for_the_end_of_the_interpreter():
    """There the threads of its group, which may still need the interpreter, would abort it."""
    program = (
        "import atexit, typer; from usvireid.ending import run_to_the_end; atexit.register(print, 'the end')\n"
        "app = typer.Typer(); app.command()(lambda: print('done')); run_to_the_end(app)"
    )
    for several, said in (("1", "done\nthe end\n"), ("2", "done\n")):
        surroundings = {**os.environ, "WORLD_SIZE": several}
        ended = subprocess.run([sys.executable, "-c", program], env=surroundings, capture_output=True, text=True)
        assert (ended.returncode, ended.stdout) == (0, said), ended.stderr
