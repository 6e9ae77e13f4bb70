"""The main job from end to end, on a tiny set: what it leaves behind, and that nothing stops or changes it."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tests.conftest import tiny_options
from tests.test_cli import call, error_line
from usvireid.training.checkpoint import latest_checkpoint

Captured = pytest.CaptureFixture[str]


def metrics(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def final_state(run: Path) -> tuple[dict[str, torch.Tensor], dict[str, bytes]]:
    """Every tensor of the last checkpoint and every labels file."""
    checkpoint = latest_checkpoint(run / "checkpoints")
    assert checkpoint is not None
    return checkpoint.tensors, {path.name: path.read_bytes() for path in sorted((run / "labels").glob("*.csv"))}


def assert_same(one: Path, other: Path) -> None:
    (tensors, labels), (other_tensors, other_labels) = final_state(one), final_state(other)
    assert labels == other_labels
    assert tensors.keys() == other_tensors.keys()
    assert [key for key, value in tensors.items() if not torch.equal(value, other_tensors[key])] == []


def test_a_run_leaves_everything_behind(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    before = {path: path.read_bytes() for path in labelled.rglob("*") if path.is_file()}
    run = tmp_path / "run"
    code, _, err = call(capfd, "run", labelled, "--out", run, *tiny_options())
    assert code == 0, err
    assert str(run / "report.html") in err
    names = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert {"config.yaml", "environment.json", "metrics.jsonl", "evaluation.json", "report.html"} <= names
    assert {"labels/epoch_001.csv", "labels/epoch_003.csv", "checkpoints/epoch_003.safetensors"} <= names
    assert "checkpoints/epoch_001.safetensors" not in names
    lines = metrics(run)
    assert [line["epoch"] for line in lines] == [0, 1, 2, 3]
    assert 0 <= lines[0]["evaluation"]["infrared->visible"]["rank1"] <= 1
    for line in lines[1:]:
        assert set(line["clusters"]) == {"visible", "infrared"}
        assert {"extract", "knn", "jaccard", "cluster", "train"} <= set(line["seconds"])
        assert line["images_per_second"] > 0
        assert line["peak_memory_mb"] > 0
        assert all(np.isfinite(value) for value in line["losses"].values())
        assert line["evaluation"]["visible->infrared"]["mAP"] is not None
    assert lines[1]["phase"] == "intra"
    labels = pd.read_csv(run / "labels" / "epoch_003.csv")
    assert len(labels) == 48
    assert not any(path.suffix == ".part" or ".part" in path.name for path in run.rglob("*"))
    assert {path: path.read_bytes() for path in labelled.rglob("*") if path.is_file()} == before


def test_two_folders_without_anything_else_are_enough(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    run = tmp_path / "run"
    code, _, err = call(capfd, "run", folders, "--out", run, *tiny_options())
    assert code == 0, err
    assert "not evaluated" in err
    assert not (run / "evaluation.json").exists()
    assert all(line["evaluation"] is None for line in metrics(run))
    assert (run / "report.html").exists()


def test_identities_do_not_change_what_is_learnt(
    capfd: Captured, tmp_path: Path, folders: Path, labelled: Path
) -> None:
    table = pd.read_csv(labelled / "crops.csv")
    table.drop(columns="identity").to_csv(labelled / "blind.csv", index=False)
    for name, data in (("seeing", labelled), ("blind", labelled / "blind.csv")):
        assert call(capfd, "run", data, "--out", tmp_path / name, "--stage", "cluster,train", *tiny_options())[0] == 0
    assert_same(tmp_path / "seeing", tmp_path / "blind")


def test_the_same_command_again_does_nothing_and_more_epochs_go_on(
    capfd: Captured, tmp_path: Path, folders: Path
) -> None:
    straight, extended = tmp_path / "straight", tmp_path / "extended"
    stages = ("--stage", "cluster,train")
    call(capfd, "run", folders, "--out", straight, *stages, *tiny_options())
    call(capfd, "run", folders, "--out", extended, *stages, *tiny_options(**{"training.epochs": "2"}))
    before = final_state(extended)[1]
    code, _, err = call(capfd, "run", folders, "--out", extended, *stages, *tiny_options(**{"training.epochs": "2"}))
    assert code == 0
    assert "all 2 epochs are trained" in err
    assert final_state(extended)[1] == before
    code, _, err = call(capfd, "run", "--out", extended, *stages, "--epochs", 3)
    assert "going on after epoch 2" in err
    assert_same(straight, extended)


def test_other_settings_on_a_run_are_refused_with_the_difference(
    capfd: Captured, tmp_path: Path, folders: Path
) -> None:
    run = tmp_path / "run"
    call(capfd, "run", folders, "--out", run, "--stage", "cluster", *tiny_options())
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    code, _, err = call(capfd, "run", folders, "--out", run, *tiny_options(**{"neighbors.k1": "7"}))
    assert code == 2
    assert "neighbors.k1: 6 there, 7 here" in error_line(err)
    code, _, err = call(capfd, "run", tmp_path, "--out", run)
    assert code == 2
    assert "DATA" in error_line(err)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    code, _, err = call(capfd, "run", folders, "--out", folders / "visible" / "run", *tiny_options())
    assert code == 2
    assert "lies in the data folder" in error_line(err)


def test_what_a_person_edits_is_what_is_trained_on(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    run = tmp_path / "run"
    assert call(capfd, "run", folders, "--out", run, "--stage", "cluster", *tiny_options())[0] == 0
    assert (run / "report.html").exists()
    path = run / "labels" / "epoch_001.csv"
    table = pd.read_csv(path)
    by_hand = table["path"].str.extract(r"/(\d+)_")[0].astype(int)
    table.assign(identity=by_hand.where(by_hand < 5, -1)).to_csv(path, index=False)
    edited = path.read_bytes()
    code, _, err = call(capfd, "run", "--out", run, "--stage", "train")
    assert code == 0, err
    assert path.read_bytes() == edited
    assert "epoch 3/3 cross: 5 identities by hand, 5 in both; 20 visible crops, 20 infrared crops; loss" in err
    lines = [line for line in metrics(run) if line["epoch"]]
    assert len(lines) == 3
    for line in lines:
        assert line["labels"] == "epoch_001.csv"
        assert line["edited"] is True
        assert line["phase"] == "cross"
        assert line["quality"]["identities"] == 5
    checkpoint = latest_checkpoint(run / "checkpoints")
    assert checkpoint is not None
    assert checkpoint.tensors["memory.shared.identities"].tolist() == [0, 1, 2, 3, 4]


def test_an_edited_file_is_kept_when_clustering_writes_again(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    run = tmp_path / "run"
    call(capfd, "run", folders, "--out", run, "--stage", "cluster", *tiny_options())
    path = run / "labels" / "epoch_001.csv"
    original = path.read_bytes()
    path.write_bytes(original + b"\n")
    _, _, err = call(capfd, "run", "--out", run, "--stage", "cluster")
    assert "epoch_001.edited1.csv" in err
    assert path.read_bytes() == original
    assert path.with_name("epoch_001.edited1.csv").read_bytes() == original + b"\n"


def test_training_without_labels_and_with_broken_ones(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    run = tmp_path / "run"
    code, _, err = call(capfd, "run", folders, "--out", run, "--stage", "train", *tiny_options())
    assert code == 2
    assert "--stage cluster" in error_line(err)
    call(capfd, "run", "--out", run, "--stage", "cluster")
    path = run / "labels" / "epoch_001.csv"
    text = path.read_text()
    for damage, message in (
        (text.replace("visible/00_0.png,visible", "visible/00_0.png,infrared"), "epoch_001.csv: row 2: modality"),
        (text.replace("/0", "/x"), "labels of other data"),
        (text.replace(",", ";"), "separated by semicolons"),
    ):
        path.write_text(damage)
        code, _, err = call(capfd, "run", "--out", run, "--stage", "train")
        assert code == 1
        assert message in error_line(err)


def test_labels_of_crops_that_are_gone_are_left_out_with_one_warning(
    capfd: Captured, tmp_path: Path, folders: Path
) -> None:
    run = tmp_path / "run"
    call(capfd, "run", folders, "--out", run, "--stage", "cluster", *tiny_options())
    (folders / "visible" / "00_0.png").unlink()
    (folders / "infrared" / "01_1.png").write_text("no image any more")
    assert call(capfd, "report", run)[0] == 0
    code, _, err = call(capfd, "run", "--out", run, "--stage", "train,report")
    assert code == 0, err
    assert err.count("2 of 48 rows name no crop of the data") == 1
    assert call(capfd, "run", "--out", run, "--epochs", 4)[0] == 0


def test_unreadable_images_are_named_counted_and_left_out(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    good = (folders / "visible" / "01_1.png").read_bytes()
    (folders / "visible" / "short.png").write_bytes(good[: len(good) // 2])
    (folders / "infrared" / "zero.jpg").touch()
    (folders / "infrared" / "text.jpg").write_text("hello")
    options = ("--stage", "cluster", *tiny_options())
    code, _, err = call(capfd, "run", folders, "--out", tmp_path / "run", *options)
    assert code == 0
    for name in ("short.png", "zero.jpg", "text.jpg"):
        assert name in err
    assert "3 of 51 images" in err
    assert len(pd.read_csv(tmp_path / "run" / "labels" / "epoch_001.csv")) == 48
    code, _, err = call(capfd, "run", folders, "--out", tmp_path / "strict", "--strict", *options)
    assert code == 1
    assert "3 of 51" in error_line(err)


def test_no_cluster_at_all_stops_with_advice_and_keeps_the_labels(
    capfd: Captured, tmp_path: Path, folders: Path
) -> None:
    run = tmp_path / "run"
    code, _, err = call(capfd, "run", folders, "--out", run, *tiny_options(**{"clustering.min_samples": "40"}))
    assert code == 1
    assert "nothing to train on" in error_line(err)
    assert "all 24 crops are outliers" in error_line(err)
    assert (pd.read_csv(run / "labels" / "epoch_001.csv")["role"] == "outlier").all()
    assert not list((run / "checkpoints").glob("*"))


def test_one_giant_cluster_is_said_and_the_run_goes_on(capfd: Captured, tmp_path: Path) -> None:
    from tests.conftest import write_people

    write_people(tmp_path / "people", people=16)
    giant = {"clustering.eps": "0.99", "neighbors.k1": "60", "training.epochs": "2", "guard.use": "false"}
    options = tiny_options(**giant)
    code, _, err = call(capfd, "run", tmp_path / "people", "--out", tmp_path / "run", *options)
    assert code == 0, err
    assert "one cluster holds" in err
    assert any("one cluster holds" in message for message in metrics(tmp_path / "run")[0]["messages"])


def test_a_modality_with_fewer_images_than_k1(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    for path in sorted((folders / "infrared").iterdir())[3:]:
        path.unlink()
    code, _, err = call(capfd, "run", folders, "--out", tmp_path / "run", *tiny_options(**{"neighbors.k1": "20"}))
    assert code == 0, err


def test_a_single_image_in_a_modality(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    for path in sorted((folders / "infrared").iterdir())[1:]:
        path.unlink()
    code, _, err = call(capfd, "run", folders, "--out", tmp_path / "run", *tiny_options())
    assert code == 0, err
    assert "infrared: no cluster was found" in err


def test_evaluate_reads_a_run_and_takes_rules(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    run = tmp_path / "run"
    call(capfd, "run", labelled, "--out", run, "--stage", "cluster,train", *tiny_options(**{"training.epochs": "1"}))
    code, out, _ = call(capfd, "evaluate", run, "--json")
    assert code == 0
    scores = json.loads(out)["infrared->visible"]
    assert scores == metrics(run)[-1]["evaluation"]["infrared->visible"]
    assert scores["gallery"] == 24
    code, _, err = call(capfd, "evaluate", run, "--exclude", "identity")
    assert code == 1
    assert "no query has a correct crop" in error_line(err)
    code, _, err = call(capfd, "evaluate", run, "--exclude", "colour")
    assert code == 2
    assert "colour" in error_line(err)
    code, out, _ = call(capfd, "evaluate", run, "--exclude", "frame,identity")
    assert code == 0
    assert "infrared" in out


def test_a_benchmark_is_scored_by_its_own_protocol(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    table = pd.read_csv(labelled / "crops.csv")
    table["camera"] = table["camera"].replace({"v0": "cam1", "v1": "cam2", "i0": "cam3", "i1": "cam6"})
    table.to_csv(labelled / "crops.csv", index=False)
    run = tmp_path / "run"
    options = {"training.epochs": "1", "evaluation.protocol": "sysu-mm01", "evaluation.trials": "3"}
    code, out, err = call(capfd, "run", labelled, "--out", run, *tiny_options(**options))
    assert code == 0, err
    names = ["all single-shot", "indoor single-shot"]
    lines = metrics(run)
    for line in lines:
        assert list(line["evaluation"]) == list(line["fingerprints"]) == names
    assert lines[0]["fingerprints"] == lines[1]["fingerprints"]
    assert lines[1]["evaluation"][names[0]]["trials"] == 3 and lines[1]["evaluation"][names[0]]["gallery"] == 12
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert evaluation["protocol"] == "sysu-mm01" and evaluation["scores"] == lines[1]["evaluation"]
    assert evaluation["fingerprints"] == lines[1]["fingerprints"]
    assert "Rank-1 / mAP indoor single-shot" in err + out
    assert "Rank-1, all single-shot" in (run / "report.html").read_text()

    code, out, err = call(capfd, "evaluate", run, "--shots", "multi", "--rerank", "--json")
    assert code == 0, err
    found = json.loads(out)
    multi = ["all multi-shot", "all multi-shot re-ranked", "indoor multi-shot", "indoor multi-shot re-ranked"]
    assert set(found) == {*multi, "fingerprints", "selection"}
    assert list(found["fingerprints"]) == multi
    code, _, err = call(capfd, "evaluate", run, "--exclude", "camera")
    assert code == 2 and "has its own rule for what is dropped" in error_line(err)
    code, out, _ = call(capfd, "evaluate", run, "--protocol", "own", "--exclude", "camera", "--json")
    assert code == 0 and list(json.loads(out))[:2] == ["infrared->visible", "visible->infrared"]
    code, _, err = call(capfd, "evaluate", run, "--protocol", "market")
    assert code == 2 and "evaluation.protocol" in error_line(err)
    options["evaluation.draw"] = "file"
    code, _, err = call(capfd, "run", labelled, "--out", run, *tiny_options(**options))
    assert code == 1 and "rand_perm_cam.mat: not found" in error_line(err)


def test_a_recipe_of_ones_own(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    call(capfd, "copy", "hil", tmp_path / "mine.py")
    mine = tmp_path / "mine.py"
    mine.write_text(mine.read_text().replace("cross_modal_triplet(", "0 * cross_modal_triplet("))
    code, _, err = call(capfd, "run", folders, "--pipeline", mine, "--out", tmp_path / "run", *tiny_options())
    assert code == 0, err


def test_a_crop_that_goes_between_two_calls_is_said_and_the_run_goes_on(
    capfd: Captured, tmp_path: Path, folders: Path
) -> None:
    run = tmp_path / "run"
    stages = ("--stage", "cluster,train")
    call(capfd, "run", folders, "--out", run, *stages, *tiny_options(**{"training.epochs": "1"}))
    (folders / "visible" / "00_0.png").unlink()
    code, _, err = call(capfd, "run", "--out", run, *stages, "--epochs", 2)
    assert code == 0, err
    assert "changed since epoch 1: the list of crops, the images; the run" in err
    assert len(pd.read_csv(run / "labels" / "epoch_002.csv")) == 47


def test_an_image_that_changes_between_two_calls_is_said(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    run = tmp_path / "run"
    stages = ("--stage", "cluster,train")
    call(capfd, "run", folders, "--out", run, *stages, *tiny_options(**{"training.epochs": "1"}))
    (folders / "visible" / "00_0.png").touch()
    assert "changed since" not in call(capfd, "run", "--out", run, *stages)[2]
    (folders / "visible" / "00_0.png").write_bytes((folders / "visible" / "00_1.png").read_bytes())
    assert "changed since epoch 1: the images; the run" in call(capfd, "run", "--out", run, *stages)[2]


def test_what_an_interruption_or_a_hand_left_of_the_records(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    run = tmp_path / "run"
    stages = ("--stage", "cluster,train")
    call(capfd, "run", folders, "--out", run, *stages, *tiny_options(**{"training.epochs": "2"}))
    path, before = run / "metrics.jsonl", metrics(run)
    path.write_text(path.read_text()[:-40])
    code, _, err = call(capfd, "run", "--out", run, *stages)
    assert code == 0, err
    assert "metrics.jsonl: line 2, the last one, is cut off" in err
    assert metrics(run) == before
    for damage in ("{}", "[]", "3", '{"epoch": "1"}', '{"epoch": 1', "[" * 10**5):
        path.write_text(f"{damage}\n{json.dumps(before[1])}\n")
        for command in (("run", "--out", run), ("report", run)):
            code, _, err = call(capfd, *command)
            assert code == 1
            assert "metrics.jsonl: line 1 is " in error_line(err)
    path.unlink()
    for damage in ("3", "[[1, 2]]", '{"epoch_001.csv": 3}', "{"):
        (run / "labels" / ".written.json").write_text(damage)
        code, _, err = call(capfd, "run", "--out", run, "--stage", "cluster")
        assert code == 1
        assert ".written.json: damaged" in error_line(err)
    (run / "labels" / ".written.json").unlink()
    (run / "labels" / "epoch_002.csv").write_text("path\n")
    code, _, err = call(capfd, "run", "--out", run, "--epochs", 3)
    assert "epoch_002.csv: no column 'identity'" in error_line(err)


def test_a_damaged_checkpoint_says_what_removing_it_means(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    run = tmp_path / "run"
    stages = ("--stage", "cluster,train")
    call(capfd, "run", folders, "--out", run, *stages, *tiny_options(**{"training.epochs": "2"}))
    (run / "checkpoints" / "epoch_x.safetensors").touch()
    first, second = (run / "checkpoints" / f"epoch_00{epoch}.safetensors" for epoch in (1, 2))
    content = bytearray(second.read_bytes())
    content[-1000] ^= 1
    second.write_bytes(content)
    code, _, err = call(capfd, "run", "--out", run, *stages, "--epochs", 3)
    assert code == 1
    assert "epoch_002.safetensors: a damaged checkpoint (its content has changed" in error_line(err)
    assert "remove the file, and the same `usvireid run` goes on from epoch_001.safetensors" in error_line(err)
    first.unlink()
    assert "starts from the beginning" in error_line(call(capfd, "evaluate", run, folders)[2])
    second.unlink()
    assert call(capfd, "run", "--out", run, *stages, "--epochs", 1)[0] == 0
    checkpoint = latest_checkpoint(run / "checkpoints")
    assert checkpoint is not None
    for name in ("inputs", "optimizer_groups"):
        facts = {key: value for key, value in checkpoint.facts.items() if key != name}
        replace(checkpoint, facts=facts).write(run / "checkpoints")
        code, _, err = call(capfd, "run", "--out", run, *stages, "--epochs", 2)
        assert code == 1
        assert f"lacks '{name}'" in error_line(err)


def test_every_call_leaves_a_line(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    for _ in range(2):
        call(capfd, "run", folders, "--out", tmp_path / "run", "--stage", "cluster", *tiny_options())
    calls = [json.loads(line) for line in (tmp_path / "run" / "calls.jsonl").read_text().splitlines()]
    assert [line["stages"] for line in calls] == [["cluster"], ["cluster"]]
    assert json.loads((tmp_path / "run" / "environment.json").read_text()).items() <= calls[1].items()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "    settings, monitor =",
            "    1 / 0\n    settings, monitor =",
            "cluster() failed in epoch 1: ZeroDivisionError",
        ),
        ('    with monitor.step("divide")', "    return {}\n    with monitor", "cluster() returned a dict in epoch 1"),
        (
            "    terms = Terms",
            "    raise SystemExit('enough')\n    terms = Terms",
            "train() failed in epoch 1: SystemExit: eno",
        ),
        (
            "import annotations\n",
            "import annotations\n1 / 0\n",
            "cannot be imported: ZeroDivisionError: division by zero (l",
        ),
        ("import annotations\n", "import annotations\nexit()\n", "cannot be imported: SystemExit"),
        ("import annotations\n", "import annotations\n1 +\n", "cannot be imported: SyntaxError"),
    ],
)
def test_a_recipe_that_fails_is_one_line(
    capfd: Captured, tmp_path: Path, folders: Path, old: str, new: str, message: str
) -> None:
    mine = tmp_path / "mine.py"
    call(capfd, "copy", "hil", mine)
    text = mine.read_text().replace(old, new, 1)
    mine.write_text(text)
    code, _, err = call(capfd, "run", folders, "--pipeline", mine, "--out", tmp_path / "run", *tiny_options())
    assert code == (2 if "imported" in message else 1)
    assert f"{mine}: " in error_line(err)
    assert message in error_line(err)
    if "returned" not in message:
        inserted = new.strip().splitlines()
        marker = inserted[-2 if "settings" in new or "terms" in new else -1]
        line = text[: text.index(marker)].count("\n") + 1
        assert f"(line {line})" in error_line(err)


def test_a_recipe_that_takes_no_step_is_said_once(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    mine = tmp_path / "mine.py"
    call(capfd, "copy", "hil", mine)
    mine.write_text(mine.read_text().replace("    terms = Terms", "    return\n    terms = Terms"))
    code, _, err = call(capfd, "run", folders, "--pipeline", mine, "--out", tmp_path / "run", *tiny_options())
    assert code == 0, err
    assert err.count("train() never called experiment.optimize") == 1


def test_training_on_a_finished_run_says_that_nothing_was_trained(
    capfd: Captured, tmp_path: Path, folders: Path
) -> None:
    run = tmp_path / "run"
    call(capfd, "run", folders, "--out", run, "--stage", "cluster,train", *tiny_options(**{"training.epochs": "1"}))
    assert call(capfd, "run", "--out", run, "--stage", "cluster")[0] == 0
    code, _, err = call(capfd, "run", "--out", run, "--stage", "train")
    assert code == 2
    assert "nothing was trained on epoch_002.csv" in error_line(err)
    assert call(capfd, "run", "--out", run, "--stage", "train", "--epochs", 2)[0] == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch can use")
def test_the_same_job_on_a_gpu(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    run = tmp_path / "run"
    options = tiny_options(device="cuda", precision="auto", **{"training.epochs": "1"})
    code, _, err = call(capfd, "run", labelled, "--out", run, *options)
    assert code == 0, err
    code, _, err = call(capfd, "run", "--out", run, "--epochs", 3)
    assert code == 0, err
    assert [line["epoch"] for line in metrics(run)] == [0, 1, 2, 3]


@pytest.mark.slow
def test_killed_at_any_instant_the_same_command_ends_with_the_same_run(tmp_path: Path, labelled: Path) -> None:
    command = [sys.executable, "-m", "usvireid.cli", "run", str(labelled), *tiny_options(**{"training.steps": "4"})]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    start = time.monotonic()
    subprocess.run([*command, "--out", str(tmp_path / "straight")], env=environment, check=True, capture_output=True)
    whole = time.monotonic() - start
    killed = tmp_path / "killed"
    for share in np.random.default_rng().uniform(0.3, 0.95, 3):
        process = subprocess.Popen([*command, "--out", str(killed)], env=environment, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=share * whole)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    subprocess.run([*command, "--out", str(killed)], env=environment, check=True, capture_output=True)
    assert_same(tmp_path / "straight", killed)
    assert [line["epoch"] for line in metrics(killed)] == [0, 1, 2, 3]
