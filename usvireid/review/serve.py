"""What `usvireid review` does: the questions about a run on a page of this machine, until Ctrl-C."""

from __future__ import annotations

import errno
import webbrowser
from pathlib import Path
from typing import Final

from usvireid import names
from usvireid.display import Display
from usvireid.doubts import examine_run
from usvireid.errors import UsageError, UsvireidError
from usvireid.review.address import Address, keep_address, last_address
from usvireid.review.answer import standing
from usvireid.review.answers import mend, read_answers, set_aside
from usvireid.review.pictures import Pictures
from usvireid.review.session import Session
from usvireid.review.tasks import questions
from usvireid.run import Run

_THREADS = 4
_SHOWN_OF_TORN = 60
_RESERVED: Final = 1024


def review_run(folder: Path, port: int, browser: bool, top: int, device: str | None, display: Display) -> None:
    """Serve the review of a run on the loopback interface until Ctrl-C.

    Args:
        folder: the run folder.
        port: to listen on; 0: that of the last review of this run, or any that is free.
        browser: open the page in the user's browser.
        top: at most so many questions.
        device: what the encoder computes on; None: as the run has it.
        display: where to say the address.

    Raises:
        UsageError: not a run folder, no labels yet, or a port that is taken or reserved.
        UsvireidError: the web server is not installed, or the folder cannot be written to.
    """
    if 0 < port < _RESERVED:
        raise UsageError(f"--port {port}: ports below {_RESERVED} are reserved; give another, or 0 for any.")
    try:
        from waitress.server import create_server

        from usvireid.review.server import LOOPBACK, make_app
    except ModuleNotFoundError as error:
        raise UsvireidError(f"review needs {error.name}; install it with: pip install 'usvireid[review]'.") from None
    session, pictures = open_session(folder, top, device, display)
    last = last_address(folder)
    app = make_app(session, pictures, last.key)
    for wanted in [port] if port else [last.port, 0]:
        try:
            server = create_server(app, host=LOOPBACK, port=wanted, threads=_THREADS)
            break
        except OSError as error:
            if port or error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise UsageError(f"--port {wanted}: cannot be listened on ({error.strerror}); give another.") from None
    address = Address(int(server.effective_port), last.key)
    keep_address(folder, address)
    url = f"http://{LOOPBACK}:{address.port}/{address.key}/"
    display.say(f"{len(session.tasks)} questions, most doubtful first: {url} (Ctrl-C ends it)")
    if browser:
        webbrowser.open(url)
    server.run()
    held = len(standing(session.answers()))
    display.say(f"{session.path}: {held} answers; `usvireid run --out {folder}` uses them from its next epoch on")


def open_session(folder: Path, top: int, device: str | None, display: Display) -> tuple[Session, Pictures]:
    """The questions and answers of a run, and the pictures of its crops.

    A last answer that was cut off when a process was killed is set aside and said.

    Args:
        folder: the run folder.
        top: at most so many questions.
        device: what the encoder computes on; None: as the run has it.
        display: where to show progress.

    Raises:
        UsvireidError: not a run folder, no labels yet, its data are gone, or the answers are damaged.
    """
    path = Run.open(folder).reviews
    torn = mend(path)
    if torn:
        shown = torn[:_SHOWN_OF_TORN].decode(errors="replace")
        display.warn(f"{path}: the last line was cut off ({shown}...); kept in {set_aside(path).name}, give it again")
    held = standing(read_answers(path))
    seen = examine_run(folder, display, device)
    crops = seen.data.crops
    gone = {name for answer in held for name in answer.crops}.difference(crops.table[names.PATH])
    if gone:
        display.warn(f"{path}: {len(gone)} crops in the answers are gone from the data or unreadable; left out")
    tasks = questions(seen.labels, crops, seen.doubts(order="gain"), top)
    title = f"{folder.resolve().name}, {seen.run.latest_labels().stem.replace('_', ' ')}"
    return Session(path, crops, tasks, title), Pictures(crops, seen.data.images)
