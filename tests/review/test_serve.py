"""A run opened for review, and what is said where that cannot be."""

import io
import socket
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tests.conftest import write_finished_run, write_people
from usvireid.display import Display
from usvireid.errors import DataError, UsageError, UsvireidError
from usvireid.review.answers import append_answer, read_answers
from usvireid.review.serve import open_session, review_run
from usvireid.review.session import Deed
from usvireid.review.tasks import CLUSTER


def serve(run: Path, port: int, display: Display) -> None:
    review_run(run, port=port, browser=False, top=10, features=False, device="cpu", display=display)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_people(tmp_path / "people", people=4)
    return write_finished_run(tmp_path / "run", tmp_path / "people", [row // 4 % 4 for row in range(32)])


@pytest.fixture
def display() -> Display:
    return Display(Console(file=io.StringIO(), width=400))


def said(display: Display) -> str:
    assert isinstance(display.console.file, io.StringIO)
    return display.console.file.getvalue()


def test_the_questions_of_a_run_cover_every_cluster(run: Path, display: Display) -> None:
    session, pictures = open_session(run, 999, True, "cpu", display)
    assert sum(task.kind == CLUSTER for task in session.tasks) == 8
    assert len(pictures) == 32
    assert session.title == "run, epoch 002"
    assert [task.first.tolist() for task in open_session(run, 999, True, "cpu", display)[0].tasks] == [
        task.first.tolist() for task in session.tasks
    ]
    assert session.state()["current"]
    (run / "labels" / "epoch_003.csv").write_bytes((run / "labels" / "epoch_002.csv").read_bytes())
    assert not session.state()["current"]
    assert len(open_session(run, 3, False, "cpu", display)[0].tasks) == 3


def test_a_line_that_was_cut_off_and_crops_that_have_gone_are_said(run: Path, display: Display) -> None:
    file = run / "reviews.csv"
    append_answer(file, "same", ["visible/00_0.png", "visible/gone.png"])
    file.write_bytes(file.read_bytes() + b'"2","2026')
    session, _ = open_session(run, 10, False, "cpu", display)
    assert "the last line was cut off" in said(display)
    assert "gone from the data, or unreadable: 1" in said(display)
    assert session.do(Deed("confirm", 1, task=0)).number == 2
    assert len(read_answers(file)) == 2


def test_a_run_without_labels_and_damaged_answers_are_refused(run: Path, display: Display, tmp_path: Path) -> None:
    (run / "reviews.csv").write_text("number,path\n")
    with pytest.raises(DataError, match="line 1: not the header"):
        open_session(run, 10, False, "cpu", display)
    (run / "labels" / "epoch_002.csv").unlink()
    (run / "reviews.csv").unlink()
    with pytest.raises(UsageError, match="no labels yet"):
        open_session(run, 10, False, "cpu", display)
    with pytest.raises(UsageError, match="not a run folder"):
        open_session(tmp_path, 10, False, "cpu", display)


def test_ports_that_cannot_be_had(run: Path, display: Display) -> None:
    pytest.importorskip("waitress", reason="needs the extra 'review'")
    with pytest.raises(UsageError, match="reserved"):
        serve(run, 80, display)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="another program listens there"):
            serve(run, taken.getsockname()[1], display)


def test_without_the_web_server_a_line_says_how_to_get_it(
    run: Path, display: Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "waitress.server", None)
    with pytest.raises(UsvireidError, match=r"pip install 'usvireid\[review\]'"):
        serve(run, 0, display)
