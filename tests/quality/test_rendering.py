"""Foreign text in a page."""

import json

import pytest
from markupsafe import Markup

from usvireid.quality.rendering import data_block, drawable, page_environment

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--",
    "]]>",
    "a\"b'c&amp;",
    "line\nbreak\r",
    "\udcff\ud800",
    "\u202eabc",
]


def test_what_cannot_stand_in_a_file_is_written_out():
    assert drawable("a\nb\x00\udcff\ufffe") == "a\nb\\x00\\xff\\ufffe"


@pytest.mark.parametrize("text", HOSTILE)
def test_data_cannot_leave_their_element(text):
    block = data_block({text: [text, 1.5, None, True, {"deep": text}]})
    assert not set("<>&") & set(block) and block.isascii() and isinstance(block, Markup)
    assert json.loads(block)[drawable(text)][0] == drawable(text)


def test_numbers_that_are_no_json_are_refused():
    with pytest.raises(ValueError, match="JSON compliant"):
        data_block([float("nan")])


@pytest.mark.parametrize("text", HOSTILE)
def test_templates_escape_text_and_attributes(text):
    template = page_environment().from_string('<p title="{{ text }}">{{ text | shown }}</p>{{ markup }}')
    page = template.render(text=text, markup=Markup("<b>"))
    page.encode("utf-8")
    assert page.count("<") == 3 and page.count('"') == 2
