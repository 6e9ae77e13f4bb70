"""What a video file says of itself, and one clear line where it is none."""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from usvireid.errors import DataError, UsageError, UsvireidError

if TYPE_CHECKING:
    import av
    import av.container

FALLBACK_RATE: Final = 25.0
"""Frames a second where a file does not say."""
_RATES: Final = (0.01, 1000.0)
_ATTACHED_PICTURE: Final = 0x400
_NO_VIDEOS: Final = ("tty", "image2")
"""Formats by which FFmpeg plays texts and single pictures as videos; those of pictures in a pipe end in `_pipe`."""


@dataclass(frozen=True)
class VideoFacts:
    """What is known of a video before it is decoded.

    `width` and `height` (pixels) are of the pictures as they are meant to be seen: `rotation` (degrees against the
    clock, 0, 90, 180 or 270) has been applied. `frame_rate` is the nominal one, frames a second; `seconds` the length
    as the file has it, None where it does not say. `interlaced`: the first frame is marked so.
    """

    width: int
    height: int
    frame_rate: float
    seconds: float | None
    rotation: int
    interlaced: bool

    @property
    def frames(self) -> int | None:
        """About how many frames there are."""
        return None if self.seconds is None else max(1, round(self.seconds * self.frame_rate))


def pyav() -> Any:
    """PyAV.

    Raises:
        UsvireidError: it is not installed.
    """
    try:
        return importlib.import_module("av")
    except ImportError:
        raise UsvireidError("reading videos needs PyAV; install it with `pip install 'usvireid[video]'`.") from None


def open_video(path: Path) -> tuple[av.container.InputContainer, Any]:
    """An open container and its video stream.

    Raises:
        UsageError: no such file, or a folder.
        DataError: it cannot be read, is no video, or holds no pictures.
    """
    av = pyav()
    refuse_no_file(path)
    try:
        # The prefix keeps FFmpeg from taking a name with a colon for an address.
        container = av.open(f"file:{path}", metadata_errors="ignore")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if isinstance(error, av.error.InvalidDataError):
            raise DataError(
                f"{path}: not a video, or one that was cut off before its index was written; convert or remove it."
            ) from None
        raise DataError(f"{path}: cannot be read as a video ({_reason(error)}); convert or remove it.") from None
    name = container.format.name
    if name.endswith("_pipe") or name in _NO_VIDEOS:
        container.close()
        raise DataError(f"{path}: not a video but a {'text' if name == 'tty' else 'picture'}; remove it.")
    streams = [stream for stream in container.streams.video if not int(stream.disposition) & _ATTACHED_PICTURE]
    if not streams:
        heard = len(container.streams.audio) > 0
        container.close()
        raise DataError(f"{path}: holds {'sound but no pictures' if heard else 'no pictures'}; remove it.")
    return container, streams[0]


def refuse_no_file(path: Path) -> None:
    """See to it that there is a file that can be opened.

    Raises:
        UsageError: no such file, a folder, or a device.
        DataError: it may not be read, or it is empty.
    """
    try:
        if path.is_dir():
            raise UsageError(f"{path}: a folder; name the videos in it, for example '{path / '*.mp4'}'.")
        if not path.exists():
            raise UsageError(f"{path}: no such file; check the name of the video.")
        if not path.is_file():
            raise UsageError(f"{path}: no file but a device or pipe; record it into a file first.")
        with path.open("rb") as file:
            if not file.read(1):
                raise DataError(f"{path}: the file is empty; copy the recording anew, or remove it.")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the file.") from None


def probe(path: Path) -> VideoFacts:
    """Look at a video: its first frame is decoded.

    Raises:
        UsageError: no such file, or a folder.
        DataError: it is no video, or not one frame can be decoded.
    """
    errors = pyav().error.FFmpegError
    container, stream = open_video(path)
    with container:
        first = None
        try:
            for packet in container.demux(stream):
                try:
                    first = next(iter(packet.decode()), None)
                except errors:
                    continue
                if first is not None:
                    break
        except errors:
            pass  # the reading ends here, with a frame or without
        if first is None:
            raise DataError(f"{path}: holds no frame that can be decoded; copy the recording anew, or remove it.")
        turned = rotation_of(first)
        size = (first.height, first.width) if turned % 180 else (first.width, first.height)
        rate = frame_rate_of(stream)
        return VideoFacts(*size, rate, _seconds(container, stream, rate), turned, bool(first.interlaced_frame))


def rotation_of(frame: Any) -> int:
    """By how many degrees a decoded frame has to be turned against the clock; 0 where that is no right angle."""
    turned = int(frame.rotation) % 360
    return turned if turned % 90 == 0 else 0


def frame_rate_of(stream: Any) -> float:
    """Nominal frames a second of a stream."""
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and _RATES[0] <= float(rate) <= _RATES[1]:
            return float(rate)
    return FALLBACK_RATE


def _seconds(container: Any, stream: Any, rate: float) -> float | None:
    """The length that the file's header has; a file that was cut off may say more than it holds."""
    found = []
    if stream.duration:
        found.append(float(stream.duration * stream.time_base))
    if stream.frames:
        found.append(stream.frames / rate)
    if not found and container.duration:
        found.append(container.duration / 1_000_000)
    longest = max(found, default=0.0)
    return longest if longest > 0 and math.isfinite(longest) else None


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(str(text).split()) or type(error).__name__
