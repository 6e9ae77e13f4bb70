import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.conftest import tiny_options
from usvireid import __version__, cli


def call(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Run the command line in this process: exit code, standard output, standard error."""
    with pytest.raises(SystemExit) as stopped, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["usvireid", *map(str, arguments)])
        cli.main()
    out, err = capfd.readouterr()
    return int(stopped.value.code or 0), out, err


def error_line(err: str) -> str:
    """The one line of an error, asserting that there is exactly one and no traceback."""
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, err
    assert "Traceback" not in err
    return lines[0]


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['usvireid', '--help']\nfrom usvireid import cli\n"
        "try:\n    cli.main()\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'pandas', 'sklearn', 'scipy', 'numba', 'pydantic', 'faiss'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Commands:" in done.stdout
    assert "HEAVY []" in done.stdout


def test_version(capfd: pytest.CaptureFixture[str]) -> None:
    assert call(capfd, "--version")[:2] == (0, f"usvireid {__version__}\n")


def test_lists_and_copies(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "hil" in call(capfd, "pipelines")[1]
    assert "demo" in call(capfd, "configs")[1]
    assert "learning_rate: 0.00035" in call(capfd, "configs", "--defaults")[1]
    assert call(capfd, "copy", "hil", tmp_path / "mine.py")[0] == 0
    code, _, err = call(capfd, "copy", "hil", tmp_path / "mine.py")
    assert code == 2
    assert "exists already" in error_line(err)


def test_doctor(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capfd, "doctor", "--json")
    found = json.loads(out)
    assert code == (0 if found["ok"] else 1)
    assert any(line["name"] == "k-NN torch-cpu" and line["ok"] for line in found["lines"])


def test_data_check(capfd: pytest.CaptureFixture[str], folders: Path) -> None:
    code, out, _ = call(capfd, "data", "check", folders, "--json")
    assert code == 0
    assert json.loads(out)["ok"] is True
    (folders / "visible" / "broken.jpg").write_text("not an image")
    code, out, _ = call(capfd, "data", "check", folders)
    assert code == 1
    assert "broken.jpg" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "say where the crops are"),
        (["run", "nowhere"], "nowhere: no such"),
        (["run", "nowhere", "--set", "neighbor.k1=3"], "unknown setting 'neighbor'; did you mean 'neighbors'"),
        (["run", "nowhere", "--epochs", "many"], "--epochs"),
        (["run", "nowhere", "--config", "dmeo"], "no config 'dmeo'"),
        (["run", "nowhere", "--stage", "cluster,trian"], "setting stages"),
        (["walk"], "No such command 'walk'"),
        (["evaluate", "nowhere"], "not a run folder"),
        (["report", "nowhere"], "not a run folder"),
        (["compare", "a" * 300], "File name too long; give a shorter one"),
        (["data", "check", "nowhere"], "nowhere"),
        (["demo", "x", "--people", "3"], "--people"),
    ],
)
def test_usage_errors_are_one_line_and_exit_code_2(
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = call(capfd, *arguments)
    assert code == 2
    assert message in error_line(err)
    assert list(tmp_path.iterdir()) == []


def test_bad_data_is_one_line_and_exit_code_1(capfd: pytest.CaptureFixture[str], tmp_path: Path, folders: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    one = tmp_path / "one"
    (one / "visible").mkdir(parents=True)
    (folders / "visible" / "00_0.png").rename(one / "visible" / "a.png")
    manifests = {}
    for name, table in {
        "no_modality": pd.DataFrame({"path": ["a.png"]}),
        "unknown_modality": pd.DataFrame({"path": ["a.png"], "modality": ["sonar"]}),
        "missing_file": pd.DataFrame({"path": ["a.png", "b.png"], "modality": ["visible", "infrared"]}),
    }.items():
        manifests[name] = tmp_path / f"{name}.csv"
        table.to_csv(manifests[name], index=False)
    for data, message in (
        (empty, "empty"),
        (one, "infrared"),
        (manifests["no_modality"], "no column 'modality'"),
        (manifests["unknown_modality"], "unknown modality 'sonar'"),
        (manifests["missing_file"], "a.png"),
    ):
        code, _, err = call(capfd, "run", data, "--out", tmp_path / "run", *tiny_options())
        assert code in (1, 2), err
        assert message in error_line(err)


def test_weights_of_another_network(capfd: pytest.CaptureFixture[str], tmp_path: Path, folders: Path) -> None:
    import torch

    torch.save({"layer1.0.conv1.weight": torch.zeros(3, 3)}, tmp_path / "other.pth")
    options = tiny_options(**{"encoder.weights": str(tmp_path / "other.pth")})
    code, _, err = call(capfd, "run", folders, "--out", tmp_path / "run", *options)
    assert code == 1
    assert "other.pth" in error_line(err)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_output_folder(capfd: pytest.CaptureFixture[str], tmp_path: Path, folders: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    code, _, err = call(capfd, "run", folders, "--out", locked / "run", *tiny_options())
    assert code == 1
    assert "cannot be written to" in error_line(err)


def test_an_output_folder_that_cannot_be_made(capfd: pytest.CaptureFixture[str], tmp_path: Path, folders: Path) -> None:
    (tmp_path / "file").touch()
    code, _, err = call(capfd, "run", folders, "--out", tmp_path / "file" / "run", *tiny_options())
    assert code == 1
    assert "cannot be written to" in error_line(err)


def test_names_that_are_no_text_are_refused_before_work_begins(capfd: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capfd, "run", "nowhere", "--out", "o\udcff\udcfe")
    assert code == 2
    assert "o??: is not text (UTF-8)" in error_line(err)


def in_a_process(*arguments: object, **options: Any) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "usvireid.cli", *map(str, arguments)]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, **options)


def test_without_a_command_the_help_stands_as_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    for arguments in ((), ("data",)):
        code, _, err = call(capfd, *arguments)
        assert code == 2
        assert "error:" not in err
        assert "\nCommands:\n" in err


def test_a_terminal_that_knows_few_signs(folders: Path) -> None:
    done = in_a_process(
        "data", "check", folders, env={**os.environ, "PYTHONIOENCODING": "ascii"}, stdout=subprocess.PIPE
    )
    assert done.returncode == 0, done.stderr
    assert "48 crops" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_results_that_cannot_be_written(capfd: pytest.CaptureFixture[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = in_a_process("configs", "--defaults", stdout=full)
    assert done.returncode == 1
    assert "standard output cannot be written (No space left on device)" in error_line(done.stderr)


def test_what_nobody_thought_of_is_one_line_with_its_traceback_kept(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> None:
        raise ZeroDivisionError("one\ntwo")

    monkeypatch.setattr(cli, "_list", fail)
    monkeypatch.setattr(tempfile, "mkstemp", partial(tempfile.mkstemp, dir=tmp_path))
    code, _, err = call(capfd, "configs")
    assert code == 1
    (kept,) = tmp_path.iterdir()
    assert error_line(err) == f"error: unexpected ZeroDivisionError: one two; the traceback stands in {kept}."
    assert "in fail" in kept.read_text()
    monkeypatch.setenv("USVIREID_TRACEBACK", "1")
    monkeypatch.setattr(tempfile, "mkstemp", lambda **_: os.open(tmp_path / "gone" / "file", os.O_RDONLY))
    err = call(capfd, "configs")[2]
    assert "in fail" in err
    assert err.endswith("error: unexpected ZeroDivisionError: one two; USVIREID_TRACEBACK=1 shows the traceback.\n")


@pytest.mark.parametrize(("command", "goes_on"), [("configs", False), ("run", True)])
def test_what_is_said_when_it_is_stopped(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str, goes_on: bool
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_list", stop)
    monkeypatch.setattr("usvireid.run.begin", stop)
    code, _, err = call(capfd, command)
    assert code == 130
    assert ("the same command goes on" in error_line(err)) is goes_on


def test_settings_that_differ_are_capped(capfd: pytest.CaptureFixture[str], tmp_path: Path, folders: Path) -> None:
    assert call(capfd, "run", folders, "--out", tmp_path / "run", "--stage", "cluster", *tiny_options())[0] == 0
    code, _, err = call(capfd, "run", folders, "--out", tmp_path / "run", "--config", "folder")
    assert code == 2
    assert error_line(err).count(" there, ") == 5
    assert " more). Give another --out" in error_line(err)
