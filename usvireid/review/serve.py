"""What `usvireid review` does: the questions about a run on a page of this machine, until Ctrl-C."""

from __future__ import annotations

import socket
import webbrowser
from pathlib import Path
from typing import Final

from usvireid import names
from usvireid.display import Display
from usvireid.doubts import examine_run
from usvireid.errors import UsageError, UsvireidError
from usvireid.review.address import LOOPBACK, Address, keep_address, last_address
from usvireid.review.answer import standing
from usvireid.review.answers import mend, read_answers, set_aside
from usvireid.review.pictures import Pictures
from usvireid.review.session import Session
from usvireid.review.tasks import questions
from usvireid.run import Run

_THREADS = 4
_SHOWN_OF_TORN = 60
_RESERVED: Final = 1024


def review_run(
    folder: Path, *, port: int, browser: bool, top: int, features: bool, device: str | None, display: Display
) -> None:
    """Serve the review of a run on the loopback interface until Ctrl-C.

    Args:
        folder: the run folder.
        port: to listen on; 0: that of the last review of this run, or any that is free.
        browser: open the page in the user's browser.
        top: at most so many questions.
        features: extract the features that most doubts rest on.
        device: what the encoder computes on; None: as the run has it.
        display: where to say the address.

    Raises:
        UsageError: not a run folder, no labels yet, or a port that is taken or reserved.
        UsvireidError: the web server is not installed, or the folder cannot be written to.
    """
    _refuse_port(port)
    try:
        from waitress.server import create_server

        from usvireid.review.server import make_app
    except ModuleNotFoundError as error:
        raise UsvireidError(f"review needs {error.name}; install it with: pip install 'usvireid[review]'.") from None
    session, pictures = open_session(folder, top, features, device, display)
    last = last_address(folder)
    wanted = port or (last.port if _is_free(last.port) else 0)
    server = create_server(make_app(session, pictures, last.key), host=LOOPBACK, port=wanted, threads=_THREADS)
    address = Address(int(server.effective_port), last.key)
    keep_address(folder, address)
    url = f"http://{LOOPBACK}:{address.port}/{address.key}/"
    display.say(f"{len(session.tasks)} questions, most doubtful first: {url} (Ctrl-C ends it)")
    if browser:
        webbrowser.open(url)
    server.run()
    held = len(standing(session.answers()))
    display.say(f"{session.path}: {held} answers; `usvireid run --out {folder}` uses them from its next epoch on")


def open_session(
    folder: Path, top: int, features: bool, device: str | None, display: Display
) -> tuple[Session, Pictures]:
    """The questions and answers of a run, and the pictures of its crops.

    A last answer that was cut off when a process was killed is set aside and said.

    Args:
        folder: the run folder.
        top: at most so many questions.
        features: extract the features that most doubts rest on.
        device: what the encoder computes on; None: as the run has it.
        display: where to show progress.

    Raises:
        UsvireidError: not a run folder, no labels yet, its data are gone, or the answers are damaged.
    """
    run = Run.open(folder)
    path = run.reviews
    torn = mend(path)
    if torn:
        shown = torn[:_SHOWN_OF_TORN].decode(errors="replace")
        display.warn(f"{path}: the last line was cut off ({shown}...); kept in {set_aside(path).name}, give it again")
    held = standing(read_answers(path))
    seen = examine_run(folder, display, device, features)
    crops = seen.data.crops
    gone = {name for answer in held for name in answer.crops}.difference(crops.table[names.PATH])
    if gone:
        display.warn(f"{path}: crops in the answers that are gone from the data, or unreadable: {len(gone)}; left out")
    tasks = questions(seen.labels, crops, seen.doubts(order="gain"), top)
    asked_about = seen.run.latest_labels()
    title = f"{folder.resolve().name}, {asked_about.stem.replace('_', ' ')}"
    session = Session(path, crops, tasks, title, lambda: run.latest_labels() == asked_about)
    return session, Pictures(crops, seen.data.images)


def _refuse_port(port: int) -> None:
    """Say at once, not after minutes of extracting features, that a port cannot be had."""
    if 0 < port < _RESERVED:
        raise UsageError(f"--port {port}: ports below {_RESERVED} are reserved; give another, or 0 for any.")
    if not _is_free(port):
        raise UsageError(f"--port {port}: another program listens there; give another, or 0 for any.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
