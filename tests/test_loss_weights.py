"""Weights of losses that change with the epochs."""

from pathlib import Path

import pytest

from tests.conftest import tiny_options
from tests.test_cli import call, error_line
from tests.test_workflow import metrics
from usvireid.config import Settings
from usvireid.errors import UsageError
from usvireid.layers import differences, make_settings, parse_assignment, read_settings_file, to_yaml
from usvireid.loss_weights import WeightStep, weight_at

Captured = pytest.CaptureFixture[str]
WEIGHTS = ("own", "shared", "triplet", "mccl", "homogeneous", "heterogeneous", "icg", "identity")


def made(*assignments: str) -> Settings:
    return make_settings([("--set", parse_assignment(text)) for text in assignments])


def over(text: str, epochs: int) -> list[float]:
    weight = made(f"losses.mccl={text}").losses.mccl
    return [round(weight_at(weight, epoch), 6) for epoch in range(1, epochs + 1)]


def test_a_number_is_the_weight_of_every_epoch() -> None:
    assert over("0.5", 3) == [0.5, 0.5, 0.5]
    assert weight_at(0.0, 7) == 0


def test_steps_hold_from_their_epoch_on() -> None:
    assert over("[[1, 0.1], [4, 1]]", 6) == [0.1, 0.1, 0.1, 1, 1, 1]
    assert over("[[1, 0], [2, 1], [3, 0]]", 4) == [0, 1, 0, 0]


def test_a_ramp_is_even_and_begins_at_the_weight_before() -> None:
    assert over("[[1, 0.2], [3, 1, 3]]", 7) == [0.2, 0.2, 0.4, 0.6, 0.8, 1, 1]
    assert over("[[1, 1, 1]]", 3) == [0.5, 1, 1]
    assert over("[[1, 3], [2, 0, 2], [4, 9]]", 4) == [3, 2, 1, 9]


@pytest.mark.parametrize("name", WEIGHTS)
def test_every_weight_may_have_steps(name: str) -> None:
    settings = made(f"losses.{name}=[[1, 0], [11, 1e-1]]")
    assert getattr(settings.losses, name) == (WeightStep(1, 0.0), WeightStep(11, 0.1))


def test_a_later_layer_replaces_all_steps(tmp_path: Path) -> None:
    layers = [("a", {"losses": {"mccl": [[1, 1], [2, 3]]}}), ("b", {"losses": {"mccl": [[1, 5]]}})]
    assert make_settings(layers).losses.mccl == (WeightStep(1, 5.0),)
    assert make_settings([*layers, ("c", {"losses": {"mccl": 2}})]).losses.mccl == 2
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(make_settings(layers)))
    assert make_settings([("file", read_settings_file(path))]) == make_settings(layers)


def test_a_run_of_other_steps_is_another_run() -> None:
    assert differences(Settings(), made("losses.mccl=[[1, 0]]")) == {"losses.mccl": (0.0, [[1, 0.0, 0]])}
    assert differences(made("losses.own=[[1, 2]]"), made("losses.own=[[1, 2, 0]]")) == {}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("-1", "-1 is no weight; write a number from 0 up, or steps"),
        (".inf", "is no weight"),
        (".nan", "is no weight"),
        ("many", "write a number from 0 up, or steps .epoch, weight. such as"),
        ("true", "write a number"),
        ("", "write a number"),
        ("{1: 0.1}", "write a number from 0 up, or steps"),
        ("[]", "no steps"),
        ("[0.1, 1]", "0.1 is no step; write .epoch, weight."),
        ("[[1]]", "is no step"),
        ("[[1, 2, 3, 4]]", "is no step"),
        ("[[0, 1]]", "epochs count from 1"),
        ("[[1, 1, -1]]", "a ramp has 0 epochs or more"),
        ("[[1.5, 1]]", "the epoch and the ramp of a step are whole numbers"),
        ("[[2, 1]]", r"the first step is of epoch 2; begin with \[1, 0\]"),
        ("[[1, -1]]", "-1 is no weight"),
        ("[[1, 0.1], [9, 1], [5, 2]]", "epoch 5 comes after epoch 9; give the steps in their order"),
        ("[[1, 0.1], [1, 1]]", "epoch 1 comes after epoch 1"),
        ("[[1, 0.1, 10], [5, 1]]", "epoch 5 is within the ramp that begins in epoch 1"),
    ],
)
def test_what_is_no_weight_is_refused_in_one_line(value: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"^--set: setting losses.mccl: .*{message}") as caught:
        made(f"losses.mccl={value}")
    assert "\n" not in str(caught.value)


def test_a_term_acts_in_the_epochs_in_which_it_has_a_weight(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    run = tmp_path / "run"
    steps = {"losses.mccl": "[[1, 0], [2, 0.5, 1], [3, 0]]", "losses.homogeneous": "[[1, 1], [2, 0]]"}
    code, _, err = call(capfd, "run", labelled, "--out", run, *tiny_options(**steps))
    assert code == 0, err
    losses = [" ".join(line["losses"]) for line in metrics(run)[1:]]
    assert ["parts visible" in names for names in losses] == [False, True, False]
    assert ["neighbours visible" in names for names in losses] == [True, False, False]
    assert "losses.mccl" in (run / "report.html").read_text(encoding="utf-8")
    # The same command goes on; other steps are other settings; and both print in a comparison.
    assert call(capfd, "run", labelled, "--out", run, *tiny_options(**steps))[0] == 0
    code, _, err = call(capfd, "run", "--out", run, "--set", "losses.mccl=[[1, 0], [5, 1]]")
    assert code == 2
    assert "losses.mccl: [[1, 0.0, 0], [2, 0.5, 1], [3, 0.0, 0]] there, [[1, 0.0, 0], [5, 1.0, 0]] here" in err
    other = tmp_path / "other"
    assert call(capfd, "run", labelled, "--out", other, *tiny_options(**{"training.epochs": "1"}))[0] == 0
    for form in ("table", "markdown", "latex", "json"):
        code, out, err = call(capfd, "compare", run, other, "--format", form)
        assert code == 0, err
        assert "mccl" in out or form in ("markdown", "latex")
    code, _, err = call(capfd, "run", labelled, "--out", tmp_path / "bad", "--set", "losses.own=[[3, 1]]")
    assert code == 2
    assert "losses.own: the first step is of epoch 3" in error_line(err)
    assert not (tmp_path / "bad").exists()
