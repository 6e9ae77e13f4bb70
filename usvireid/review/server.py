"""The page over HTTP, for the person at this machine and nobody else.

It listens on the loopback interface only. Every path begins with a secret key, so that other users of the machine get
nothing. Requests that name another host (a foreign name made to point here, DNS rebinding) and requests that another
site's page sends are refused; what changes something needs a token besides, which only this page is given. The page may
load nothing from elsewhere and nothing else may frame it.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from typing import Final, TypeVar

from flask import Blueprint, Flask, Response, abort, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from usvireid.errors import UsvireidError
from usvireid.review.address import LOOPBACK
from usvireid.review.answers import StaleAnswer
from usvireid.review.pictures import MEDIA_TYPE, Pictures
from usvireid.review.session import Deed, RefusedAnswer, Session

TOKEN_HEADER: Final = "X-Review-Token"

_LARGEST_REQUEST = 2**20
_Value = TypeVar("_Value")
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


def make_app(session: Session, pictures: Pictures, key: str) -> Flask:
    """The application.

    Args:
        session: the questions and the answers.
        pictures: of the crops that the questions are about.
        key: what every path begins with.
    """
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_REQUEST
    app.register_blueprint(_pages(session, pictures, secrets.token_hex(16)), url_prefix=f"/{key}")
    app.before_request(_refuse_strangers)
    app.after_request(_with_headers)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(UsvireidError, lambda error: _error(str(error), 500))
    return app


def _pages(session: Session, pictures: Pictures, token: str) -> Blueprint:
    pages = Blueprint(
        "review", __name__, static_folder="static", static_url_path="/static", template_folder="templates"
    )

    @pages.get("/")
    def page() -> str:
        return render_template("review.html", title=session.title)

    @pages.get("/state")
    def state() -> Response:
        return jsonify({**session.state(), "token": token, "tasks": len(session.tasks)})

    @pages.get("/task/<int:number>")
    def task(number: int) -> Response:
        return jsonify(_found(lambda: session.question(number, whole="whole" in request.args)))

    @pages.get("/picture/<int:row>")
    def picture(row: int) -> Response:
        return Response(_found(lambda: pictures.of(row)), mimetype=MEDIA_TYPE)

    @pages.post("/answer")
    def answer() -> tuple[Response, int] | Response:
        if not hmac.compare_digest(request.headers.get(TOKEN_HEADER, "").encode(), token.encode()):
            return _error("The server was started anew; this page is up to date now. Look again.", 403)
        try:
            deed = _deed(_sent(), session.digest)
            given = session.do(deed)
        except StaleAnswer as error:
            return _error(str(error), 409)
        except RefusedAnswer as error:
            return _error(str(error), 422)
        about = session.task_of(given.undoes if given.undoes is not None else given.number)
        return jsonify({"number": given.number, "text": session.said(given), "task": about, "state": session.state()})

    return pages


def _sent() -> object:
    """The JSON of the request; what is nested deeper than Python reads is no answer."""
    try:
        return request.get_json()
    except RecursionError:
        raise RefusedAnswer("This is no answer.") from None


def _deed(content: object, digest: str) -> Deed:
    """What the page sent, checked.

    Raises:
        RefusedAnswer: it is something else.
        StaleAnswer: it is about other questions than are asked now.
    """
    if not isinstance(content, dict):
        raise RefusedAnswer("This is no answer.")
    if content.get("digest") != digest:
        raise StaleAnswer("The questions have changed; your answer was not taken. Look again.")
    numbers = {name: content.get(name, default) for name, default in (("after", 0), ("task", -1), ("partner", -1))}
    picked, undoes = content.get("picked", []), content.get("undoes")
    wrong = (
        not isinstance(content.get("action"), str)
        or any(type(value) is not int for value in numbers.values())
        or not isinstance(picked, list)
        or any(type(row) is not int for row in picked)
        or (undoes is not None and type(undoes) is not int)
    )
    if wrong:
        raise RefusedAnswer("This is no answer.")
    return Deed(content["action"], picked=tuple(picked), undoes=undoes, **numbers)


def _refuse_strangers() -> tuple[Response, int] | None:
    """Refuse whatever does not come from this page, or from a person who opens it."""
    port = request.environ["SERVER_PORT"]
    own = {f"{host}:{port}" for host in (LOOPBACK, "localhost")}
    if request.headers.get("Host") not in own:
        return _error("This page is reached by the address that the terminal shows.", 403)
    origin = request.headers.get("Origin")
    changes = request.method not in ("GET", "HEAD")
    if (changes or origin is not None) and origin != f"http://{request.headers['Host']}":
        return _error("Requests of other sites are refused.", 403)
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    opened = site in ("none", "same-origin") or (site in ("cross-site", "same-site") and _is_opened())
    return None if opened else _error("Requests of other sites are refused.", 403)


def _is_opened() -> bool:
    """Whether a person follows a link to the page; it shows nothing to the site that the link is on."""
    return request.method == "GET" and request.headers.get("Sec-Fetch-Mode") == "navigate"


def _with_headers(response: Response) -> Response:
    response.headers.update(_HEADERS)
    return response


def _found(look: Callable[[], _Value]) -> _Value:
    try:
        return look()
    except IndexError:
        abort(404)


def _http_error(error: HTTPException) -> tuple[Response, int]:
    return _error(error.name, error.code or 500)


def _error(message: str, code: int) -> tuple[Response, int]:
    return jsonify({"error": message}), code
