"""What goes wrong with a run is said in its report, in words and without any identity."""

import html
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.conftest import tiny_options
from usvireid.cli import app


def said_by_report(run: Path) -> str:
    return html.unescape((run / "report.html").read_text(encoding="utf-8"))


def called(*arguments: object) -> None:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output


def test_one_giant_cluster_is_called_so(folders: Path, tmp_path: Path) -> None:
    options = tiny_options(**{"clustering.eps": "0.99", "clustering.gradients": "0", "training.epochs": "1"})
    called("run", folders, "--out", tmp_path / "run", "--stage", "cluster,train,report", *options)
    assert "several people have run together" in said_by_report(tmp_path / "run")


def test_exchanged_folders_are_called_so(folders: Path, tmp_path: Path) -> None:
    for modality, other in (("visible", "infrared"), ("infrared", "visible")):
        shutil.copytree(folders / modality, tmp_path / "exchanged" / other)
    options = tiny_options(**{"training.epochs": "1"})
    called("run", tmp_path / "exchanged", "--out", tmp_path / "run", "--stage", "cluster,report", *options)
    assert "The modalities are swapped" in said_by_report(tmp_path / "run")


@pytest.mark.parametrize("with_clusters", [True, False])
def test_shuffled_labels_are_called_so(folders: Path, tmp_path: Path, with_clusters: bool) -> None:
    run, options = tmp_path / "run", tiny_options(**{"training.epochs": "1"})
    called("run", folders, "--out", run, "--stage", "cluster", *options)
    path = run / "labels" / "epoch_001.csv"
    table = pd.read_csv(path)
    # As good labels as there are, then a third of them exchanged.
    person = np.array([int(Path(name).stem[:2]) for name in table["path"]])
    shuffled = np.where(np.arange(len(person)) % 3 == 0, np.roll(person, 13), person)
    columns = {"identity": shuffled, **({"cluster": person} if with_clusters else {})}
    table[["path", "modality"]].assign(**columns).to_csv(path, index=False)
    called("run", folders, "--out", run, "--stage", "train,report", *options)
    assert "the labels look shuffled" in said_by_report(run)
    line = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert line["quality"]["visible"]["misplaced_share"] > 0.1
    assert (line["quality"]["visible"]["torn_share"] > 0.1) == with_clusters
