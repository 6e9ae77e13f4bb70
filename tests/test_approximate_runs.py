"""Runs whose neighbours are searched approximately: by choice alone, and never without a word."""

import json
from pathlib import Path

import pytest

from tests.conftest import tiny_options
from tests.test_cli import call, error_line
from tests.test_workflow import assert_same, metrics
from usvireid import names
from usvireid.neighbors import probe

Captured = pytest.CaptureFixture[str]
STAGES = ("--stage", "cluster,train")
needs_faiss = pytest.mark.skipif(not probe.has_faiss(), reason="FAISS is not installed")


def approximate(above: int = 1, **changes: str) -> list[str]:
    return tiny_options(**{"neighbors.approximate_above": str(above), **changes})


@needs_faiss
def test_what_was_found_is_said_in_every_epoch(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    exact, run = tmp_path / "exact", tmp_path / "run"
    code, _, err = call(capfd, "run", folders, "--out", run, *STAGES, *approximate())
    assert code == 0, err
    # 24 crops are too few for more than one list, so that nothing is missed.
    said = [f"{modality}: approximate k-NN, recall 1.0000 on 24 crops" for modality in names.MODALITIES]
    assert [line["messages"] for line in metrics(run)] == [said] * 3
    assert [line for line in err.splitlines() if "recall" in line] == said * 3
    searcher = json.loads((run / names.ENVIRONMENT_FILE).read_text())["knn"]
    assert searcher == "torch-cpu, above 1 crops approximately by FAISS's inverted lists"
    assert f"k-NN by {searcher}" in err
    assert call(capfd, "run", folders, "--out", exact, *STAGES, *approximate(24))[0] == 0
    assert [line["messages"] for line in metrics(exact)] == [[]] * 3
    assert_same(exact, run)


@needs_faiss
def test_a_run_keeps_to_its_choice(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    run = tmp_path / "run"
    assert call(capfd, "run", folders, "--out", run, "--stage", "cluster", *approximate())[0] == 0
    code, _, err = call(capfd, "run", folders, "--out", run, "--stage", "cluster", *approximate(9))
    assert code == 2
    assert "neighbors.approximate_above: 1 there, 9 here" in error_line(err)


def test_without_faiss_it_is_refused_before_anything_is_made(
    capfd: Captured, tmp_path: Path, labelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "has_faiss", lambda: False)
    run = tmp_path / "run"
    code, _, err = call(capfd, "run", labelled, "--out", run, *STAGES, *approximate())
    assert code == 2
    assert "neighbors.approximate_above: approximate k-NN needs FAISS" in error_line(err)
    assert not run.exists()
    # Where nothing is clustered, nobody needs it.
    for number, choice in enumerate((("--stage", "evaluate"), (*STAGES, "--pipeline", "supervised", "--epochs", 1))):
        code, _, err = call(capfd, "run", labelled, "--out", tmp_path / str(number), *approximate(), *choice)
        assert code == 0, err
