"""A part of what is shared out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Portion:
    """Consecutive rows `start` to `stop` of `count`: what one process has of something."""

    start: int
    stop: int
    count: int

    def __len__(self) -> int:
        return self.stop - self.start

    @classmethod
    def whole(cls, count: int) -> Portion:
        """All rows."""
        return cls(0, count, count)
