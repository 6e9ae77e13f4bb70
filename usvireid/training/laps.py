"""Where the time of training steps goes, told apart by marks between the parts of a step."""

from __future__ import annotations

import time

import torch


class Laps:
    """A clock with a mark at the end of each part; all parts of one name are added up.

    On a CPU the marks are readings of a clock. On a GPU they are events in its queue of work, which are read at the
    end: within an epoch nothing waits for them, and what is measured is how long the device took from one mark to the
    next. So a wait for data counts there only where the device had nothing left to do.

    Args:
        device: where the steps are computed.
    """

    def __init__(self, device: torch.device) -> None:
        self.clock = "GPU events" if device.type == "cuda" else "wall clock"
        self._device = device
        self._marks: list[tuple[str | None, torch.cuda.Event]] = []
        self._seconds: dict[str, float] = {}
        self._last: float | None = None

    def begin(self) -> None:
        """Forget what has passed since the last mark: it belongs to no part."""
        if self._device.type == "cuda":
            self._mark(None)
        else:
            self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """A part has ended: what has passed since the last mark is its time."""
        if self._device.type == "cuda":
            self._mark(name)
            return
        now = time.perf_counter()
        if self._last is not None:
            self._seconds[name] = self._seconds.get(name, 0.0) + now - self._last
        self._last = now

    def seconds(self) -> dict[str, float]:
        """Seconds of every part so far. On a GPU this waits until its queue has passed the last mark."""
        if self._marks:
            self._marks[-1][1].synchronize()
        for (_, before), (name, event) in zip(self._marks, self._marks[1:], strict=False):
            if name is not None:
                self._seconds[name] = self._seconds.get(name, 0.0) + before.elapsed_time(event) / 1000
        self._marks = self._marks[-1:]
        return dict(self._seconds)

    def _mark(self, name: str | None) -> None:
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # PyTorch gives it no types
        event.record(torch.cuda.current_stream(self._device))
        self._marks.append((name, event))
