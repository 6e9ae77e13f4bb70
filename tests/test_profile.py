import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from tests.conftest import tiny_options
from tests.test_cli import call
from usvireid.display import Display
from usvireid.profile import Profile, profile_of
from usvireid.training.monitor import Monitor


def content(folder: Path) -> dict:
    return json.loads((folder / "profile.json").read_text())


def test_a_run_says_where_its_time_went(capfd: pytest.CaptureFixture[str], tmp_path: Path, labelled: Path) -> None:
    run = tmp_path / "run"
    code, _, err = call(capfd, "run", labelled, "--out", run, *tiny_options())
    assert code == 0, err
    profile = content(run)
    assert set(profile["stages"]) == {"evaluate", "report"}
    assert [entry["epoch"] for entry in profile["epochs"]] == [1, 2, 3]
    for entry in profile["epochs"]:
        assert {"knn", "jaccard", "cluster", "divide", "train", "evaluate", "checkpoint"} <= set(entry["seconds"])
        parts = entry["training"]
        assert set(parts) == {"wait", "forward", "losses", "backward", "optimiser", "memory", "rest"}
        assert abs(sum(parts.values()) - entry["seconds"]["train"]) < 0.01
        assert set(entry["background"]) == {"load", "augment"}
        assert 0 <= entry["waiting_share"] <= 1
        assert entry["images"] == 2 * 3 * 2 * 3 and entry["images_per_second"] > 0
        assert entry["clock"] == "wall clock"


def test_an_epoch_that_is_done_again_stands_there_once(tmp_path: Path) -> None:
    profile = Profile(tmp_path)
    for epoch in (1, 2, 3, 2):
        profile.add_epoch({"epoch": epoch})
    with profile.stage("report"):
        pass
    found = content(tmp_path)
    assert found["epochs"] == [{"epoch": 1}, {"epoch": 2}]
    assert list(found["stages"]) == ["report"]


@pytest.mark.parametrize("damage", ["", "[]", "3", '{"epochs": [3], "stages": {}}', '{"epochs": 1}', "[" * 10**5])
def test_a_damaged_file_is_begun_anew(tmp_path: Path, damage: str) -> None:
    (tmp_path / "profile.json").write_text(damage)
    Profile(tmp_path).add_epoch({"epoch": 4})
    assert content(tmp_path) == {"epochs": [{"epoch": 4}], "stages": {}}


def test_an_epoch_without_a_batch_has_no_shares() -> None:
    entry = profile_of(1, Monitor(Display(Console(file=io.StringIO()))))
    assert entry["training"] == {}
    assert entry["waiting_share"] is None and entry["images_per_second"] is None
