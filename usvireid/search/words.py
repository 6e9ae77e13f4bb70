"""Numbers and times of a search as a person reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from usvireid.search.calibration import CEILING

if TYPE_CHECKING:
    from usvireid.search.search import Match


def chance_text(chance: float | None) -> str:
    """A chance in percent; nothing without one."""
    if chance is None:
        return ""
    if chance >= CEILING - 5e-4:
        return "> 99 %"
    return "< 1 %" if chance < 0.01 else f"{100 * chance:.0f} %"


def time_text(seconds: float) -> str:
    """Seconds since a camera's beginning: 12.5 s, 1:05.2, 2:01:05."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest // 10:02d}" if hours else f"{minutes}:{rest / 10:04.1f}"


def span_text(match: Match) -> str:
    """When a tracklet was seen: times, else frames, else nothing."""
    if match.first_time is not None and match.last_time is not None:
        first, last = time_text(match.first_time), time_text(match.last_time)
        return first if first == last else f"{first} to {last}"
    if match.first_frame is not None:
        frames = f"{match.first_frame}" + ("" if match.first_frame == match.last_frame else f" to {match.last_frame}")
        return f"frame {frames}"
    return ""
