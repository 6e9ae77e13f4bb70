"""Complete runs on replicas of the benchmarks, through their settings files, at a small size; and trials of RegDB."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.data.replicas import build_llcm, build_regdb, build_sysu
from tests.test_cli import call, error_line
from usvireid.layers import make_settings, read_settings_file
from usvireid.resources import available, locate
from usvireid.trials import parse_trials

Captured = pytest.CaptureFixture[str]

SMALL = {
    "encoder.name": "resnet18",
    "encoder.width": "8",
    "data.height": "64",
    "data.width": "32",
    "neighbors.k1": "6",
    "neighbors.k2": "2",
    "clustering.eps": "auto",
    "clustering.min_samples": "2",
    "sampling.identities": "2",
    "sampling.instances": "2",
    "training.epochs": "2",
    "training.intra_epochs": "1",
    "training.steps": "2",
    "device": "cpu",
    "precision": "float32",
}


def small(config: str, **changes: str) -> list[str]:
    pairs = [part for key, value in {**SMALL, **changes}.items() for part in ("--set", f"{key}={value}")]
    return ["--config", config, *pairs]


DIRECTIONS = {"infrared->visible", "visible->infrared"}


@pytest.mark.parametrize(
    ("config", "build", "protocol", "searches"),
    [
        ("sysu_mm01", build_sysu, "sysu-mm01", {"all single-shot", "indoor single-shot"}),
        ("regdb", build_regdb, "regdb", DIRECTIONS),
        ("llcm", build_llcm, "llcm", DIRECTIONS),
    ],
)
def test_a_complete_run_and_evaluation(
    capfd: Captured,
    tmp_path: Path,
    config: str,
    build: Callable[[Path], Path],
    protocol: str,
    searches: set[str],
) -> None:
    data, run = build(tmp_path / "data"), tmp_path / "run"
    code, _, err = call(capfd, "run", data, "--out", run, *small(config))
    assert code == 0, err
    assert (run / "report.html").is_file()
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert evaluation["epoch"] == 2
    assert set(evaluation["scores"]) == searches
    assert {facts["protocol"] for facts in evaluation["fingerprints"].values()} == {protocol}
    code, out, err = call(capfd, "evaluate", run, "--json", "--rerank")
    assert code == 0, err
    again = json.loads(out)
    assert {name: again[name] for name in searches} == evaluation["scores"]
    assert {f"{name} re-ranked" for name in searches} <= set(again)


@pytest.mark.parametrize("config", ["sysu_mm01", "regdb", "llcm"])
def test_the_settings_files_say_what_they_take(config: str) -> None:
    settings = make_settings([(config, read_settings_file(locate("configs", config)))])
    assert (settings.encoder.name, settings.data.height, settings.data.width) == ("resnet50", 288, 144)
    assert (settings.neighbors.k1, settings.neighbors.k2) == (30, 6)
    assert (settings.sampling.identities, settings.sampling.instances) == (8, 16)
    assert settings.clustering.eps == {"sysu_mm01": 0.6, "regdb": 0.3, "llcm": "auto"}[config]
    assert settings.selection.method == "last"
    assert "estimated, not measured" in available("configs")[config]


def test_trials_go_on_where_they_stopped_and_end_with_their_mean(capfd: Captured, tmp_path: Path) -> None:
    data, out = build_regdb(tmp_path / "data"), tmp_path / "out"
    assert call(capfd, "run", data, "--out", out, "--trials", "2", *small("regdb"))[0] == 0
    first = (out / "trial_02" / "metrics.jsonl").read_bytes()
    code, _, err = call(capfd, "run", data, "--out", out, "--trials", "2,3", *small("regdb"))
    assert code == 0, err
    assert "trial 2 (1 of 2): complete" in err
    assert "Mean of 2 trials, in percent (last epoch)" in err
    assert (out / "trial_02" / "metrics.jsonl").read_bytes() == first
    written = json.loads((out / "trials.json").read_text())
    single = [json.loads((out / f"trial_0{trial}" / "evaluation.json").read_text())["scores"] for trial in (2, 3)]
    values = [scores["infrared->visible"]["mAP"] for scores in single]
    found = written["scores"]["infrared->visible"]["mAP"]
    assert written["trials"] == [2, 3]
    assert found["values"] == values
    assert found["mean"] == pytest.approx(sum(values) / 2)
    assert found["std"] == pytest.approx(abs(values[0] - values[1]) / 2**0.5)
    digests = [written["runs"][trial]["fingerprints"]["infrared->visible"]["digest"] for trial in ("2", "3")]
    assert digests[0] != digests[1]
    # Another rule of scoring: the runs stay, the scores are made anew.
    options = small("regdb", **{"evaluation.rerank": "true"})
    code, _, err = call(capfd, "run", data, "--out", out, "--trials", "2", "--stage", "evaluate", *options)
    assert code == 0, err
    assert "infrared->visible re-ranked" in json.loads((out / "trials.json").read_text())["scores"]


def test_trials_of_other_settings_do_not_stand_in_one_folder(capfd: Captured, tmp_path: Path) -> None:
    data, out = build_regdb(tmp_path / "data", trials=3), tmp_path / "out"
    assert call(capfd, "run", data, "--out", out, "--trials", "2", *small("regdb"))[0] == 0
    wider, longer = small("regdb", **{"encoder.gem_p": "2"}), [*small("regdb"), "--epochs", "7"]
    for trials, options, said in (
        ("1", wider, "(encoder.gem_p: 2.0 and 3.0)"),
        ("2,3", [], "("),
        ("3", longer, None),
    ):
        code, _, err = call(capfd, "run", data, "--out", out, "--trials", trials, "--stage", "cluster", *options)
        assert code == (0 if said is None else 2), err
        if said is not None:
            assert f"would differ in more than the trial {said}" in error_line(err)
    for command in (["report"], ["export", "--to", "onnx"]):
        code, _, err = call(capfd, *command, out)
        assert code == 2
        assert f"it holds trials, so name one of them: {out / 'trial_02'}" in error_line(err)


def test_trials_of_data_without_any_are_refused(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    for data, what in ((build_llcm(tmp_path / "llcm"), "LLCM"), (folders, "no benchmark")):
        code, _, err = call(capfd, "run", data, "--out", tmp_path / "out", "--trials", "1-10")
        assert code == 2
        assert "has no trials" in error_line(err)
        assert what in error_line(err)
    assert not (tmp_path / "out").exists()


def test_trials_are_refused_where_something_else_stands(capfd: Captured, tmp_path: Path) -> None:
    data = build_regdb(tmp_path / "data", trials=1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").touch()
    for out, message in (("full", "not a folder of trials"), ("run", "is a run folder")):
        code, _, err = call(capfd, "run", data, "--out", tmp_path / out, "--trials", "1-2")
        assert code == 2
        assert message in error_line(err)
    code, _, err = call(capfd, "run", data, "--out", tmp_path / "out", "--trials", "1-2", "--set", "data.trial=1")
    assert code == 2
    assert "give one of them" in error_line(err)


def test_lists_of_every_trial_are_looked_at_before_the_first_begins(capfd: Captured, tmp_path: Path) -> None:
    data = build_regdb(tmp_path / "data")
    (data / "idx" / "test_thermal_3.txt").unlink()
    code, _, err = call(capfd, "run", data, "--out", tmp_path / "out", "--trials", "1-3", *small("regdb"))
    assert code == 1
    assert "test_thermal_3.txt" in error_line(err)
    assert not (tmp_path / "out").exists()


def test_what_trials_are_called() -> None:
    assert parse_trials("1-10") == list(range(1, 11))
    assert parse_trials("5, 1,3-4,3") == [1, 3, 4, 5]


@pytest.mark.parametrize("text", ["", "0", "11", "4-2", "1-", "a", "1;2", "1-100000000000", "-1"])
def test_trials_that_are_none(capfd: Captured, tmp_path: Path, text: str) -> None:
    code, _, err = call(capfd, "run", tmp_path, f"--trials={text}")
    assert code == 2
    assert f"--trials {text}" in error_line(err)
