from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from usvireid.config import Settings
from usvireid.data.crops import Crops
from usvireid.errors import UsageError, UsvireidError
from usvireid.layers import make_settings
from usvireid.loss_weights import weight_at
from usvireid.matching.labels import PseudoLabels
from usvireid.run import Run, begin, default_folder


def data_folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir(exist_ok=True)
    return tmp_path / "data"


def new_run(tmp_path: Path) -> Run:
    run = Run.begin(tmp_path / "run", Settings(), tmp_path / "data")
    with run.claimed():
        pass
    return run


def labels(identity: int) -> PseudoLabels:
    crops = Crops.from_table(Path(), pd.DataFrame({"path": ["a"], "modality": ["visible"]}), "test")
    blank = PseudoLabels.of_clusters(
        crops, np.array([0]), np.array(["core"], dtype=object), np.ones(1, dtype=np.float32)
    )
    return blank.replace(identity=np.array([identity], dtype=np.int64))


def test_a_run_folder_opens_again_with_its_settings_and_data(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    again = Run.open(run.folder)
    assert again.settings == run.settings
    assert again.data == (tmp_path / "data").resolve()


def test_nothing_is_written_before_the_folder_is_claimed(tmp_path: Path) -> None:
    Run.begin(tmp_path / "run", Settings(), tmp_path / "data")
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_a_killed_process_do_not_stand_in_the_way(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / ".config.yaml.x1.part").write_bytes(b"half")
    run = new_run(tmp_path)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / ".epoch_001.safetensors.x2.part").write_bytes(b"half")
    with run.claimed():
        assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["config.yaml"]


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    with run.claimed(), pytest.raises(UsvireidError, match="another usvireid is at work"), run.claimed():
        pass


def test_a_folder_taken_by_other_settings_meanwhile_is_refused(tmp_path: Path) -> None:
    slow = Run.begin(tmp_path / "run", make_settings([("x", {"seed": 1})]), tmp_path / "data")
    before = new_run(tmp_path)
    before.write_labels(labels(1), 1)
    content = (before.folder / "config.yaml").read_bytes()
    with pytest.raises(UsageError, match="seed: 0 there, 1 here"), slow.claimed():
        pass
    assert (before.folder / "config.yaml").read_bytes() == content


def test_a_folder_in_which_nothing_was_done_takes_other_settings(tmp_path: Path) -> None:
    before = new_run(tmp_path)
    before.write_metrics({"epoch": 0, "evaluation": None})
    other = Run.begin(before.folder, make_settings([("x", {"seed": 1})]), before.data)
    with other.claimed():
        assert Run.open(before.folder).settings.seed == 1
        assert not other.metrics()
        other.write_metrics({"epoch": 0, "evaluation": None})
    with Run.begin(before.folder, other.settings, before.data).claimed():
        assert len(other.metrics()) == 1


def test_metrics_lines_replace_those_of_their_epoch_and_later(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    for epoch in (0, 1, 2, 3):
        run.write_metrics({"epoch": epoch, "try": 1})
    run.write_metrics({"epoch": 2, "try": 2})
    assert run.metrics() == [{"epoch": 0, "try": 1}, {"epoch": 1, "try": 1}, {"epoch": 2, "try": 2}]


def test_labels_that_are_written_again_are_not_taken_for_edited(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    for identity in (1, 2, 2, 3):
        assert run.write_labels(labels(identity), 1) is None
    assert not run.is_edited(run.labels_file(1))


def test_every_edit_is_kept_under_a_name_of_its_own(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    kept = []
    for identity in (1, 2):
        run.write_labels(labels(0), 7)
        labels(identity).write(run.labels_file(7))
        kept.append(run.write_labels(labels(0), 7))
    assert [path.name for path in kept if path] == ["epoch_007.edited1.csv", "epoch_007.edited2.csv"]
    assert run.label_files() == [run.labels_file(7)]


def test_a_runs_own_config_file_can_be_used_for_another(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    again = begin(data_folder(tmp_path), str(run.folder / "config.yaml"), tmp_path / "other", {}, ["seed=3"])
    assert again.settings.seed == 3


def test_of_several_settings_files_the_later_ones_win(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("neighbors:\n  k1: 9\nlosses:\n  mccl: [[1, 2]]\n")
    data, mine = data_folder(tmp_path), str(tmp_path / "mine.yaml")
    above = begin(data, ["demo", "released", mine], tmp_path / "a", {}, ["seed=3"]).settings
    assert (above.neighbors.k1, above.neighbors.k2, above.encoder.width, above.seed) == (9, 6, 24, 3)
    assert weight_at(above.losses.mccl, 1) == 2
    below = begin(data, [mine, "demo", "released"], tmp_path / "b", {}, []).settings
    assert below.neighbors.k1 == 30
    assert weight_at(below.losses.mccl, 51) == 1
    assert default_folder(data, ["demo", mine]) == Path("runs/demo-mine")
    assert default_folder(data, []) == Path("runs/data")
    with pytest.raises(UsageError, match=r"--set: setting neighbors: k2 .6. is larger than k1 .5."):
        begin(data, ["demo", "released"], tmp_path / "c", {}, ["neighbors.k1=5"])


def test_paths_in_settings_do_not_depend_on_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = begin(data_folder(tmp_path), None, tmp_path / "run", {}, ["encoder.weights=w.pth"])
    assert run.settings.encoder.weights == tmp_path / "w.pth"
