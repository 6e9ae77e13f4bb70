"""The page as text: the templates filled in, the style sheet, the scripts and the data inside."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any

from markupsafe import Markup

import usvireid
from usvireid.quality.pictures import DATA_PREFIX
from usvireid.quality.rendering import page_environment

_SCRIPTS = ("theme.js", "strips.js", "people.js", "map.js")


def rendered(context: Mapping[str, Any]) -> str:
    """The whole page.

    The scripts stand inside it and are named in its content security policy by their digest, so that a browser runs
    nothing else and loads nothing at all, whatever a file name may hold.
    """
    script = "\n".join(_read(name) for name in _SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    feature_map = context["map"]
    data = {
        "prefix": DATA_PREFIX,
        "pictures": context["album"].pictures,
        "paths": context["paths"],
        "people": context["people"],
        "map": None if feature_map is None else feature_map.data,
    }
    return (
        page_environment()
        .get_template("report.html.j2")
        .render(
            written=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
            version=usvireid.__version__,
            script=Markup(script),
            script_digest=f"sha256-{digest}",
            data=data,
            **context,
        )
    )


def _read(name: str) -> str:
    return (files("usvireid.quality") / "templates" / name).read_text(encoding="utf-8")
