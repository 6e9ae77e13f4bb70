"""What `usvireid search` does, and what it and `usvireid index` show on the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from usvireid import names
from usvireid.display import Display
from usvireid.errors import UsageError
from usvireid.files import output_file, write_atomically
from usvireid.printable import shown
from usvireid.search.encode import AUTO, IndexEncoder
from usvireid.search.index import Index, open_index
from usvireid.search.page import bins_of, search_page
from usvireid.search.query import Query, VideoPlace, from_index, read_image, understand
from usvireid.search.reliability import Bin
from usvireid.search.search import Found, search
from usvireid.search.thresholds import Refusal
from usvireid.search.words import chance_text, span_text

_SEARCH_PAGE = "search.html"


def search_index(
    folder: Path,
    text: str,
    *,
    modality: str,
    top: int,
    rate: float | None,
    query_modality: str,
    box: str | None,
    detector: str,
    device: str,
    report: Path | None,
    display: Display,
) -> Found:
    """Search an index and write the page, if one is wanted.

    Args:
        folder: the index.
        text: QUERY: an image file, VIDEO:TIME, the path of a crop or the name of a track.
        modality: what is searched: visible, infrared or any.
        top: tracklets wanted.
        rate: false-match rate of a threshold; None: none.
        query_modality: of an image or video: visible, infrared or auto.
        box: left,top,width,height of the person in the frame of a video; None: who is detected there.
        detector: who detects people in a video.
        device: of the encoder.
        report: HTML file to write; None: none.
        display: where to show what happens.

    Raises:
        UsvireidError: whatever is wrong with any of these, in one line.
    """
    if query_modality not in (AUTO, *names.MODALITIES):
        raise UsageError(f"--query-modality {query_modality}: use {AUTO}, {' or '.join(names.MODALITIES)}.")
    index = open_index(folder)
    target = None if report is None else output_file(report, _SEARCH_PAGE, "--report")
    query = _query(index, text, query_modality, box, detector, device)
    found = search(index, query, modality, top, rate)
    for fact in query.facts:
        display.say(f"{query.title}: {fact}")
    if isinstance(found.threshold, Refusal):
        display.warn(found.threshold.sentence())
    if target is not None:
        write_atomically(target, search_page(found, index))
        display.say(f"report: {target}")
    return found


def _query(index: Index, text: str, modality: str, box: str | None, detector: str, device: str) -> Query:
    asked = understand(text, index)
    if isinstance(asked, Path):
        content = read_image(asked, index)
        if not isinstance(content, int):
            _refuse_box(box, text)
            encoder = IndexEncoder(index, device)
            return encoder.query(encoder.pixels(content, asked), modality, asked.name)
        asked = content
    if isinstance(asked, VideoPlace):
        from usvireid.search.video import query_in_video

        return query_in_video(asked, IndexEncoder(index, device), modality, box, detector)
    _refuse_box(box, text)
    return from_index(asked, index)


def _refuse_box(box: str | None, text: str) -> None:
    if box is not None:
        raise UsageError(f"--box {box}: names a person in a frame of a video, and {text} is none; leave it out.")


def show_found(found: Found, display: Display) -> None:
    """The result for the terminal."""
    _print(display, f"{found.query.title}: the first {len(found.matches)} of {found.searched:,} tracklets")
    display.result(_table(found))
    if found.why_not is not None:
        _print(display, f"No chance is given: {found.why_not}.")
    if found.faint is not None:
        _print(display, f"All chances are small: {found.faint}.")
    if found.threshold is not None and not isinstance(found.threshold, Refusal):
        _print(display, f"* False-match rate {found.threshold.rate:g}: {found.threshold.sentence()}.")


def _print(display: Display, text: str) -> None:
    display.output.print(Text(shown(text)), soft_wrap=True)


def _table(found: Found) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in (
        "",
        "tracklet",
        "modality",
        "seen",
        "crops",
        "alike",
        "chance" if found.why_not is None else "score",
    ):
        table.add_column(column, justify="left" if column in ("tracklet", "modality", "seen") else "right")
    for match in found.matches:
        cells = [
            f"{'*' if match.passes else ''}{match.rank}",
            match.tracklet,
            match.modality,
            span_text(match),
            str(len(match.crops)),
            f"{match.similarity:.2f}",
            chance_text(match.chance) or f"{match.score:.1f}",
        ]
        table.add_row(*(Text(shown(cell)) for cell in cells))
    return table


def say_index(index: Index, display: Display) -> None:
    """What `usvireid index` has to say at its end: counts, and whether the chances are right where that is known."""
    facts = index.facts
    left_out = f", {facts['left_out']:,} could not be read and are left out" if facts["left_out"] else ""
    display.say(
        f"{index.folder}: {facts['crops']:,} crops in {facts['tracklets']:,} tracklets{left_out}; "
        f"encoder after epoch {facts['epoch']} of {facts['run']}"
    )
    if index.why_not is not None:
        display.say(f"no calibrated chance: {index.why_not}")
        return
    display.say(
        f"chances learnt without labels; known all the same: {facts['known_same']:,} tracks cut in two are one person, "
        f"{facts['known_different']:,} pairs of tracks are two people"
    )
    found = bins_of(facts)
    if found:
        display.result(_reliability_table(found))


def _reliability_table(found: dict[str, list[Bin]]) -> Table:
    table = Table(title="Are the chances right? Of the pairs that are known", title_justify="left")
    for column in ("modality", "said", "so", "95 % confidence", "one person", "two people"):
        table.add_column(column, justify="left" if column == "modality" else "right")
    for modality, bins in found.items():
        for one in bins:
            between = f"{one.low:.1%} to {one.high:.1%}"
            table.add_row(
                modality, f"{one.chance:.1%}", f"{one.share:.1%}", between, f"{one.same:,}", f"{one.different:,}"
            )
    return table
