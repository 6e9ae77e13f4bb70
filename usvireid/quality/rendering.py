"""Text on its way into a page: escaped by the templates, and nothing in it that misleads a reader or breaks a file."""

from __future__ import annotations

import json
import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from usvireid.printable import escaped, shown

_UNENCODABLE = re.compile("[\ud800-\udfff]")
_UNDRAWABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def page_environment() -> Environment:
    """Jinja as every page of this package needs it: everything escaped, unknown names refused, any text writable.

    The filter `shown` is `shown`; the filter `data` is `data_block`.
    """
    environment = Environment(
        loader=PackageLoader("usvireid.quality"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: drawable(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )
    environment.filters["shown"] = shown
    environment.filters["data"] = data_block
    return environment


def drawable(text: str) -> str:
    r"""Text with what no UTF-8 file or XML can hold written as in Python, such as \x00."""
    return _UNDRAWABLE.sub(lambda found: escaped(found[0]), text)


def data_block(value: Any) -> Markup:
    """Plain values as JSON for the inside of a `script` element of type application/json.

    There, only what could end the element or begin a comment matters to the parser; it is written as JSON escapes, as
    is everything outside ASCII.
    """
    text = json.dumps(_writable(value), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _writable(value: Any) -> Any:
    """The same values; a lone surrogate would be JSON and yet no text."""
    if isinstance(value, str):
        return _UNENCODABLE.sub(lambda found: escaped(found[0]), value)
    if isinstance(value, dict):
        return {_writable(key): _writable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(inner) for inner in value]
    return value
