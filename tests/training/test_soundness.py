"""An epoch that no other could go on from is not kept."""

from pathlib import Path

import pytest

from tests.conftest import tiny_options
from tests.test_cli import call, error_line

Captured = pytest.CaptureFixture[str]
RUN = ("--stage", "cluster,train")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"optimizer.learning_rate": "1e30"}, "no finite features"),
        ({"losses.own": "1e300"}, "weights are not finite any more"),
        ({"losses.own": "1e300", "training.steps": "2"}, "of the losses own visible, own infrared are not finite"),
    ],
)
def test_it_is_not_kept(capfd: Captured, tmp_path: Path, folders: Path, changes: dict[str, str], what: str) -> None:
    run = tmp_path / "run"
    options = tiny_options(**{"training.steps": "1", "optimizer.name": "sgd", **changes})
    code, _, err = call(capfd, "run", folders, "--out", run, *RUN, *options)
    assert code == 1
    assert what in error_line(err) and "nothing of this epoch was kept" in error_line(err)
    assert not list((run / "checkpoints").glob("epoch_*"))


def test_settings_may_change_until_something_was_done(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    run = tmp_path / "run"
    code, _, err = call(capfd, "run", labelled, "--out", run, *RUN, *tiny_options(), "--batch", "10")
    assert code == 2 and "set training.accumulate=2" in error_line(err)
    code, _, err = call(capfd, "run", labelled, "--out", run, *RUN, *tiny_options(**{"training.accumulate": "2"}))
    assert code == 0, err
    code, _, err = call(capfd, "run", labelled, "--out", run, *RUN, *tiny_options(**{"training.accumulate": "1"}))
    assert code == 2 and "holds a run of other settings" in error_line(err)
