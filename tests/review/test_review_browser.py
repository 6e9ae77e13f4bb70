"""The review as a person drives it: a real server, a real browser, and a server that is killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import write_finished_run, write_people
from usvireid.review.answer import Answer, standing
from usvireid.review.answers import read_answers

pytest.importorskip("flask", reason="needs the extra 'review'")
pytest.importorskip("waitress", reason="needs the extra 'review'")
webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")

HOSTILE = [
    "<img src=x onerror=window.owned=1>.png",
    "\"><svg onload='window.owned=2'>.png",
    "line\nfeed 'and quotes' ${window.owned=3}.png",
    "n" * 240 + ".png",
    "javascript:window.owned=4;.png",
]


class Served:
    """A run and the command that serves its review."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.file = run / "reviews.csv"
        self.process: subprocess.Popen[str] | None = None
        self.said: list[str] = []

    def start(self) -> str:
        command = [sys.executable, "-m", "usvireid.cli", "review", str(self.run), "--no-browser"]
        root = Path(__file__).resolve().parents[2]
        environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, cwd=root)
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if "http://127.0.0.1:" in line:
                return "http" + line.partition("http")[2].split()[0]
        raise AssertionError(f"the server did not start: {''.join(self.said)}")

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.communicate()
            self.process = None

    def answers(self) -> list[Answer]:
        return read_answers(self.file)


class Browser:
    """A person at the page."""

    def __init__(self, url: str) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver: Any = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
        self.driver.set_window_size(1200, 900)
        self.url = url
        self.open()

    def open(self) -> None:
        self.driver.get("about:blank")
        self.driver.get(self.url)
        self.wait(lambda: self.crops())

    def wait(self, done: Callable[[], Any], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, f"it never came; the page says: {self.text('body')}"
            time.sleep(0.02)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def text(self, selector: str) -> str:
        return str(self.driver.execute_script("return document.querySelector(arguments[0]).innerText", selector))

    def crops(self, attribute: str = "title") -> list[str]:
        script = "return [...document.querySelectorAll('.crop')].map(crop => crop.getAttribute(arguments[0]))"
        return list(self.driver.execute_script(script, attribute))

    def click(self, selector: str) -> None:
        self.driver.find_element("css selector", selector).click()

    def answer(self, key: str) -> int:
        """Press the key of an answer; returns the number it was saved as, once the page says so."""
        before = self.text("#saved")
        self.press(key)
        self.wait(lambda: self.text("#saved") not in ("", before))
        return int(self.text("#saved").removeprefix("Saved as answer ").partition(":")[0])

    def requests(self) -> set[str]:
        """Where the page has asked for anything."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
        return {each["request"]["url"] for each in sent}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    data = tmp_path / "people"
    write_people(data, people=5)
    (data / "visible" / "02_0.png").write_bytes((data / "visible" / "00_3.png").read_bytes())  # a stray among person 2
    identity = [person for _ in range(2) for person in range(5) for _ in range(4)]
    served = Served(write_finished_run(tmp_path / "run", data, identity))
    yield served
    served.kill()


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Served]:
    data = tmp_path / "people"
    write_people(data, people=3)
    for name, file in zip(HOSTILE, sorted((data / "visible").iterdir()), strict=False):
        file.rename(file.with_name(name))
    served = Served(write_finished_run(tmp_path / "<b>run", data, [row // 4 % 3 for row in range(24)]))
    yield served
    served.kill()


@pytest.fixture
def opened() -> Iterator[Callable[[str], Browser]]:
    browsers: list[Browser] = []

    def open_at(url: str) -> Browser:
        browsers.append(Browser(url))
        return browsers[-1]

    yield open_at
    for browser in browsers:
        browser.driver.quit()


def test_merge_split_confirm_undo_reload_and_a_killed_server(served: Served, opened: Callable[[str], Browser]) -> None:
    url = served.start()
    page = opened(url)
    questions = int(page.text("#progress").split()[-2])

    assert page.answer("c") == 1  # confirm
    assert page.answer("r") == 2  # reject
    page.press(webdriver.Keys.ARROW_RIGHT, " ")  # whatever was picked beforehand: pick one crop and no other
    page.press(webdriver.Keys.ESCAPE, " ")
    assert page.answer("s") == 3  # split
    page.press("m", "n")  # hold, and go to another
    page.wait(lambda: "Merge with held" in page.text("#actions"))
    assert page.answer("m") == 4  # merge
    assert [answer.action for answer in served.answers()][2:] == ["different", "same"]
    assert len(served.answers()[2].first) == 1
    assert page.answer("u") == 5  # undo the merge
    assert served.answers()[-1].undoes == 4

    page.open()  # reload
    assert page.text("#progress").startswith("3 answers, ")
    assert "1. " in page.text("#recent")
    assert "4. " not in page.text("#recent")

    served.kill()
    with served.file.open("ab") as file:
        file.write(b'"6","2026-01-01T00:00:00","same","[""vis')  # as if killed in the middle of a line
    page.press("c")
    page.wait(lambda: "not saved yet" in page.text("#notice"))
    assert len(read_answers(served.file)) == 5
    assert served.start() == url
    assert any("was cut off" in line for line in served.said)
    page.wait(lambda: "Saved as answer 6" in page.text("#saved"))
    assert page.text("#notice") == ""
    answers = served.answers()
    assert [answer.number for answer in answers] == [1, 2, 3, 4, 5, 6]
    assert (served.run / "reviews.csv.torn").read_bytes().startswith(b'"6",')

    told = [answer.number for answer in answers]
    for _ in range(8):
        told.append(page.answer("c"))
    page.press("c")
    served.kill()  # at any moment of writing the ninth
    found = [answer.number for answer in served.answers()]
    assert found[: len(told)] == told
    assert len(found) - len(told) in (0, 1)
    served.start()
    page.wait(lambda: f"{len(standing(read_answers(served.file)))} answers" in page.text("#progress"))
    page.open()
    assert page.text("#progress").startswith(f"{len(standing(served.answers()))} answers, ")
    assert int(page.text("#progress").split()[-2]) == questions


def test_two_browsers_at_once(served: Served, opened: Callable[[str], Browser]) -> None:
    url = served.start()
    one, other = opened(url), opened(url)
    assert one.answer("c") == 1
    other.press("c")
    other.wait(lambda: "your answer was not taken" in other.text("#notice"))
    assert other.text("#progress").startswith("1 answer, ")
    assert len(served.answers()) == 1
    other.press("o")
    other.wait(lambda: "answered" not in other.text("#place"))
    assert other.answer("c") == 2
    assert len(served.answers()) == 2


def test_hostile_names_a_mouse_and_a_screen_reader(hostile: Served, opened: Callable[[str], Browser]) -> None:
    axe = pytest.importorskip("axe_core_python.selenium", reason="needs axe-core-python").Axe()
    page = opened(hostile.start())
    for theme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": theme}
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        assert axe.run(page.driver)["violations"] == []
    page.press("?")
    assert page.driver.execute_script("return document.getElementById('help').open")
    assert axe.run(page.driver)["violations"] == []
    page.press("c")  # no answer while the help is open
    page.press(webdriver.Keys.ESCAPE)
    assert not hostile.answers()

    seen = set()
    for _ in range(int(page.text("#progress").split()[-2])):
        seen.update(page.crops())
        place = page.text("#place")
        page.click("[data-action=next]")
        page.wait(lambda place=place: page.text("#place") != place)
    assert {"visible/" + name.replace("\n", "\\n") for name in HOSTILE} <= seen
    assert page.driver.execute_script("return window.owned === undefined && document.scripts.length === 1")
    assert "<b>run" in page.text("h1")

    while "true" in page.crops("aria-pressed"):
        page.click(".crop[aria-pressed=true]")
    page.click(".crop")
    page.click("[data-action=junk]")
    page.wait(lambda: page.crops("aria-disabled")[0] == "true")
    assert [len(answer.first) for answer in hostile.answers()] == [1]
    assert axe.run(page.driver)["violations"] == []

    asked = page.requests() - {"about:blank"}
    assert asked
    assert all(address.startswith((page.url, "data:")) for address in asked), asked
    errors = [entry for entry in page.driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert errors == []
