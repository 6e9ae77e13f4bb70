from pathlib import Path

import pytest
import yaml

from usvireid.config import Settings
from usvireid.errors import UsageError
from usvireid.layers import (
    described_defaults,
    differences,
    make_settings,
    merge,
    parse_assignment,
    read_settings_file,
    to_yaml,
)


def made(*assignments: str) -> Settings:
    return make_settings([("--set", parse_assignment(text)) for text in assignments])


def test_later_layers_win_and_others_stay() -> None:
    settings = make_settings([("file", {"neighbors": {"k1": 20, "k2": 3}}), ("--set", {"neighbors": {"k1": 10}})])
    assert (settings.neighbors.k1, settings.neighbors.k2) == (10, 3)
    assert settings.clustering == Settings().clustering


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("trainin.epochs=5", "unknown setting 'trainin'; did you mean 'training'"),
        ("epochs=5", "unknown setting 'epochs'; did you mean 'training.epochs'"),
        ("neighbors.k3=5", "unknown setting 'neighbors.k3'; did you mean 'neighbors.k"),
        ("xyzzy=5", "unknown setting 'xyzzy'; `usvireid configs --defaults`"),
        ("training.epochs=many", "setting training.epochs: .*valid integer.*'many'"),
        ("training=4", "'training' is a group of settings"),
        ("clustering.eps=1.5", "setting clustering.eps: .*less than 1.*1.5"),
        ("encoder.name=resnet34", "setting encoder.name: no encoder 'resnet34'; use resnet18, resnet50"),
        ("neighbors.k2=50", "setting neighbors: k2 .50. is larger than k1 .30."),
        ("evaluation.exclude=[colour]", "'colour' is no column to exclude by"),
        ("stages=[]", "at least one of"),
        ("stages=[train, train]", "each stage once"),
        ("optimizer.learning_rate=.nan", "setting optimizer.learning_rate"),
        ("seed=-1", "setting seed"),
    ],
)
def test_what_is_refused_is_named(assignment: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        made(assignment)


@pytest.mark.parametrize("text", ["training.epochs", "=5", "training..epochs=3", "a={"])
def test_assignments_that_cannot_be_read(text: str) -> None:
    with pytest.raises(UsageError, match="--set"):
        parse_assignment(text)


def test_numbers_as_people_write_them() -> None:
    assert made("optimizer.learning_rate=1e-3").optimizer.learning_rate == 0.001
    assert made("encoder.weights=1e5x.pth").encoder.weights == Path("1e5x.pth")


def test_a_file_round_trip(tmp_path: Path) -> None:
    settings = made("training.epochs=7", "encoder.weights=w.pth", "options={mine: {deep: 1}}")
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(settings))
    assert make_settings([("file", read_settings_file(path))]) == settings


@pytest.mark.parametrize("content", ["a: [", "- 1", "\tx: 1"])
def test_files_that_are_no_settings(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"bad\.yaml"):
        read_settings_file(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_settings_file(tmp_path / "none.yaml")


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").touch()
    assert make_settings([("file", read_settings_file(tmp_path / "empty.yaml"))]) == Settings()


def test_differences_leave_out_what_a_resumed_run_may_change() -> None:
    changed = made("training.epochs=99", "stages=[train]", "device=cpu", "neighbors.k1=25")
    assert differences(Settings(), changed) == {"neighbors.k1": (30, 25)}


def test_the_described_defaults_are_the_defaults() -> None:
    text = described_defaults()
    assert make_settings([("defaults", yaml.safe_load(text))]) == Settings()
    assert all("#" in line for line in text.splitlines())


def test_merge_does_not_touch_its_arguments() -> None:
    below = {"a": {"b": 1}}
    assert merge(below, {"a": {"c": 2}}) == {"a": {"b": 1, "c": 2}}
    assert below == {"a": {"b": 1}}
