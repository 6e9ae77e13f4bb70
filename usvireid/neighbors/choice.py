"""The k-NN that the settings ask for: exact, or approximate for more crops than they name."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

import numpy as np

from usvireid.config import NeighborSettings
from usvireid.errors import UsageError
from usvireid.neighbors import probe
from usvireid.neighbors.approximate import GOOD_RECALL, knn_approximate
from usvireid.neighbors.knn import Neighbors, choose_backend, knn

_DIGITS = 4


@dataclass(frozen=True)
class Searched:
    """The neighbours of N rows, and whether they are the nearest.

    Attributes:
        neighbors: of every row.
        recall: share of the true neighbours that an approximate search found; None: the search was exact.
        sample: number of rows that the recall was measured on.
    """

    neighbors: Neighbors
    recall: float | None = None
    sample: int = 0

    def remark(self) -> str | None:
        """What a person has to know of an approximate search, in a line; None of an exact one."""
        if self.recall is None:
            return None
        found = f"approximate k-NN, recall {self.recall:.{_DIGITS}f} on {self.sample:,} crops"
        if not self.poor:
            return found
        return f"{found}, below {GOOD_RECALL}; a larger neighbors.approximate_above searches exactly"

    @property
    def poor(self) -> bool:
        """Whether it missed so many that clusters may be worse for it; judged by the figure that is shown."""
        return self.recall is not None and round(self.recall, _DIGITS) < GOOD_RECALL


def nearest_neighbors(values: np.ndarray, settings: NeighborSettings, device: str, seed: int) -> Searched:
    """The `settings.k1` nearest rows of every row of one modality, itself included.

    Exact by `knn`; with more rows than `settings.approximate_above`, by FAISS's inverted lists (`knn_approximate`).
    An approximate search is this process's alone, on its CPU; in an exact one all processes of a run share the work.

    Args:
        values: float32 or float16, N x D; finite.
        settings: k1, the back end of an exact search, and up to how many rows it is exact.
        device: of an exact search: "cpu", "cuda", "cuda:1" or "auto".
        seed: of an approximate search.

    Raises:
        UsageError: the back end, the device or FAISS is not there.
        DataError: a value is NaN, infinite or too large to be squared; the message names the row.
    """
    if settings.approximate_above is None or len(values) <= settings.approximate_above:
        return Searched(knn(values, settings.k1, backend=settings.backend, device=device))
    found = knn_approximate(values, settings.k1, seed=seed)
    return Searched(found.neighbors, found.recall, found.sample)


def searcher(settings: NeighborSettings, device: str) -> str:
    """Who searches, in words.

    Raises:
        UsageError: the back end or the device is not there.
    """
    exact, _ = choose_backend(settings.backend, device, settings.k1)
    if settings.approximate_above is None:
        return exact
    return f"{exact}, above {settings.approximate_above:,} crops approximately by FAISS's inverted lists"


def refuse_without_faiss(settings: NeighborSettings) -> None:
    """Say before any work is done that an approximate search is asked for and cannot be had.

    It is refused however few the crops are: their number is known only once all images have been looked at.

    Raises:
        UsageError: FAISS is asked for and not installed, or cannot be loaded.
    """
    if settings.approximate_above is None:
        return
    if not probe.has_faiss():
        raise UsageError(
            "neighbors.approximate_above: approximate k-NN needs FAISS, which is not installed: "
            "pip install faiss-cpu, or leave the setting out for exact k-NN."
        )
    try:
        importlib.import_module("faiss")
    except Exception as error:  # whatever a library that does not fit the machine may raise
        raise UsageError(
            f"neighbors.approximate_above: approximate k-NN needs FAISS, which does not load ({error}): "
            "install another build, or leave the setting out for exact k-NN."
        ) from error
