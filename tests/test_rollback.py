"""Runs whose pseudo-labels collapse: they are saved, or say that they are not; resuming changes nothing."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import tiny_options, write_people
from tests.test_cli import call, error_line
from tests.test_workflow import assert_same, metrics
from usvireid import rollback
from usvireid.clustering.cluster import Clustered
from usvireid.clustering.result import Clusters
from usvireid.data.crops import Crops
from usvireid.encoders.features import Features
from usvireid.run import Run
from usvireid.training.guard import Signs
from usvireid.training.monitor import Shown

Captured = pytest.CaptureFixture[str]

ONE_CLUSTER = """
    if epoch == 3 and settings.memory.momentum == 0.9:
        import numpy as np
        from usvireid.clustering.result import Clusters
        sizes = {name: len(experiment.crops.rows_of(name)) for name in MODALITIES}
        return PseudoLabels.of_modalities(experiment.crops, {
            name: Clusters(np.zeros(size, np.int64), np.full(size, "core", object), np.ones(size, np.float32))
            for name, size in sizes.items()
        })
"""
STAGES = ("--stage", "cluster,train")


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Enough people to be judged."""
    write_people(tmp_path / "many", people=16)
    return tmp_path / "many"


@pytest.fixture
def collapsing(capfd: Captured, tmp_path: Path) -> Path:
    """HIL, but in epoch 3 everything is one cluster, unless memories were slowed down."""
    recipe = tmp_path / "collapsing.py"
    call(capfd, "copy", "hil", recipe)
    text = recipe.read_text()
    start = "    settings, monitor = experiment.settings, experiment.monitor\n"
    assert start in text
    recipe.write_text(text.replace(start, start + ONE_CLUSTER))
    return recipe


def facts(run: Path) -> list[dict]:
    """What does not depend on how fast the machine was."""
    timed = ("seconds", "images_per_second", "peak_memory_mb", "peak_gpu_memory_mb")
    return [{key: value for key, value in line.items() if key not in timed} for line in metrics(run)]


def checkpoints(run: Path) -> list[str]:
    return sorted(path.stem for path in (run / "checkpoints").glob("epoch_*"))


def test_clusters_are_judged_as_they_were_made_and_labels_where_nothing_is_shown() -> None:
    label = np.array([0, 0, 1, 1, 1, -1])
    role = np.where(label < 0, "outlier", "core").astype(object)
    found = Clusters(label, role, (label >= 0).astype(np.float32))
    table = pd.DataFrame({"path": [f"{n}.png" for n in range(12)], "modality": ["visible"] * 6 + ["infrared"] * 6})
    values = np.eye(12, dtype=np.float32)
    quality = {"crops": 6, "clusters": 1, "outliers": 4, "size_max": 2}
    features = Features(values, Crops.from_table(Path(), table, "test"))
    shown = {"visible": Shown(Clustered(found, None, None), None)}
    nobody = np.zeros(12, dtype=bool)
    signs = rollback.signs_of({"visible": quality, "infrared": quality}, shown, features, nobody)
    assert signs["visible"] == Signs(crops=6, clusters=2, clustered=5, largest=3, spread=1.0)
    assert signs["infrared"] == Signs(crops=6, clusters=1, clustered=2, largest=2, spread=1.0)
    # What is known is not judged: here the second cluster is one person's.
    known = np.arange(12) == 2
    known[3:5] = True
    signs = rollback.signs_of({"visible": quality, "infrared": quality}, shown, features, known)
    assert signs["visible"] == Signs(crops=3, clusters=1, clustered=2, largest=2, spread=1.0)


@pytest.mark.parametrize(("eps", "k1", "least"), [("0.9", "20", "4"), ("0.2", "6", "5")])
def test_a_run_that_is_started_with_a_bad_eps_is_saved(
    capfd: Captured, tmp_path: Path, many: Path, eps: str, k1: str, least: str
) -> None:
    options = {"clustering.eps": eps, "clustering.min_samples": least, "neighbors.k1": k1, "neighbors.k2": "1"}
    code, _, err = call(capfd, "run", many, "--out", tmp_path / "run", *STAGES, *tiny_options(**options))
    assert code == 0, err
    assert f"clustering.eps {eps} -> " in err
    lines = metrics(tmp_path / "run")
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    for line in lines:
        assert all(line["quality"][name]["largest_share"] <= 0.5 for name in ("visible", "infrared"))
        assert all(line["quality"][name]["outlier_share"] <= 0.9 for name in ("visible", "infrared"))
    done = lines[-1]["guard"]["rollbacks"]
    assert done and lines[-1]["guard"]["changes"]["clustering.eps"] != float(eps)
    redone = next(line for line in lines if line["epoch"] == done[0]["to"] + 1)
    assert any("collapsed" in message and "clustering.eps" in message for message in redone["messages"])


def test_a_collapse_is_undone_and_a_resumed_run_equals_an_uninterrupted_one(
    capfd: Captured, tmp_path: Path, many: Path, collapsing: Path
) -> None:
    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    options = (*STAGES, "--pipeline", collapsing)
    four = tiny_options(**{"training.epochs": "4"})
    code, _, err = call(capfd, "run", many, "--out", straight, *options, *four)
    assert code == 0, err
    assert err.count("back to the state after epoch 1, clustering.eps 0.6 -> auto, memory.momentum 0.9 -> 0.95") == 1
    assert [line["epoch"] for line in metrics(straight)] == [1, 2, 3, 4]
    assert checkpoints(straight) == ["epoch_003", "epoch_004"]
    for epochs in (1, 2, 3, 4):
        some = tiny_options(**{"training.epochs": str(epochs)})
        code, _, err = call(capfd, "run", many, "--out", resumed, *options, *some)
        assert code == 0, err
        assert ("collapsed" in err) == (epochs == 3)
    assert_same(straight, resumed)
    assert facts(straight) == facts(resumed)


@pytest.mark.parametrize("interrupted", ["forget_metrics_after", "remove_after"])
def test_an_interruption_on_the_way_back_changes_nothing(
    capfd: Captured,
    tmp_path: Path,
    many: Path,
    collapsing: Path,
    monkeypatch: pytest.MonkeyPatch,
    interrupted: str,
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    options = (*STAGES, "--pipeline", collapsing, *tiny_options())
    assert call(capfd, "run", many, "--out", straight, *options)[0] == 0
    with monkeypatch.context() as patch:
        patch.setattr(Run if hasattr(Run, interrupted) else rollback, interrupted, stop)
        assert call(capfd, "run", many, "--out", resumed, *options)[0] == 130
    assert checkpoints(resumed) == ["epoch_001", "epoch_002"]
    code, _, err = call(capfd, "run", many, "--out", resumed, *options)
    assert code == 0, err
    assert_same(straight, resumed)
    assert facts(straight) == facts(resumed)


def test_from_the_second_epoch_the_way_back_leads_to_the_untrained_encoder(
    capfd: Captured, tmp_path: Path, many: Path, collapsing: Path
) -> None:
    collapsing.write_text(collapsing.read_text().replace("epoch == 3", "epoch == 2"))
    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    options = (*STAGES, "--pipeline", collapsing)
    for epochs in ("1", "3"):
        some = tiny_options(**{"training.epochs": epochs})
        code, _, err = call(capfd, "run", many, "--out", resumed, *options, *some)
        assert code == 0, err
        if epochs == "1":
            assert checkpoints(resumed) == ["epoch_000", "epoch_001"]
    assert "back to the untrained encoder" in err
    code, _, err = call(capfd, "run", many, "--out", straight, *options, *tiny_options())
    assert code == 0, err
    assert_same(straight, resumed)
    assert facts(straight) == facts(resumed)


def test_with_one_checkpoint_kept_only_the_values_change(
    capfd: Captured, tmp_path: Path, many: Path, collapsing: Path
) -> None:
    options = (*STAGES, "--pipeline", collapsing, *tiny_options(**{"training.keep_checkpoints": "1"}))
    code, _, err = call(capfd, "run", many, "--out", tmp_path / "run", *options)
    assert code == 0, err
    assert "back to the state after epoch 2, clustering.eps 0.6 -> auto" in err
    assert checkpoints(tmp_path / "run") == ["epoch_003"]


def test_what_cannot_be_saved_stops_with_advice(capfd: Captured, tmp_path: Path, many: Path, collapsing: Path) -> None:
    collapsing.write_text(collapsing.read_text().replace("epoch == 3 and settings.memory.momentum == 0.9", "True"))
    run = tmp_path / "run"
    for _ in range(2):
        code, _, err = call(capfd, "run", many, "--out", run, *STAGES, "--pipeline", collapsing, *tiny_options())
        assert code == 1
        assert "epoch 1 collapsed after 4 rollbacks" in error_line(err) and "guard.use=false" in error_line(err)
        assert (run / "labels" / "epoch_001.csv").exists() and checkpoints(run) == ["epoch_000"]
    assert not (run / "metrics.jsonl").exists() or metrics(run) == []
    code, _, err = call(capfd, "export", run, "--to", "safetensors")
    assert code == 2 and "no epoch is finished yet" in error_line(err)


def test_known_identities_are_not_judged(capfd: Captured, tmp_path: Path) -> None:
    table = write_people(tmp_path / "known", people=16)
    table.assign(identity=0).to_csv(tmp_path / "known" / "crops.csv", index=False)
    options = ("--pipeline", "supervised", *STAGES, *tiny_options(**{"training.epochs": "1"}))
    code, _, err = call(capfd, "run", tmp_path / "known", "--out", tmp_path / "run", *options)
    assert code == 0, err
    assert "collapsed" not in err and "guard" not in metrics(tmp_path / "run")[0]


def test_a_damaged_state_of_the_guard_is_said(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    from dataclasses import replace

    from usvireid.training.checkpoint import latest_checkpoint

    run = tmp_path / "run"
    call(capfd, "run", folders, "--out", run, *STAGES, *tiny_options(**{"training.epochs": "1"}))
    checkpoint = latest_checkpoint(run / "checkpoints")
    assert checkpoint is not None
    assert json.loads(json.dumps(checkpoint.facts["guard"]))["rollbacks"] == []
    replace(checkpoint, facts={**checkpoint.facts, "guard": 3}).write(run / "checkpoints")
    code, _, err = call(capfd, "run", "--out", run, "--epochs", 2)
    assert code == 1 and "no state of the guard" in error_line(err)
