"""The page of a search: one file, escaped, for light and dark."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.search.conftest import Indexed
from tests.test_cli import call
from usvireid.search.page import search_page
from usvireid.search.query import from_index
from usvireid.search.search import search

Captured = pytest.CaptureFixture[str]


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_the_page_is_one_file_that_loads_nothing(capfd: Captured, indexed: Indexed, tmp_path: Path) -> None:
    command = ("search", indexed.folder, "v0/t3", "--report", tmp_path / "out")
    code, _, err = call(capfd, *command, "--top", "7", "--false-match-rate", "0.2")
    assert code == 0, err
    assert [path.name for path in tmp_path.iterdir()] == ["out.html"]
    page = (tmp_path / "out.html").read_text()
    tags = Tags(page).seen
    assert not any(tag in ("script", "link", "iframe") for tag, _ in tags)
    sources = [facts["src"] or "" for tag, facts in tags if tag == "img"]
    assert len(sources) == 1 + 14
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert all(facts.get("alt") for tag, facts in tags if tag == "img")
    assert not re.search(r"https?://", page)
    assert "prefers-color-scheme: dark" in page
    assert page.count('<li class="row">') == 7
    assert page.count('class="plot"') == 2
    assert "False-match rate 0.2: 6 of 31" in page


def test_hostile_names_are_text(indexed: Indexed) -> None:
    index = indexed.index()
    query = from_index(index.tracklets.rows(0), index)
    bad = "<script>alert(1)</script>\"'&"
    found = search(index, replace(query, title=bad, facts=(bad,)), top=2)
    matches = tuple(
        replace(match, tracklet=bad, camera=bad, crops=(bad,) * len(match.crops)) for match in found.matches
    )
    page = search_page(replace(found, matches=matches), index).decode()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 6
    assert all(not key.startswith("on") for _, facts in Tags(page).seen for key in facts)


def test_without_chances_the_similarity_is_shown(indexed: Indexed) -> None:
    index = replace(indexed.index(), calibration=None)
    found = search(index, from_index(0, index), top=2)
    page = search_page(found, index).decode()
    assert "No chance is given" in page
    assert 'class="plot"' not in page
    assert f'<span class="chance">{found.matches[0].similarity:.2f}</span>' in page


def test_nothing_to_compare_with(indexed: Indexed) -> None:
    index = indexed.index()
    found = replace(search(index, from_index(0, index), top=1), matches=(), searched=0)
    assert "Nothing to compare with" in search_page(found, index).decode()
