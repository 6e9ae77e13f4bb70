"""The page over HTTP: what it serves, and whom it refuses."""

import io
from typing import Any

import pytest
from PIL import Image

from usvireid.data.crops import Crops
from usvireid.review.answers import append_answer, read_answers
from usvireid.review.pictures import Pictures
from usvireid.review.session import Session

pytest.importorskip("flask", reason="needs the extra 'review'")
from flask.testing import FlaskClient

from tests.review.conftest import images_of
from usvireid.review.server import TOKEN_HEADER, make_app

BASE = "http://127.0.0.1:5000"
KEY = "0123456789abcdef" * 2


class Page:
    """What the page of a browser does."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.client: FlaskClient = make_app(session, Pictures(session.crops, images_of), KEY).test_client()
        self.state = self.get("state").get_json()

    def get(self, path: str, headers: dict[str, str] | None = None, base: str = BASE) -> Any:
        return self.client.get(f"/{KEY}/{path}", headers=headers, base_url=base)

    def post(self, changes: dict[str, Any] | None = None, headers: dict[str, str | None] | None = None) -> Any:
        deed = {"action": "confirm", "task": 0, "after": self.state["last"], "digest": self.state["digest"]}
        sent = {"Origin": BASE, TOKEN_HEADER: self.state["token"], **(headers or {})}
        kept = {name: value for name, value in sent.items() if value is not None}
        return self.client.post(f"/{KEY}/answer", json=deed | (changes or {}), headers=kept, base_url=BASE)


@pytest.fixture
def page(session: Session) -> Page:
    return Page(session)


def test_an_answer_is_written_and_the_new_state_comes_back(page: Page) -> None:
    response = page.post()
    assert response.status_code == 200
    content = response.get_json()
    assert (content["number"], content["task"], content["state"]["done"]) == (1, 0, [0])
    assert [answer.action for answer in read_answers(page.session.path)] == ["same"]


def test_the_page_escapes_its_title_and_names_no_other_place(page: Page) -> None:
    response = page.get("")
    text = response.get_data(as_text=True)
    assert "&lt;i&gt;run&lt;/i&gt;" in text
    assert "<i>run" not in text
    for path in ("static/review.js", "static/review.css"):
        assert path in text
        text += page.get(path).get_data(as_text=True)
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "innerHTML" not in text


@pytest.mark.parametrize("path", ["", "state", "task/0", "picture/0", "static/review.js", "nothing", "task/77"])
def test_every_answer_forbids_what_the_page_does_not_need(page: Page, path: str) -> None:
    headers = page.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:5000", "127.0.0.1", "127.0.0.1:80", "127.0.0.1.evil.example:5000", ""]
)
def test_a_foreign_name_that_points_here_gets_nothing(page: Page, host: str) -> None:
    for path in ("", "state", "picture/0"):
        response = page.client.get(f"/{KEY}/{path}", base_url=BASE, headers={"Host": host})
        assert response.status_code == 403
    assert page.get("state", base="http://localhost:5000").status_code == 200


def test_without_the_key_there_is_nothing(page: Page) -> None:
    for path in ("/", "/state", "/picture/0", f"/{KEY[:-1]}0/state", "/static/review.js"):
        assert page.client.get(path, base_url=BASE).status_code == 404


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "http://127.0.0.1:5001", "http://localhost:5000"]
)
def test_an_answer_that_another_site_sends_is_refused(page: Page, origin: str | None) -> None:
    assert page.post(headers={"Origin": origin}).status_code == 403
    assert read_answers(page.session.path) == []


@pytest.mark.parametrize("token", [None, "", "0" * 32, "é"])
def test_an_answer_without_the_token_is_refused(page: Page, token: str | None) -> None:
    assert page.post(headers={TOKEN_HEADER: token}).status_code == 403
    assert read_answers(page.session.path) == []


def test_other_sites_cannot_show_pictures_but_a_link_opens_the_page(page: Page) -> None:
    embedded = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert page.get("picture/0", embedded).status_code == 403
    assert page.get("picture/0", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}).status_code == 403
    assert page.get("picture/0", {"Sec-Fetch-Site": "same-origin"}).status_code == 200
    assert page.get("", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}).status_code == 200
    assert page.get("", {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}).status_code == 200
    assert page.get("state", {"Origin": "http://evil.example"}).status_code == 403


def test_two_pages_at_once(page: Page) -> None:
    other = Page(page.session)  # of another server even, with a token of its own
    assert page.post({"task": 1}, {TOKEN_HEADER: other.state["token"]}).status_code == 403
    assert page.post().status_code == 200
    late = other.post({"task": 1})
    assert late.status_code == 409
    assert "Look again" in late.get_json()["error"]
    assert len(read_answers(page.session.path)) == 1
    assert page.post({"task": 1, "after": 1}).status_code == 200


def test_answers_to_other_questions_are_refused(page: Page) -> None:
    assert page.post({"digest": "0" * 16}).status_code == 409
    assert read_answers(page.session.path) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"action": None},
        {"action": "no"},
        {"task": "0"},
        {"task": 1e9},
        {"task": True},
        {"after": None},
        {"picked": "0"},
        {"picked": [0.5]},
        {"action": "undo", "undoes": "1"},
        {"action": "undo", "undoes": 1},
        {"action": "junk", "picked": [9]},
    ],
)
def test_what_is_no_answer_is_refused(page: Page, changes: dict[str, Any]) -> None:
    assert page.post(changes).status_code in (409, 422)
    assert read_answers(page.session.path) == []


def test_text_that_is_no_json_and_too_much_of_it_are_refused(page: Page) -> None:
    headers = {"Origin": BASE, TOKEN_HEADER: page.state["token"]}
    send = page.client.post
    assert send(f"/{KEY}/answer", data="x", base_url=BASE, headers=headers).status_code == 415
    headers["Content-Type"] = "application/json"
    assert send(f"/{KEY}/answer", data="{", base_url=BASE, headers=headers).status_code == 400
    assert send(f"/{KEY}/answer", data="[]", base_url=BASE, headers=headers).status_code == 422
    assert send(f"/{KEY}/answer", data="[" * 200_000, base_url=BASE, headers=headers).status_code == 422
    assert send(f"/{KEY}/answer", data=" " * 2**21, base_url=BASE, headers=headers).status_code == 413
    assert page.get("answer").status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "picture/10",
        "picture/-1",
        "picture/../answers.py",
        "picture/..%2f..%2fsecret.txt",
        "picture/%2fetc%2fpasswd",
        "picture/visible/x.png",
        "static/../server.py",
        "static/..%2fserver.py",
        "static/%2e%2e/server.py",
        "static//etc/passwd",
        "task/99",
    ],
)
def test_nothing_but_the_crops_and_the_page_is_served(page: Page, path: str) -> None:
    assert page.get(path).status_code == 404


def test_a_picture_is_that_of_its_row(page: Page) -> None:
    for row in (0, 5, 9):
        response = page.get(f"picture/{row}")
        assert response.mimetype == "image/jpeg"
        with Image.open(io.BytesIO(response.data)) as image:
            assert image.size == (20, 40)
            assert abs(image.convert("RGB").getpixel((10, 20))[0] - 20 * row) < 4


def test_a_picture_whose_file_has_gone_or_is_none_comes_from_the_decoded_pixels(page: Page, crops: Crops) -> None:
    files = crops.files()
    files[3].unlink()
    files[4].write_text("<svg onload='alert(1)'/>")
    files[5].unlink()
    files[5].symlink_to("/etc/hostname")
    for row in (3, 4, 5):
        with Image.open(io.BytesIO(page.get(f"picture/{row}").data)) as image:
            assert image.size == (16, 32)


def test_a_damaged_file_of_answers_is_said(page: Page) -> None:
    append_answer(page.session.path, "junk", ["a"])
    page.session.path.write_text(page.session.path.read_text() + "what?\n")
    response = page.get("state")
    assert response.status_code == 500
    assert "line 3: no answer" in response.get_json()["error"]
