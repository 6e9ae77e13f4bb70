"""Runs that select an epoch: its encoder survives, resuming changes nothing, and results say how it was selected."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import tiny_options, write_people
from tests.data.replicas import build_sysu
from tests.test_cli import call, error_line
from tests.test_workflow import metrics
from usvireid.quality.selection import select_epoch

Captured = pytest.CaptureFixture[str]


def selecting(method: str, **changes: str) -> list[str]:
    kept = {"training.keep_checkpoints": "1", "training.epochs": "4", "encoder.width": "8"}
    return tiny_options(**{"selection.method": method, **kept, **changes})


def checkpoints(run: Path) -> set[int]:
    return {int(path.stem.rpartition("_")[2]) for path in (run / "checkpoints").glob("epoch_*.safetensors")}


def test_selected_on_test_is_said_everywhere(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    run = tmp_path / "run"
    code, _, err = call(capfd, "run", labelled, "--out", run, *selecting("test"))
    assert code == 0, err
    lines = metrics(run)
    values = {x["epoch"]: np.mean([found["rank1"] for found in x["evaluation"].values()]) for x in lines if x["epoch"]}
    evaluation = json.loads((run / "evaluation.json").read_text())
    best = evaluation["epoch"]
    assert values[best] == max(values.values())
    assert checkpoints(run) == {best, 4}
    assert evaluation["selection"]["label"] == "selected on test"
    assert evaluation["scores"] == lines[best]["evaluation"]
    assert "The run so far (selected on test)" in err
    assert f"epoch {best} of 4, selected on test" in err.replace("\n", " ")
    report = (run / "report.html").read_text()
    assert "The epoch was selected on test: its scores are too good." in report
    assert f"The trained encoder is that of epoch {best} of 4, selected on test" in report
    assert "untrained; selected on test" in report
    code, out, err = call(capfd, "evaluate", run, "--json")
    assert json.loads(out)["selection"] == evaluation["selection"]
    assert json.loads(out)["infrared->visible"] == evaluation["scores"]["infrared->visible"]
    assert f"epoch {best} of 4, selected on test" in err
    assert "(selected on test)" in call(capfd, "evaluate", run)[1]


@pytest.mark.parametrize("method", ["label-free", "held-out", "test"])
def test_a_resumed_run_selects_what_an_uninterrupted_one_selects(
    capfd: Captured, tmp_path: Path, labelled: Path, method: str
) -> None:
    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    stages = ("--stage", "cluster,train,evaluate")
    assert call(capfd, "run", labelled, "--out", straight, *stages, *selecting(method))[0] == 0
    for epochs in ("1", "3", "4"):
        options = selecting(method, **{"training.epochs": epochs})
        assert call(capfd, "run", labelled, "--out", resumed, *stages, *options)[0] == 0
    one, other = (json.loads((run / "evaluation.json").read_text()) for run in (straight, resumed))
    assert one == other
    assert checkpoints(straight) == checkpoints(resumed) == {one["epoch"], 4}
    assert one["selection"]["method"] == method


def test_held_out_people_are_not_trained_on(capfd: Captured, tmp_path: Path) -> None:
    data = tmp_path / "known"
    write_people(data, people=8).to_csv(data / "crops.csv", index=False)
    run = tmp_path / "run"
    options = selecting("held-out", **{"training.epochs": "2", "selection.share": "0.25"})
    code, _, err = call(capfd, "run", data, "--out", run, *options)
    assert code == 0, err
    labels = pd.read_csv(run / "labels" / "epoch_001.csv")
    people = labels["path"].str.extract(r"/(\d+)_")[0].nunique()
    assert (people, len(labels)) == (6, 48)
    lines = metrics(run)
    assert all(x["held_out"]["visible->infrared"]["gallery"] == 8 for x in lines)
    chosen = select_epoch(lines, "held-out", 2)
    assert chosen is not None
    assert chosen.value == pytest.approx(np.mean([x["mAP"] for x in lines[chosen.epoch]["held_out"].values()]))
    assert "selected on held-out identities" in (run / "report.html").read_text()
    assert call(capfd, "report", run)[0] == 0


def test_people_of_a_benchmark_are_held_out_too(capfd: Captured, tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = selecting("held-out", **{"training.epochs": "1", "clustering.eps": "auto"})
    code, _, err = call(capfd, "run", build_sysu(tmp_path / "sysu"), "--out", run, *options)
    assert code == 0, err
    assert set(metrics(run)[1]["held_out"]) == {"infrared->visible", "visible->infrared"}
    assert set(metrics(run)[1]["evaluation"]) == {"all single-shot", "indoor single-shot"}


@pytest.mark.parametrize("method", ["held-out", "test"])
def test_what_cannot_be_selected_by_is_refused_in_one_line(
    capfd: Captured, tmp_path: Path, folders: Path, method: str
) -> None:
    code, _, err = call(capfd, "run", folders, "--out", tmp_path / "run", *selecting(method))
    assert code == 1
    assert f"selection.method {method}" in error_line(err)
    assert not (tmp_path / "run").exists()


def test_the_selected_encoder_is_the_one_that_is_evaluated(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    """The test scores of an epoch are overwritten so that the first one is the best: its encoder must come back."""
    run = tmp_path / "run"
    stages = ("--stage", "cluster,train")
    options = selecting("test", **{"training.keep_checkpoints": "9"})
    assert call(capfd, "run", labelled, "--out", run, *stages, *options)[0] == 0
    lines = metrics(run)
    expected = lines[1]["evaluation"]
    for x in lines[1:]:
        x["evaluation"] = {name: {**found, "rank1": 1 - x["epoch"] / 10} for name, found in x["evaluation"].items()}
    (run / "metrics.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    code, out, _ = call(capfd, "evaluate", run, "--json")
    assert code == 0
    found = json.loads(out)
    assert found.pop("selection")["epoch"] == 1
    assert set(found.pop("fingerprints")) == set(expected)
    assert found == expected
    assert call(capfd, "run", "--out", run, "--stage", "evaluate")[0] == 0
    assert json.loads((run / "evaluation.json").read_text())["scores"] == expected
    (run / "checkpoints" / "epoch_001.safetensors").unlink()
    code, _, err = call(capfd, "evaluate", run)
    assert code == 1
    assert "epoch_001.safetensors: the checkpoint of the selected epoch is gone" in error_line(err)


def test_what_is_selected_by_may_not_change_on_the_way(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    run = tmp_path / "run"
    options = selecting("test", **{"training.epochs": "1"})
    assert call(capfd, "run", labelled, "--out", run, "--stage", "cluster,train", *options)[0] == 0
    code, _, err = call(capfd, "run", "--out", run, "--set", "evaluation.exclude=[frame]")
    assert code == 2
    assert "evaluation.exclude" in error_line(err)
    code, _, err = call(capfd, "run", "--out", run, "--set", "selection.method=last")
    assert code == 2
    assert "selection.method: test there, last here" in error_line(err)


def test_training_on_one_file_and_going_on_measures_the_same(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    """Without clustering, the labels of the epoch before are those of the same file, also after an interruption."""
    stability = []
    for name, steps in (("straight", ("3",)), ("resumed", ("1", "3"))):
        run = tmp_path / name
        assert call(capfd, "run", folders, "--out", run, "--stage", "cluster", *selecting("label-free"))[0] == 0
        for epochs in steps:
            assert call(capfd, "run", "--out", run, "--stage", "train", "--epochs", epochs)[0] == 0
        stability.append([x["quality"]["stability"] for x in metrics(run) if x["epoch"]])
    assert stability[0] == stability[1]
