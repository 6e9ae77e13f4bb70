"""Time stamps of decoded frames as seconds that never fall."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

_FALL: Final = 1.0
"""Seconds that time stamps may fall back before they are taken to have begun anew."""
_FEW: Final = 0.05
"""Share of uneven steps that a constant frame rate may have."""


class Clock:
    """Time stamps to seconds since the first frame, which never fall.

    Of the two stamps of a frame the one is believed that has fallen less often, as FFmpeg does: in some files (H.264
    in AVI) those of presentation are wrong.
    """

    def __init__(self, nominal: float, wanted: float | None) -> None:
        self.period = 1 / (wanted or nominal)
        self._by_number = wanted is not None
        self._presented, self._decoded = _Stamps(), _Stamps()
        self._count = self._odd = 0
        self._zero = self._last = 0.0

    @property
    def end(self) -> float:
        """Seconds from the first frame to the end of the last one so far."""
        return self._last + self.period if self._count else 0.0

    @property
    def uneven(self) -> bool:
        """Whether more than a few steps differ from the nominal one by half of it."""
        return self._odd > _FEW * self._count

    def time(self, picture: Any) -> float:
        """Seconds of the next frame."""
        stamp = self._stamp(picture)
        if self._by_number or stamp is None:
            now = self.end
        else:
            if not self._count:
                self._zero = stamp
            now = stamp - self._zero
            if now < self._last - _FALL:  # the stamps begin anew: go on from here by their differences
                self._zero, now = stamp - self.end, self.end
            now = max(now, self._last)
        if self._count:
            self._odd += abs(now - self._last - self.period) > self.period / 2
        self._count += 1
        self._last = now
        return now

    def _stamp(self, picture: Any) -> float | None:
        base: Fraction | None = picture.time_base
        if base is None:
            return None
        presented, decoded = self._presented.add(picture.pts), self._decoded.add(picture.dts)
        better = presented if self._presented.falls <= self._decoded.falls or decoded is None else decoded
        chosen = decoded if better is None else better
        return None if chosen is None else float(chosen * base)


class _Stamps:
    """Counts how often stamps of one kind do not rise."""

    def __init__(self) -> None:
        self.falls = 0
        self._last: int | None = None

    def add(self, stamp: int | None) -> int | None:
        if stamp is not None:
            self.falls += self._last is not None and stamp <= self._last
            self._last = stamp
        return stamp
