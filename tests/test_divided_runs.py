"""Runs whose clusters are divided by HDBSCAN's tree, and learn from the parts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import tiny_options
from tests.test_cli import call, error_line
from tests.test_workflow import metrics
from usvireid import names

Captured = pytest.CaptureFixture[str]
TREE = {"clustering.parts.rule": "tree", "losses.mccl": "0.1"}
# So far that clusters hold several people, whose crops are denser parts of them.
WIDE = {"clustering.eps": "0.95", "guard.use": "false", "training.intra_epochs": "0"}


@pytest.mark.parametrize("method", ["dbscan", "hdbscan"])
def test_an_epoch_with_parts_by_the_tree(capfd: Captured, tmp_path: Path, folders: Path, method: str) -> None:
    run = tmp_path / "run"
    options = tiny_options(**TREE, **WIDE, **{"clustering.method": method, "clustering.parts.count": "3"})
    code, _, err = call(capfd, "run", folders, "--out", run, "--stage", "cluster,train", *options, "--epochs", 1)
    assert code == 0, err
    table = pd.read_csv(run / "labels" / "epoch_001.csv")
    part = table[names.SUB_CLUSTER]
    assert ((part < 0) == (table[names.CLUSTER] < 0)).all()
    inside = table[part >= 0].groupby([names.MODALITY, names.CLUSTER])[names.SUB_CLUSTER]
    assert (inside.nunique() == inside.max() + 1).all()  # numbered from 0 without a gap
    assert inside.nunique().max() <= 3
    if method == "dbscan":
        assert inside.nunique().max() > 1
    losses = metrics(run)[0]["losses"]
    assert {"parts visible", "parts infrared", "parts visible to infrared", "parts infrared to visible"} <= set(losses)
    assert all(np.isfinite(value) for value in losses.values())


def test_one_modality_without_clusters(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    for path in sorted((folders / "infrared").glob("*.png"))[2:]:
        path.unlink()
    options = tiny_options(**TREE, **{"clustering.min_samples": "4"})
    run = tmp_path / "run"
    code, _, err = call(capfd, "run", folders, "--out", run, "--stage", "cluster,train", *options, "--epochs", 1)
    assert code == 0, err
    table = pd.read_csv(run / "labels" / "epoch_001.csv")
    assert (table[names.SUB_CLUSTER][table[names.MODALITY] == names.INFRARED] == -1).all()


def test_identities_of_both_modalities_are_refused(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    options = tiny_options(**TREE, **{"clustering.parts.of": "identities"})
    code, _, err = call(capfd, "run", folders, "--out", tmp_path / "run", *options)
    assert code == 2
    assert "setting clustering.parts: rule tree needs of clusters" in error_line(err)
    assert not (tmp_path / "run").exists()
