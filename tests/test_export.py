"""`usvireid export`: from a run folder to files that other programs read."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import write_finished_run
from tests.test_cli import call, error_line
from usvireid.encoders.exported import read_exported
from usvireid.training.checkpoint import latest_checkpoint

Captured = pytest.CaptureFixture[str]
NARROW = {"encoder.width": "8"}


def test_weights_of_a_run_start_another_one(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    from usvireid.display import Display
    from usvireid.run import begin
    from usvireid.workflow import Workflow

    run = write_finished_run(tmp_path / "run", folders, **NARROW)
    code, out, err = call(capfd, "export", run, "--to", "safetensors", "--out", tmp_path / "mine")
    assert code == 0, err
    assert out.splitlines() == [str(tmp_path / "mine.safetensors")]
    encoder, facts = read_exported(tmp_path / "mine.safetensors")
    checkpoint = latest_checkpoint(run / "checkpoints")
    assert checkpoint is not None
    assert facts["epoch"] == "2"
    assert json.loads(facts["settings"])["encoder"]["width"] == 8
    assert all(torch.equal(value, checkpoint.part("encoder.")[key]) for key, value in encoder.state_dict().items())
    given = {"encoder.weights": str(tmp_path / "mine.safetensors"), "device": "cpu"}
    start = ["encoder.name=resnet18", "encoder.width=8", "data.height=32", "data.width=16"]
    began = Workflow(begin(folders, None, tmp_path / "next", given, start), Display()).experiment.encoder
    assert all(torch.equal(value, began.state_dict()[key]) for key, value in encoder.state_dict().items())


def test_graphs_of_a_run_are_compared_before_they_are_written(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra `export`")
    run = write_finished_run(tmp_path / "run", folders, **NARROW)
    code, out, err = call(capfd, "export", run, "--to", "onnx", "--no-mirror")
    assert code == 0, err
    assert out.splitlines() == [str(run / f"encoder.{modality}.onnx") for modality in ("visible", "infrared")]
    assert err.count("differs from PyTorch by at most") == 2
    assert err.count("4 crops of the run") == 2
    session = onnxruntime.InferenceSession(run / "encoder.infrared.onnx")
    facts = session.get_modelmeta().custom_metadata_map
    assert (facts["epoch"], facts["modality"], facts["mirror"]) == ("2", "infrared", "false")
    assert session.get_inputs()[0].shape[1:] == [3, 32, 16]
    assert session.run(None, {"images": np.zeros((5, 3, 32, 16), np.uint8)})[0].shape == (5, 64)
    assert not list(run.glob(".*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "tflite"], "--to tflite: cannot be exported to; use onnx or safetensors"),
        (["--to", "safetensors", "--mirror"], "--mirror, --no-mirror: weights alone average nothing"),
        (["--to", "onnx", "--out", "a.safetensors"], "--out a.safetensors: what is written is .onnx"),
        (["--to", "onnx", "--out", "nowhere/a.onnx"], "there is no folder nowhere; make it first"),
        (["--to", "onnx", "--out", "/dev/full"], "/dev/full: is no file that can be replaced"),
        (["--to", "onnx", "--out", "a" * 300], "File name too long; give a shorter one"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    capfd: Captured, tmp_path: Path, folders: Path, arguments: list[str], said: str
) -> None:
    run = write_finished_run(tmp_path / "run", folders, **NARROW)
    code, _, err = call(capfd, "export", run, *arguments)
    assert code == 2
    assert said in error_line(err)


def test_nothing_is_written_among_the_crops(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    run = write_finished_run(tmp_path / "run", folders, **NARROW)
    before = sorted(folders.rglob("*"))
    for command in (["export", run, "--to", "safetensors"], ["explain", run, "--crops", "1"]):
        for out in (folders, folders / "visible" / "mine"):
            code, _, err = call(capfd, *command, "--out", out)
            assert code == 2
            assert "lies in the data folder" in error_line(err)
    assert sorted(folders.rglob("*")) == before


def test_a_folder_without_a_trained_encoder_is_refused(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    for command in (["export", "--to", "safetensors"], ["explain"]):
        code, _, err = call(capfd, *command, tmp_path)
        assert code == 2
        assert "not a run folder" in error_line(err)
    run = write_finished_run(tmp_path / "run", folders, **NARROW)
    next((run / "checkpoints").iterdir()).unlink()
    for command in (["export", "--to", "safetensors"], ["explain"]):
        code, _, err = call(capfd, *command, run)
        assert code == 2
        assert "no epoch is finished yet" in error_line(err)
