"""Supervised training from end to end, and the ICRE encoder in either recipe, on a tiny set."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import tiny_options
from tests.test_cli import call, error_line
from tests.test_workflow import assert_same, metrics

Captured = pytest.CaptureFixture[str]
ICRE = {
    "encoder.width": "8",
    "encoder.mpfr.use": "true",
    "encoder.sdce.use": "true",
    "losses.icg": "1",
}


def supervised(**changes: str) -> list[str]:
    return ["--pipeline", "supervised", *tiny_options(**{**ICRE, "optimizer.name": "sgd", **changes})]


def test_identities_are_learnt_and_a_resumed_run_equals_an_uninterrupted_one(
    capfd: Captured, tmp_path: Path, labelled: Path
) -> None:
    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    stages = ("--stage", "cluster,train")
    # Three groups of parameters, the last of which joins in the first step.
    share = {"optimizer.backbone": "0.1"}
    code, _, err = call(capfd, "run", labelled, "--out", straight, *stages, *supervised(**share))
    assert code == 0, err
    for epochs in (1, 3):
        call(
            capfd, "run", labelled, "--out", resumed, *stages, *supervised(**share, **{"training.epochs": str(epochs)})
        )
    assert_same(straight, resumed)
    assert "known identities: 6 visible, 6 infrared, 6 in both" in err
    line = metrics(straight)[-1]
    assert set(line["losses"]) == {"identity", "icg"}
    assert set(line["notes"]) == {"icg pull", "icg push"}
    assert line["supervised"]
    assert line["truth"] is None
    assert call(capfd, "report", straight)[0] == 0
    report = (straight / "report.html").read_text()
    assert "trained on known identities: 6 in visible crops, 6 in infrared crops, 6 in both" in report
    assert "Compared with the known identities" not in report


def test_crops_without_an_identity_are_not_trained_on(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    table = pd.read_csv(labelled / "crops.csv", dtype="string")
    table.loc[table["identity"].isin(["4", "5"]), "identity"] = pd.NA
    table.to_csv(labelled / "crops.csv", index=False)
    run = tmp_path / "run"
    assert call(capfd, "run", labelled, "--out", run, "--stage", "cluster,train", *supervised())[0] == 0
    labels = pd.read_csv(run / "labels" / "epoch_003.csv")
    assert sorted(labels["identity"].unique()) == [-1, 0, 1, 2, 3]
    assert (labels["identity"] == -1).sum() == 16


def test_data_without_identities_is_refused(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    code, _, err = call(capfd, "run", folders, "--out", tmp_path / "run", *supervised())
    assert code == 2
    assert "fill the column identity" in error_line(err)


def test_weights_of_losses_that_are_all_0_are_refused(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    options = supervised(**{"losses.identity": "0", "losses.icg": "0"})
    code, _, err = call(capfd, "run", labelled, "--out", tmp_path / "run", *options)
    assert code == 2
    assert "no term that has a weight acts in epoch 1; give" in error_line(err)


def test_unsupervised_training_of_the_same_encoder(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    run = tmp_path / "run"
    code, _, err = call(capfd, "run", labelled, "--out", run, "--stage", "cluster,train", *tiny_options(**ICRE))
    assert code == 0, err
    crossing = [line for line in metrics(run)[1:] if line["phase"] == "cross"]
    assert crossing
    assert all("icg" in line["losses"] for line in crossing)
    assert json.loads((run / "metrics.jsonl").read_text().splitlines()[1])["notes"] == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder.mpfr.use": "false"}, "sdce.use needs mpfr.use"),
        ({"encoder.sdce.heads": "7", "encoder.mpfr.width": "64"}, "heads (7) does not divide mpfr.width (64)"),
        ({"encoder.sdce.heads": "7"}, "7 heads do not divide 16 channels"),
        ({"encoder.mpfr.stages": "3-4"}, "'1-3' or '2-4'"),
        ({"encoder.name": "vit-b16"}, "refine the stages of a ResNet"),
        ({"encoder.attention.use": "true"}, "unknown setting 'encoder.attention"),
        ({"icg.form": "sum"}, "icg.form"),
    ],
)
def test_settings_that_do_not_fit_are_named(
    capfd: Captured, tmp_path: Path, labelled: Path, changes: dict[str, str], message: str
) -> None:
    code, _, err = call(capfd, "run", labelled, "--out", tmp_path / "run", *supervised(**changes))
    assert code == 2
    assert message in error_line(err)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("rule", "changes", "expected", "said"),
    [
        ("apart", {}, 0, "nothing brings the two together"),
        ("apart", {"losses.identity": "0"}, 2, "losses.icg alone teaches nothing"),
        ("one", {}, 0, "nobody to tell it from"),
    ],
)
def test_identities_that_teach_little_are_told(
    capfd: Captured, tmp_path: Path, labelled: Path, rule: str, changes: dict[str, str], expected: int, said: str
) -> None:
    table = pd.read_csv(labelled / "crops.csv", dtype="string")
    table["identity"] = "1" if rule == "one" else table["modality"] + table["identity"]
    table.to_csv(labelled / "crops.csv", index=False)
    code, _, err = call(
        capfd, "run", labelled, "--out", tmp_path / "run", "--stage", "cluster,train", *supervised(**changes)
    )
    assert code == expected, err
    assert err.count(said) == 1
