"""How far an ingest is, over recordings whose lengths are estimates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

_BYTES_A_FRAME: Final = 10_000
"""Where no length is known at all."""


class FrameProgress:
    """Tells of the frames of one recording; when it ends, as many as were estimated have been told of.

    Args:
        advance: told of frames done.
        estimate: of the recording's frames.
    """

    def __init__(self, advance: Callable[[int], None], estimate: int) -> None:
        self._advance, self._left = advance, estimate

    @staticmethod
    def estimates(frames: Sequence[int | None], files: Sequence[Path]) -> list[int]:
        """Frames of each recording: where the file does not say, by its size and what the others say of theirs."""
        sizes = [file.stat().st_size for file in files]
        known = [(count, size) for count, size in zip(frames, sizes, strict=True) if count is not None]
        rate = sum(count for count, _ in known) / max(1, sum(size for _, size in known)) or 1 / _BYTES_A_FRAME
        return [
            max(1, round(size * rate)) if count is None else count for count, size in zip(frames, sizes, strict=True)
        ]

    def watch(self, frames: int) -> None:
        """So many more frames are done."""
        told = min(frames, self._left)
        self._left -= told
        if told:
            self._advance(told)

    def __enter__(self) -> FrameProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._left:
            self._advance(self._left)
            self._left = 0
