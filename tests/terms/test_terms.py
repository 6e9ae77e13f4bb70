"""Terms at work in a run: which act, and that a run with all of them resumes as it should."""

from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import tiny_options
from tests.test_cli import call, error_line
from tests.test_workflow import assert_same, metrics

Captured = pytest.CaptureFixture[str]
EVERYTHING = {
    "clustering.parts.rule": "fixed",
    "clustering.parts.count": "2",
    "losses.mccl": "0.5",
    "losses.homogeneous": "0.1",
    "losses.heterogeneous": "0.1",
    "losses.icg": "0.1",
}
WITHIN = {"own visible", "own infrared", "parts visible", "parts infrared", "neighbours visible", "neighbours infrared"}
ACROSS = {"shared", "triplet", "icg", "neighbours across"}


@pytest.mark.parametrize(
    "form", [{}, {"losses.mccl_form": "nearest", "memory.centres": "released", "memory.shrink": "0.9"}]
)
def test_everything_at_once(capfd: Captured, tmp_path: Path, labelled: Path, form: dict[str, str]) -> None:
    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    options = tiny_options(**EVERYTHING, **form)
    stages = ("--stage", "cluster,train")
    code, _, err = call(capfd, "run", labelled, "--out", straight, *stages, *options)
    assert code == 0, err
    lines = metrics(straight)[1:]
    for line in lines:
        names = {name for name in line["losses"] if " to " not in name}
        assert names == (WITHIN if line["phase"] == "intra" else WITHIN | ACROSS)
        assert all(value >= 0 for value in line["losses"].values())
    labels = pd.read_csv(straight / "labels" / "epoch_001.csv")
    assert (labels["sub_cluster"] >= 0).equals(labels["cluster"] >= 0)
    assert labels["sub_cluster"].max() == 1
    for epochs in (1, 3):
        call(capfd, "run", labelled, "--out", resumed, *stages, *options, "--epochs", epochs)
    assert_same(straight, resumed)


def test_an_epoch_in_which_nothing_acts_is_named(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    code, _, err = call(capfd, "run", labelled, "--out", tmp_path / "run", *tiny_options(**{"losses.own": "0"}))
    assert code == 2
    assert "no term that has a weight acts in epoch 1, in which no identity is seen in both" in error_line(err)
    assert "give losses.own one" in error_line(err)
