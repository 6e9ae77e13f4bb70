"""Runs that stand for the running average of their weights: it is what they score and keep."""

import json
from pathlib import Path

import pytest
import torch

from tests.conftest import tiny_options
from tests.test_cli import call
from tests.test_workflow import assert_same, metrics
from usvireid.training.checkpoint import latest_checkpoint

Captured = pytest.CaptureFixture[str]
STAGES = ("--stage", "cluster,train")
SCORES = ("infrared->visible", "visible->infrared")


def averaged(**changes: str) -> list[str]:
    return tiny_options(**{"optimizer.average": "1.5", **changes})


def test_a_resumed_run_equals_an_uninterrupted_one(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    assert call(capfd, "run", labelled, "--out", straight, *STAGES, *averaged())[0] == 0
    for epochs in ("1", "2", "3"):
        some = averaged(**{"training.epochs": epochs})
        assert call(capfd, "run", labelled, "--out", resumed, *STAGES, *some)[0] == 0
    assert_same(straight, resumed)
    for one, other in zip(metrics(straight), metrics(resumed), strict=True):
        assert one.get("losses") == other.get("losses")
        assert one["evaluation"] == other["evaluation"]
    checkpoint = latest_checkpoint(straight / "checkpoints")
    assert checkpoint is not None
    average, learner = checkpoint.part("encoder."), checkpoint.part("learner.")
    assert average.keys() == learner.keys()
    assert any(not torch.equal(value, learner[name]) for name, value in average.items())
    assert checkpoint.fact("averaged_steps") == 6


def test_what_is_kept_is_what_was_scored(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    run = tmp_path / "run"
    assert call(capfd, "run", labelled, "--out", run, *STAGES, *averaged())[0] == 0
    code, out, _ = call(capfd, "evaluate", run, "--json")
    assert code == 0
    found, last = json.loads(out), metrics(run)[-1]["evaluation"]
    assert {name: found[name] for name in SCORES} == {name: last[name] for name in SCORES}


def test_it_changes_nothing_that_is_learnt(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    """What learns is what it would be without; the crops that are trained on are those that are scored."""
    for name, options in (("plain", tiny_options()), ("averaged", averaged())):
        assert call(capfd, "run", labelled, "--out", tmp_path / name, *STAGES, *options)[0] == 0
    plain, found = (latest_checkpoint(tmp_path / name / "checkpoints") for name in ("plain", "averaged"))
    assert plain is not None and found is not None
    assert not plain.part("learner.") and "averaged_steps" not in plain.facts
    learnt, learner = plain.part("encoder."), found.part("learner.")
    assert all(torch.equal(value, learner[name]) for name, value in learnt.items())
    lines, others = (metrics(tmp_path / name) for name in ("plain", "averaged"))
    assert [line.get("losses") for line in lines] == [line.get("losses") for line in others]
    assert lines[-1]["evaluation"] != others[-1]["evaluation"]
