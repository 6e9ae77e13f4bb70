"""Frames of a video in order, decoded ahead of whoever looks at them, in memory that does not grow with its length."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from usvireid.footage.clock import Clock
from usvireid.footage.deinterlace import Deinterlacer
from usvireid.footage.frames import Frame
from usvireid.footage.probe import VideoFacts, open_video, pyav

Deinterlace = Literal["auto", "always", "never"]

_AHEAD_BYTES: Final = 64 << 20
_AHEAD: Final = (2, 16)
"""Frames that wait, decoded, to be looked at: as many as fit into so many bytes, within these bounds."""
_WAIT: Final = 0.2
"""Seconds after which the decoder looks whether anybody still wants its frames."""


@dataclass(frozen=True)
class Reading:
    """How a video is read.

    Attributes:
        facts: of `probe`; frames of another size than `facts.width` x `facts.height` are scaled to it.
        frame_rate: where given, frames are that many a second whatever their time stamps say.
        every: only each n-th frame is shown, beginning with the first; the others are decoded and counted.
        deinterlace: auto: frames that are marked as interlaced; always: all of them.
    """

    facts: VideoFacts
    frame_rate: float | None = None
    every: int = 1
    deinterlace: Deinterlace = "auto"


@dataclass(frozen=True)
class Outcome:
    """What became of the reading of a video, as far as it has come.

    Attributes:
        frames: decoded ones, shown or not.
        seconds: from the first frame to the end of the last.
        damaged: places at which something could not be decoded.
        first_damage: the time of the first such place, in seconds.
        missing: seconds at the end that the file's header promises and that are not there.
        rescaled: frames that had another size than the first.
        deinterlaced: frames that were.
        uneven: the steps from frame to frame differ: a variable frame rate.
    """

    frames: int = 0
    seconds: float = 0.0
    damaged: int = 0
    first_damage: float = 0.0
    missing: float = 0.0
    rescaled: int = 0
    deinterlaced: int = 0
    uneven: bool = False


class Footage:
    """An iterator over the frames of a video, made by `decoded`; `outcome` is complete once it has come to its end."""

    def __init__(self, path: Path, reading: Reading) -> None:
        self.outcome = Outcome()
        facts = reading.facts
        fit = _AHEAD_BYTES // (3 * facts.width * facts.height)
        self._waiting: queue.Queue[Frame | Outcome | BaseException] = queue.Queue(min(max(fit, _AHEAD[0]), _AHEAD[1]))
        self._unwanted = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(path, reading), daemon=True, name="decoder")
        self._thread.start()

    def __iter__(self) -> Iterator[Frame]:
        """The frames; errors of the decoder's thread are raised here."""
        while True:
            found = self._waiting.get()
            if isinstance(found, BaseException):
                raise found
            if isinstance(found, Outcome):
                self.outcome = found
                return
            yield found

    def close(self) -> None:
        """Stop decoding and wait until the file is closed."""
        self._unwanted.set()
        while self._thread.is_alive():
            try:
                self._waiting.get(timeout=_WAIT)
            except queue.Empty:
                continue
        self._thread.join()

    def _work(self, path: Path, reading: Reading) -> None:
        decoder = _Decoder(path, reading)
        try:
            for frame in decoder.frames():
                if not self._hand_over(frame):
                    return
            self._hand_over(decoder.outcome)
        except BaseException as error:
            self._hand_over(error)

    def _hand_over(self, found: Frame | Outcome | BaseException) -> bool:
        while not self._unwanted.is_set():
            try:
                self._waiting.put(found, timeout=_WAIT)
            except queue.Full:
                continue
            return True
        return False


@contextmanager
def decoded(path: Path, reading: Reading) -> Iterator[Footage]:
    """The frames of a video, decoded in a thread of their own, a bounded number of them ahead.

    What is broken inside a video is left out and counted; what is cut off at its end is missing and said. Times are
    those of the time stamps, from 0 on; where these fall back, as in some joined recordings, time goes on.

    Raises:
        UsageError: no such file.
        DataError: it is no video.
    """
    footage = Footage(path, reading)
    try:
        yield footage
    finally:
        footage.close()


class _Decoder:
    """Decodes one video, in one pass and one thread, so that a damaged file gives the same frames every time."""

    def __init__(self, path: Path, reading: Reading) -> None:
        self.outcome = Outcome()
        self._path, self._reading = path, reading
        self._clock = Clock(reading.facts.frame_rate, reading.frame_rate)
        self._deinterlacer: Deinterlacer | None = None

    def frames(self) -> Iterator[Frame]:
        facts = self._reading.facts
        for picture in self._deinterlaced():
            number = self.outcome.frames
            time = self._clock.time(picture)
            odd = (picture.width, picture.height) != (
                (facts.height, facts.width) if facts.rotation % 180 else (facts.width, facts.height)
            )
            self.outcome = replace(self.outcome, frames=number + 1, rescaled=self.outcome.rescaled + odd)
            if number % self._reading.every == 0:
                yield Frame(number, time, _image(picture, facts))
        seconds = self._clock.end
        promised = facts.seconds or 0.0
        if self._reading.frame_rate is not None:
            promised *= facts.frame_rate / self._reading.frame_rate
        lost = promised - seconds
        missing = lost if lost > max(0.5, 3 * self._clock.period) else 0.0
        self.outcome = replace(self.outcome, seconds=seconds, missing=missing, uneven=self._clock.uneven)

    def _deinterlaced(self) -> Iterator[Any]:
        mode = self._reading.deinterlace
        for picture in self._pictures():
            if self._deinterlacer is None and (mode == "always" or (mode == "auto" and picture.interlaced_frame)):
                self._deinterlacer = Deinterlacer(every=mode == "always")
            if self._deinterlacer is None:
                yield picture
                continue
            self.outcome = replace(self.outcome, deinterlaced=self.outcome.deinterlaced + 1)
            yield from self._deinterlacer.give(picture)
        if self._deinterlacer is not None:
            yield from self._deinterlacer.rest()

    def _pictures(self) -> Iterator[Any]:
        errors = pyav().error.FFmpegError
        container, stream = open_video(self._path)
        with container:
            packets = container.demux(stream)
            while True:
                try:
                    packet = next(packets, None)
                except errors:
                    self._note_damage()
                    return
                if packet is None:
                    return
                try:
                    pictures = packet.decode()
                except errors:
                    self._note_damage()
                    continue
                for picture in pictures:
                    if picture.is_corrupt:
                        self._note_damage()
                    else:
                        yield picture

    def _note_damage(self) -> None:
        known = self.outcome
        first = known.first_damage if known.damaged else self._clock.end
        self.outcome = replace(known, damaged=known.damaged + 1, first_damage=first)


def _image(picture: Any, facts: VideoFacts) -> np.ndarray:
    """The pixels of a decoded frame, upright, uint8 H x W x 3."""
    size = (facts.height, facts.width) if facts.rotation % 180 else (facts.width, facts.height)
    image = picture.reformat(width=size[0], height=size[1], format="rgb24").to_ndarray()
    return np.ascontiguousarray(np.rot90(image, facts.rotation // 90)) if facts.rotation else np.asarray(image)
