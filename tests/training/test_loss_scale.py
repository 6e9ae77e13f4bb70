"""Training in float16: losses are scaled, steps with gradients that are not finite are passed over, runs go on."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console

from tests.conftest import TINY, tiny_options
from tests.test_cli import call
from tests.test_workflow import assert_same, metrics
from usvireid.data.crops import Crops
from usvireid.devices import choose_compute
from usvireid.display import Display
from usvireid.layers import make_settings, nested
from usvireid.training.checkpoint import latest_checkpoint
from usvireid.training.experiment import Experiment

Captured = pytest.CaptureFixture[str]
OPTIMIZERS = pytest.mark.parametrize("optimizer", ["adamw", "sgd"])


def made(precision: str, optimizer: str) -> Experiment:
    """An experiment on four crops, in which an encoder of one layer is as good as any."""
    changes = {**TINY, "optimizer.name": optimizer, "optimizer.learning_rate": 0.01}
    settings = make_settings([("test", nested(name, value)) for name, value in changes.items()])
    table = pd.DataFrame({"path": list("abcd"), "modality": ["visible"] * 2 + ["infrared"] * 2})
    crops = Crops.from_table(Path(), table, "test")
    pixels = np.zeros((4, 32, 16, 3), dtype=np.uint8)
    compute = choose_compute("cpu", precision)
    return Experiment(settings, crops, lambda rows: pixels[rows], compute, Display(Console(quiet=True)))


def weights(experiment: Experiment) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in experiment.encoder.named_parameters()}


def loss(experiment: Experiment, factor: float) -> dict[str, tuple[float, torch.Tensor]]:
    """The squares of all weights, whose gradients are known: a half of them, times a factor."""
    total = sum((value.square().sum() for value in experiment.encoder.parameters()), torch.zeros(()))
    return {"squares": (factor, total)}


@OPTIMIZERS
def test_a_step_is_that_of_float32(optimizer: str) -> None:
    plain, scaled = made("float32", optimizer), made("float16", optimizer)
    before = weights(plain)
    for _ in range(3):
        for experiment in (plain, scaled):
            experiment.optimize(loss(experiment, 0.1))
    for name, value in weights(scaled).items():
        torch.testing.assert_close(value, weights(plain)[name])
        assert not torch.equal(value, before[name]) or not before[name].any()


@OPTIMIZERS
def test_a_step_that_overflows_is_passed_over_and_the_scale_halved(optimizer: str) -> None:
    experiment = made("float16", optimizer)
    experiment.optimize(loss(experiment, 0.1))
    before, scale = weights(experiment), experiment.checkpoint(1, {}).fact("loss_scale")["scale"]
    experiment.optimize(loss(experiment, 1e38))
    assert all(torch.equal(value, before[name]) for name, value in weights(experiment).items())
    assert experiment.checkpoint(1, {}).fact("loss_scale")["scale"] == scale / 2
    experiment.optimize(loss(experiment, 0.1))
    assert any(not torch.equal(value, before[name]) for name, value in weights(experiment).items())


def test_a_resumed_run_equals_an_uninterrupted_one(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    for run, stops in ((straight, ("3",)), (resumed, ("1", "2", "3"))):
        for epochs in stops:
            options = tiny_options(**{"precision": "float16", "training.epochs": epochs})
            code, _, err = call(capfd, "run", labelled, "--out", run, "--stage", "cluster,train", *options)
            assert code == 0
            assert "precision float16 on a CPU" in err
    assert_same(straight, resumed)
    for one, other in zip(metrics(straight), metrics(resumed), strict=True):
        assert one.get("losses") == other.get("losses")
        assert one["evaluation"] == other["evaluation"]
    checkpoint = latest_checkpoint(straight / "checkpoints")
    assert checkpoint is not None and checkpoint.fact("loss_scale")["scale"] > 1


def test_other_formats_keep_no_scale() -> None:
    assert "loss_scale" not in made("float32", "adamw").checkpoint(1, {}).facts
