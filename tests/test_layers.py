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
    with_absolute_paths,
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


@pytest.mark.parametrize("text", ["training.epochs", "=5", "training..epochs=3", "a={", "a={b: 1, b: 2}"])
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


def test_who_set_a_wrong_value_is_named() -> None:
    layers = [("a.yaml", {"seed": -1, "neighbors": {"k1": 5}}), ("--set", {"neighbors": {"k2": 3}})]
    with pytest.raises(UsageError, match=r"^a\.yaml: setting seed: "):
        make_settings(layers)
    layers[1][1]["seed"] = "x"
    with pytest.raises(UsageError, match=r"^--set: setting seed: "):
        make_settings(layers)
    with pytest.raises(UsageError, match=r"^a\.yaml: setting neighbors: k2 .6. is larger than k1 .5."):
        make_settings([("a.yaml", {"neighbors": {"k1": 5}})])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("seed: 1\nepochs: 2\nseed: 3\n", "line 3: 'seed' stands there twice"),
        ("neighbors:\n  k1: 3\n  k1: 4\n", "line 3: 'k1' stands there twice"),
        ("a: 1\n\tb: 2\n", "line 2: "),
        ("a: 2020-99-99\n", "not YAML"),
        ("a: \x01\n", "not YAML"),
        ("a: !!python/name:os.system x", "could not determine a constructor"),
        ("[" * 5000, "nested too deeply"),
    ],
)
def test_files_say_which_line_is_wrong(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(content)
    with pytest.raises(UsageError) as caught:
        read_settings_file(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_merged_and_repeated_parts_of_a_file_are_no_names_that_stand_twice(tmp_path: Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_text("options:\n  a: &a {x: 1, y: 2}\n  b: {<<: *a, x: 3}\n  c: *a\n")
    made = make_settings([("good.yaml", read_settings_file(path))])
    assert made.options == {"a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 2}, "c": {"x": 1, "y": 2}}


def test_a_value_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "endless.yaml"
    path.write_text("options: &a\n  x: *a\n")
    with pytest.raises(UsageError, match="options"):
        make_settings([("endless.yaml", read_settings_file(path))])


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


def test_a_null_character_is_no_part_of_a_name() -> None:
    with pytest.raises(UsageError, match=r"setting encoder\.name: holds a null character"):
        make_settings([("file", {"encoder": {"name": "a\0b.py"}})])
    with pytest.raises(UsageError, match=r"setting encoder\.weights: holds a null character"):
        make_settings([("file", {"encoder": {"weights": "a\0b"}})])


def test_every_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("data.cache", "encoder.weights", "constraints.travel")
    settings = with_absolute_paths(made(*(f"{name}=here" for name in names)))
    found = [settings.data.cache, settings.encoder.weights, settings.constraints.travel]
    assert found == [tmp_path.resolve() / "here"] * len(names)
    assert with_absolute_paths(Settings()) == Settings()


def test_paths_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = with_absolute_paths(made("data.cache=~/cache", "encoder.weights=~/a.pth", "constraints.travel=~/t.csv"))
    assert settings.data.cache == tmp_path.resolve() / "cache"
    assert settings.encoder.weights == tmp_path.resolve() / "a.pth"
    assert settings.constraints.travel == tmp_path.resolve() / "t.csv"
    with pytest.raises(UsageError, match=r"data\.cache: ~nobody-here/a: there is no such home folder"):
        with_absolute_paths(made("data.cache=~nobody-here/a"))
