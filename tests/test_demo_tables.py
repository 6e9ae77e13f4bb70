"""What the tables of small runs on drawn people are made of."""

import argparse
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from tests.conftest import TINY
from usvireid.display import Display

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


@pytest.fixture(scope="module")
def scripts() -> Iterator[dict[str, ModuleType]]:
    sys.path.insert(0, str(SCRIPTS))
    names = ("demo_runs", "measure_unmatched", "measure_known", "measure_results")
    yield {name: importlib.import_module(name) for name in names}
    sys.path.remove(str(SCRIPTS))


def line(epoch: int, score: float, **truth: object) -> dict[str, object]:
    scores = {"rank1": score, "mAP": score / 2}
    return {
        "epoch": epoch,
        "evaluation": {"infrared->visible": scores, "visible->infrared": scores},
        "clusters": {"visible": 10 * epoch, "infrared": 5},
        "truth": truth or None,
    }


def test_rows_step_by_step_on_a_tiny_set(scripts: dict[str, ModuleType], tmp_path: Path, labelled: Path) -> None:
    results = scripts["measure_results"]
    given = {"data": labelled, "config": None, "weights": None, "out": tmp_path, "seeds": "0,1", "tables": False}
    given["variants"] = "+ BRST;+ BRST beside the descriptor"
    given["set"] = [f"{name}={value}" for name, value in {**TINY, "encoder.gradients": "0.5"}.items()]
    found = results.measure(argparse.Namespace(**given), Display(Console(quiet=True)))
    assert list(found.scores)[:2] == ["gradient descriptor", "gradient descriptor, centred"]
    assert [len(found.scores[name]) for name in given["variants"].split(";")] == [2, 2]
    assert [line["epoch"] for line in found.last["+ BRST"]] == [3, 3] and not found.epochs
    table = results.score_table("twin left out", found.scores).splitlines()
    assert len(table) == 2 + len(found.scores) and table[-1].startswith("| + BRST beside the descriptor | 2 | ")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    again = results.measure(argparse.Namespace(**{**given, "tables": True}), Display(Console(quiet=True)))
    assert again.scores == found.scores
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")} == before


def test_means_and_spread(scripts: dict[str, ModuleType]) -> None:
    mean = scripts["demo_runs"].mean
    assert mean([1.0, 2.0, 3.0]) == "2.0 ± 1.0"
    assert mean([1.0, None]) == "1.0"
    assert mean([None]) == "-"


def test_scores_before_and_after(scripts: dict[str, ModuleType]) -> None:
    runs = [[line(0, 0.1), line(1, 0.3)], [line(0, 0.1), line(1, 0.5)]]
    row = scripts["measure_unmatched"].score_row(runs)
    assert row["infrared to visible Rank-1"] == "10.0 ± 0.0 -> 40.0 ± 14.1"
    assert scripts["measure_known"].row_of(runs)[:2] == ["40.0 ± 14.1", "20.0 ± 7.1"]


def test_labels_of_the_last_epochs_and_what_chance_would_give(scripts: dict[str, ModuleType]) -> None:
    side = {"ari": 0.5, "identities": 8}
    rejection = {"clusters": 20, "alone": 5, "recall": None, "precision": 0.5, "recall_crops": 1.0}
    found = [
        line(epoch, 0.1, visible=side, infrared=side, match_accuracy=0.25, compared_identities=4, rejection=rejection)
        for epoch in range(1, 5)
    ]
    row = scripts["measure_unmatched"].label_row([found])
    assert row["clusters, visible (people)"] == "30 (8)"
    assert row["ARI infrared"] == "0.50" and row["right"] == "25" and row["matched"] == "4"
    assert row["recall"] == "-" and row["precision"] == "50" and row["by chance"] == "25"


def test_whom_a_larger_share_is_compared_with(scripts: dict[str, ModuleType]) -> None:
    arms = scripts["measure_known"].arms(["0.1", "1"])
    assert list(arms) == ["nobody known (hil)", "10 % known", "100 % known", "supervised"]
    assert arms["10 % known"] == ("_known_0.1", ["pipeline=semi_supervised", "losses.identity=5", "known.share=0.1"])
