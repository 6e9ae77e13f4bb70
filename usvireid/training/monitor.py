"""What happened in an epoch: seconds per step, losses, messages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from scipy import sparse
from torch import Tensor

from usvireid.clustering.cluster import Clustered
from usvireid.display import Display
from usvireid.neighbors.choice import Searched
from usvireid.training.laps import Laps


@dataclass(frozen=True)
class Shown:
    """How one modality was clustered, as far as the recipe shows it: the result and, if handed over, the graph."""

    result: Clustered
    graph: sparse.csr_matrix | None


class Monitor:
    """Collects the facts of one epoch for its line in `metrics.jsonl`.

    Losses are summed on the device and read once, at the end: reading one in a step would make the host wait.

    Args:
        display: where warnings are shown.
        device: where the training steps are computed, for the clock that takes them apart.
    """

    def __init__(self, display: Display, device: torch.device | None = None) -> None:
        self.display = display
        self.laps = Laps(device or torch.device("cpu"))
        self.background: dict[str, float] = {}
        self.seconds: dict[str, float] = {}
        self.messages: list[str] = []
        self.images = 0
        self.eps: dict[str, float | None] = {}
        self.shown: dict[str, Shown] = {}
        self._inner = 0.0
        self._losses = _Means()
        self._notes = _Means()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add the time of a block to a step of the flow; a step within a step counts for itself alone."""
        start, outer = time.perf_counter(), self._inner
        self._inner = 0.0
        try:
            yield
        finally:
            whole = time.perf_counter() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + whole - self._inner
            self._inner = outer + whole

    def prepared(self, name: str, seconds: float) -> None:
        """Note what the thread that prepares batches was busy with; only that thread calls this."""
        self.background[name] = self.background.get(name, 0.0) + seconds

    def loss(self, name: str, value: Tensor) -> None:
        """Note a loss of one training step."""
        self._losses.add(name, value)

    def note(self, name: str, value: Tensor) -> None:
        """Note another number of one training step, such as a distance."""
        self._notes.add(name, value)

    def warn(self, message: str) -> None:
        """Note and show something a person should know."""
        self.messages.append(message)
        self.display.warn(message)

    def searched(self, modality: str, result: Searched) -> None:
        """Note and show what an approximate search for neighbours found; of an exact one there is nothing to say.

        Args:
            modality: visible or infrared.
            result: of the search among its crops.
        """
        remark = result.remark()
        if remark is None:
            return
        if result.poor:
            self.warn(f"{modality}: {remark}")
        else:
            self.messages.append(f"{modality}: {remark}")
            self.display.say(self.messages[-1])

    def clustered(self, modality: str, result: Clustered, graph: sparse.csr_matrix | None = None) -> None:
        """Note how a modality was clustered, and show what went wrong.

        Args:
            modality: visible or infrared.
            result: the clusters of its crops, in their order.
            graph: that they were found on; with it the quality of the clusters on the graph is measured.
        """
        self.eps[modality] = result.eps
        self.shown[modality] = Shown(result, graph)
        if result.problem is not None:
            self.warn(f"{modality}: {result.problem}")

    def losses(self) -> dict[str, float]:
        """The mean of every loss over the epoch's steps."""
        return self._losses.read()

    def notes(self) -> dict[str, float]:
        """The mean of every other number over the epoch's steps."""
        return self._notes.read()


class _Means:
    """Means of numbers by name, summed where they are computed."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, name: str, value: Tensor) -> None:
        value = value.detach()
        self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._counts[name] = self._counts.get(name, 0) + 1

    def read(self) -> dict[str, float]:
        return {name: float(total) / self._counts[name] for name, total in self._sums.items()}
