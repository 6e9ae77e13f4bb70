"""Two fields of an interlaced frame made into a whole picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from usvireid.footage.probe import pyav


class Deinterlacer:
    """FFmpeg's bwdif: a whole picture out of two fields. It holds back one frame, and what is not marked is let through
    unless `every` frame is to be taken for interlaced."""

    def __init__(self, every: bool) -> None:
        self._graph: Any = None
        self._form: tuple[int, int, str] | None = None
        self._every = every

    def give(self, picture: Any) -> Iterator[Any]:
        """Take in the next decoded frame; what has become ready comes out."""
        form = picture.width, picture.height, picture.format.name
        if form != self._form:  # a graph is made for one size
            yield from self.rest()
            self._start(picture, form)
        self._graph.push(picture)
        yield from self._ready()

    def rest(self) -> Iterator[Any]:
        """What was held back."""
        if self._graph is not None:
            self._graph.push(None)
            yield from self._ready()

    def _start(self, picture: Any, form: tuple[int, int, str]) -> None:
        graph = pyav().filter.Graph()
        source = graph.add_buffer(
            width=picture.width, height=picture.height, format=picture.format, time_base=picture.time_base
        )
        kind = "all" if self._every else "interlaced"
        filtered = graph.add("bwdif", f"mode=send_frame:deint={kind}")
        sink = graph.add("buffersink")
        source.link_to(filtered)
        filtered.link_to(sink)
        graph.configure()
        self._graph, self._form = graph, form

    def _ready(self) -> Iterator[Any]:
        av = pyav()
        while True:
            try:
                yield self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
