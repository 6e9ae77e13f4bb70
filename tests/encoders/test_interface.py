"""The example that the interface gives, and what is refused of an encoder of one's own."""

import textwrap
from pathlib import Path

import pytest
import torch

from tests.conftest import tiny_options
from tests.test_cli import call, error_line
from usvireid.config import Settings
from usvireid.encoders import interface
from usvireid.encoders.interface import Encoder
from usvireid.encoders.make import make_encoder
from usvireid.errors import UsageError, UsvireidError
from usvireid.training.checkpoint import latest_checkpoint


def example() -> str:
    """The indented lines of the interface's docstring."""
    text = interface.__doc__ or ""
    lines = [line for line in text.splitlines() if not line or line.startswith("    ")]
    return textwrap.dedent("\n".join(lines)).strip() + "\n"


def settings_for(path: Path) -> Settings:
    return Settings.model_validate({"encoder": {"name": str(path)}, "data": {"height": 32, "width": 16}})


def made(tmp_path: Path, code: str) -> Encoder:
    path = tmp_path / "mine.py"
    path.write_text(code)
    return make_encoder(settings_for(path))


def test_the_example_runs(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, labelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("colours.py").write_text(example())
    options = tiny_options(**{"encoder.name": "colours.py", "training.epochs": "1", "options": "{width: 12}"})
    code, _, err = call(capfd, "run", labelled, "--out", "run", *options)
    assert code == 0, err
    checkpoint = latest_checkpoint(tmp_path / "run" / "checkpoints")
    assert checkpoint is not None
    assert checkpoint.tensors["encoder.project.weight"].shape == (12, 3)
    monkeypatch.chdir(labelled)
    code, _, err = call(capfd, "evaluate", tmp_path / "run")
    assert code == 0, err


def test_the_example_is_deterministic_and_makes_no_use_of_the_trial(tmp_path: Path) -> None:
    torch.manual_seed(3)
    one = made(tmp_path, example())
    after = torch.get_rng_state()
    torch.manual_seed(3)
    assert torch.equal(one.state_dict()["project.weight"], made(tmp_path, example()).state_dict()["project.weight"])
    assert torch.equal(after, torch.get_rng_state())
    assert one.training
    assert int(one.state_dict()["neck.num_batches_tracked"]) == 0
    assert list(one.published()) == []


def test_weights_for_an_encoder_that_reads_none_are_refused(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, folders: Path
) -> None:
    path = tmp_path / "colours.py"
    path.write_text(example())
    options = tiny_options(**{"encoder.name": str(path), "encoder.weights": "w.pth"})
    code, _, err = call(capfd, "run", folders, "--out", tmp_path / "run", *options)
    assert code == 2
    assert "a Colours reads no weights file" in error_line(err)


FORWARD = "return self.neck(self.project(maps.mean(dim=(2, 3))))"
ROWS = "maps = cat([images[name].float() / 255 for name in MODALITIES if name in images])"
RETURN = 'return Colours(settings.options.get("width", 16))'


@pytest.mark.parametrize(
    ("replaced", "by", "message"),
    [
        (
            "def make(settings)",
            "def build(settings)",
            r"mine\.py: the encoder has to define make\(settings\); make is missing",
        ),
        ("import cat, nn", "import dog", r"mine\.py: the encoder cannot be imported: ImportError: .*dog"),
        (RETURN, "return nn.Linear(3, 16)", r"make\(settings\) returned a Linear; it has to return an usvireid"),
        (RETURN, "return Colours()", r"mine\.py: make\(settings\) failed: TypeError: .*width.* \(line 18\)"),
        ("def forward", "def backward", r"make\(settings\) failed: TypeError: .*abstract.* \(line 18\)"),
        (RETURN, "raise Exception('no such luck')", r"make\(settings\) failed: Exception: no such luck \(line 18\)"),
        ("self.width = width", "pass", r"returned a Colours; .* with the attribute width"),
        ("self.width = width", "self.width = 5", r"returned pooled as float32 2 x 16; it has to be float32 2 x 5"),
        (
            "nn.Linear(3, width)",
            "nn.Linear(4, width)",
            r"forward failed, given two .*3 x 32 x 16.*RuntimeError.* \(line 15\)",
        ),
        (FORWARD, "return self.project(maps.mean(dim=(2, 3)))", "returned a Tensor; it has to be an usvireid"),
        (FORWARD, "return self.neck(self.project(maps.mean(dim=(0, 2, 3))[None]))", "as float32 1 x 16"),
        (
            FORWARD,
            FORWARD.replace("maps.", "(maps / 0 - maps / 0)."),
            "returned pooled with values that are not finite",
        ),
        (
            FORWARD,
            FORWARD[:-1] + ", maps=maps[:1])",
            "returned extra 'maps' as float32 1 x 3 x 32 x 16; it has to be a",
        ),
        (ROWS, "maps = cat([value.float() for value in images.values()])", "rows have to be the visible crops first"),
        (ROWS, ROWS + "; maps = maps - maps.mean(dim=0)", "crops must not see each other"),
        ("if name in images", "", r"forward failed, given two infrared crops .* no visible one: KeyError: 'visible'"),
    ],
)
def test_what_the_interface_does_not_allow_is_one_line(tmp_path: Path, replaced: str, by: str, message: str) -> None:
    assert example().count(replaced) == 1
    with pytest.raises(UsageError, match=message) as refused:
        made(tmp_path, example().replace(replaced, by))
    assert "\n" not in str(refused.value)


def test_features_that_are_not_unit_rows_are_refused(tmp_path: Path) -> None:
    code = example().replace("import Encoder", "import Encoded, Encoder")
    longer = code.replace(FORWARD, "rows = self.project(maps.mean(dim=(2, 3))) + 9; return Encoded(rows, rows, rows)")
    with pytest.raises(UsageError, match=r"returned features of length .*; they have to be unit rows"):
        made(tmp_path, longer)


def test_a_refusal_reaches_the_terminal(capfd: pytest.CaptureFixture[str], tmp_path: Path, folders: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(example().replace("self.width = width", "self.width = 5"))
    code, _, err = call(capfd, "run", folders, "--out", tmp_path / "run", *tiny_options(**{"encoder.name": str(path)}))
    assert code == 2
    assert "float32 2 x 16" in error_line(err)
    code, _, err = call(
        capfd, "run", folders, "--out", tmp_path / "other", *tiny_options(**{"encoder.name": "none.py"})
    )
    assert code == 2
    assert "none.py: no such file (encoder)" in error_line(err)


PARAMETERS = "self.neck = Neck(width)"


@pytest.mark.parametrize(
    ("replaced", "by", "message"),
    [
        (FORWARD, "raise type('Odd', (Exception,), {})('x')", r"mine\.py: forward failed, .*: Odd: x \(line 15\)"),
        (FORWARD, "raise StopIteration", r"failed.*: StopIteration"),
        (RETURN, "import sys; sys.exit(0)", r"make\(settings\) failed: SystemExit: 0 \(line 18\)"),
        (PARAMETERS, PARAMETERS + "; self.requires_grad_(False)", "no parameter that learns"),
        (PARAMETERS, PARAMETERS + "; self.more = nn.LazyLinear(4)", r"parameter 'more\.weight' has no shape yet"),
    ],
)
def test_an_encoder_that_ends_the_program_or_cannot_learn_is_refused(
    tmp_path: Path, replaced: str, by: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        made(tmp_path, example().replace(replaced, by))


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("raise KeyError('boom')", r"mine\.py: forward failed: KeyError: 'boom' \(line 15\)"),
        ("return None", r"mine\.py: for 3 crops forward returned a NoneType"),
        ("maps = maps[:2]; " + FORWARD, r"for 3 crops forward returned pooled as float32 2 x 16"),
        ("maps = maps.detach(); self.requires_grad_(False); " + FORWARD, "features without a gradient"),
    ],
)
def test_what_goes_wrong_only_in_training_names_the_file(tmp_path: Path, by: str, message: str) -> None:
    code = example().replace(FORWARD, f"if self.training: {by}\n        {FORWARD}")
    encoder = made(tmp_path, code)
    images = {"visible": torch.zeros(3, 3, 32, 16)}
    encoder.eval()
    assert encoder(images).features.shape == (3, 16)
    encoder.train()
    with pytest.raises(UsvireidError, match=message):
        encoder(images)


def test_an_encoder_that_grows_a_buffer_in_training_stops_before_its_checkpoint(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, labelled: Path
) -> None:
    path = tmp_path / "mine.py"
    grown = "self.training and self.register_buffer('seen', maps.mean())"
    path.write_text(example().replace(FORWARD, f"{grown}\n        {FORWARD}"))
    code, _, err = call(capfd, "run", labelled, "--out", tmp_path / "run", *tiny_options(**{"encoder.name": str(path)}))
    assert code == 1, err
    assert "tensor 'seen' is a number after training and was missing before" in error_line(err)
