import json

import pytest

from tests.test_cli import call, error_line

Captured = pytest.CaptureFixture[str]
SMALL = ("--set", "encoder.name=resnet18", "--set", "encoder.width=8", "--no-speed")


def test_the_summary_of_an_encoder_as_table_and_as_json(capfd: Captured) -> None:
    code, out, err = call(capfd, "encoder", "summary", *SMALL, "--size", "64x32")
    assert code == 0, err
    assert "resnet18, one crop of 64 x 32" in out
    assert "stem infrared" in out
    code, out, _ = call(capfd, "encoder", "summary", *SMALL, "--set", "encoder.mpfr.use=true", "--json")
    found = json.loads(out)
    assert (found["height"], found["width"], found["speed"]) == (288, 144, None)
    assert found["parts"]["injection"]["multiply_adds"] > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--size", "288"], "--size 288: write it as HEIGHTxWIDTH"),
        (["--size", "288x2"], "setting data.width: "),
        (["--set", "encoder.nam=a"], "did you mean 'encoder.name'?"),
        (["--config", "none"], "no config 'none'"),
    ],
)
def test_bad_arguments_are_said_in_one_line(capfd: Captured, arguments: list[str], said: str) -> None:
    code, _, err = call(capfd, "encoder", "summary", "--no-speed", *arguments)
    assert code == 2
    assert said in error_line(err)
