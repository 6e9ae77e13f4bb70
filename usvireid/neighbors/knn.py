"""Exact nearest neighbours, the same on every machine and back end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from usvireid.errors import DataError, UsageError
from usvireid.neighbors import probe
from usvireid.neighbors.backends import FAISS_GPU_LARGEST_WIDTH, torch_scores
from usvireid.neighbors.candidates import Candidates, ReducedPrecisionError, nearest
from usvireid.neighbors.coarse import LARGEST_SQUARE, Coarse, coarse, float32_is_slow, leaves_few
from usvireid.neighbors.distances import squared_norms
from usvireid.neighbors.shared import FAISS_CPU, FAISS_GPU, TORCH_CPU, TORCH_CUDA, candidate_width, shared_search
from usvireid.neighbors.tensors import full_float32, one_thread_each

logger = logging.getLogger(__name__)

AUTO = "auto"
BACKENDS = (FAISS_GPU, TORCH_CUDA, FAISS_CPU, TORCH_CPU)

_LARGEST_SQUARED_LENGTH = 5e37
"""Squared distances of longer rows would overflow float32."""


@dataclass(frozen=True)
class Neighbors:
    """The nearest rows of every row.

    `ids` is int64, N x K: row numbers, the nearest first; the row itself is among them unless more than K rows are
    equal to it. `distances` is float32, N x K: squared Euclidean distances, 2 - 2 cos on unit rows. Neighbours stand in
    the order of (distance, id).

    Raises:
        ValueError: another dtype or shape, an id that is no row or stands in a row twice, a negative distance or NaN,
            or another order.
    """

    ids: np.ndarray
    distances: np.ndarray

    def __post_init__(self) -> None:
        ids, distances = self.ids, self.distances
        if ids.dtype != np.int64 or distances.dtype != np.float32 or ids.ndim != 2 or ids.shape != distances.shape:
            raise ValueError(
                "neighbors must be int64 ids and float32 distances of one shape N x K; "
                f"got {ids.dtype} {ids.shape} and {distances.dtype} {distances.shape}"
            )
        count, width = ids.shape
        if width > count:
            raise ValueError(f"{count} rows cannot have {width} neighbors each")
        if not width:
            return
        if ids.min() < 0 or ids.max() >= count:
            raise ValueError(f"neighbor ids must be row numbers from 0 to {count - 1}; got {ids.min()} to {ids.max()}")
        if not (distances[:, 0] >= 0).all():
            raise ValueError("neighbor distances must be numbers >= 0")
        step, next_id = distances[:, 1:] - distances[:, :-1], ids[:, 1:] > ids[:, :-1]
        bad = np.flatnonzero(~((step > 0) | ((step == 0) & next_id)).all(axis=1))
        if len(bad):
            raise ValueError(f"the neighbors of row {bad[0]} are not in the order of (distance, id)")
        ordered = np.sort(ids, axis=1)
        twice = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
        if len(twice):
            raise ValueError(f"row {twice[0]} has the same neighbor twice")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def width(self) -> int:
        """K, the number of neighbours of each row."""
        return int(self.ids.shape[1])


def knn(
    values: np.ndarray, k: int, *, backend: str = AUTO, device: str = AUTO, block_bytes: int = 256 * 2**20
) -> Neighbors:
    """The k nearest rows of every row, itself included, by squared Euclidean distance. Exact.

    All back ends give identical ids and distances: each only proposes candidates, which are measured in one common
    arithmetic (float64, rounded to float32 once) and ordered by (distance, id).

    Args:
        values: float32 or float16, N x D, D >= 1; finite. Rows need not be of unit length.
        k: neighbours wanted, at least 1; min(k, N) are delivered.
        backend: "faiss-gpu", "torch-cuda", "faiss-cpu", "torch-cpu", or "auto" for the fastest there is.
        device: "cpu", "cuda" (all GPUs), "cuda:1", or "auto" for whatever the back end uses.
        block_bytes: bound on the blocks of a search. Beside them, `values` and the result it holds its candidates: on
            the CPU 32 (k + 16) bytes a row, and in bfloat16 as much as `values` once more.

    Raises:
        UsageError: the back end or device is not there; the message says what to install or choose.
        DataError: a value is NaN, infinite or too large to be squared; the message names the row.
        ReducedPrecisionError: the program or machine computes products in less than float32.
    """
    if k < 1 or block_bytes < 1:
        raise ValueError(f"k and block_bytes must be at least 1, got {k} and {block_bytes}")
    values = checked_values(values)
    count = len(values)
    if count == 0:
        return Neighbors(ids=np.empty((0, 0), dtype=np.int64), distances=np.empty((0, 0), dtype=np.float32))
    k = min(k, count)
    chosen, gpus = choose_backend(backend, device, k)
    logger.info("k-NN of %d x %d features, k = %d: %s", count, values.shape[1], k, _describe(chosen, gpus))
    first = torch.device("cuda", gpus[0]) if gpus else torch.device("cpu")
    with full_float32(), one_thread_each():
        for search in _searches(values, k, chosen, gpus, block_bytes):
            try:
                ids, distances = nearest(values, search(), k, lambda: torch_scores(values, first), block_bytes)
                return Neighbors(ids=ids, distances=distances)
            except ReducedPrecisionError as error:
                if backend == FAISS_GPU:
                    raise
                failure = error
                logger.warning("%s", error)
    raise failure


def checked_values(values: np.ndarray) -> np.ndarray:
    """The same values as contiguous float32.

    Raises:
        ValueError: not a float16 or float32 matrix with a column.
        DataError: a value is NaN, infinite or too large to be squared.
    """
    if values.ndim != 2 or values.shape[1] < 1 or values.dtype not in (np.float16, np.float32):
        raise ValueError(f"features must be float32 or float16, N x D with D >= 1; got {values.dtype} {values.shape}")
    values = np.ascontiguousarray(values, dtype=np.float32)
    bad = np.flatnonzero(~(squared_norms(values) < _LARGEST_SQUARED_LENGTH))
    if len(bad):
        what = "is too large to be squared" if np.isfinite(values[bad[0]]).all() else "holds NaN or infinity"
        raise DataError(
            f"features: row {bad[0]} {what} ({len(bad)} such rows); correct or remove the crops of these rows."
        )
    return values


def choose_backend(backend: str, device: str, k: int) -> tuple[str, list[int]]:
    """The back end to use and the numbers of its GPUs (empty on the CPU).

    Raises:
        UsageError: what is asked for is not there.
    """
    if backend not in (AUTO, *BACKENDS):
        raise UsageError(f"unknown k-NN back end '{backend}'; use one of auto, {', '.join(BACKENDS)}.")
    gpus = _gpus(device)
    if backend in (TORCH_CPU, FAISS_CPU):
        if device not in (AUTO, "cpu"):
            raise UsageError(f"the k-NN back end {backend} runs on the CPU, not on device '{device}'; use device cpu.")
        if backend == FAISS_CPU and not probe.has_faiss():
            raise UsageError("the k-NN back end faiss-cpu needs FAISS: pip install faiss-cpu, or use torch-cpu.")
        return backend, []
    if backend == AUTO and not gpus:
        return TORCH_CPU, []
    if not gpus:
        why = "device is cpu" if device == "cpu" else "PyTorch sees none"
        raise UsageError(f"the k-NN back end {backend} needs a CUDA GPU, and {why}; use auto or torch-cpu.")
    if backend == TORCH_CUDA:
        return backend, gpus
    fits = candidate_width(k) <= FAISS_GPU_LARGEST_WIDTH
    if fits and probe.faiss_gpus() > max(gpus):
        return FAISS_GPU, gpus
    if backend == FAISS_GPU:
        why = "no FAISS here searches on this GPU; install faiss-gpu" if fits else f"k = {k} is too large for it"
        raise UsageError(f"the k-NN back end faiss-gpu cannot be used: {why}, or use torch-cuda.")
    return TORCH_CUDA, gpus


def _gpus(device: str) -> list[int]:
    if device == "cpu":
        return []
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == AUTO or (device == "cuda" and count):
        return list(range(count))
    name, _, number = device.partition(":")
    if name == "cuda" and number.isdigit() and int(number) < count:
        return [int(number)]
    raise UsageError(f"no device '{device}': PyTorch sees {count} CUDA GPUs; use auto, cpu, cuda or cuda:NUMBER.")


def _describe(backend: str, gpus: list[int]) -> str:
    return f"{backend} on GPU {', '.join(map(str, gpus))}" if gpus else backend


def _searches(
    values: np.ndarray, k: int, backend: str, gpus: list[int], block_bytes: int
) -> Iterator[Callable[[], Candidates]]:
    """The searches of a back end, each to be tried if the one before is found to be imprecise."""

    def search(kind: str, rounded: Coarse | None = None) -> Callable[[], Candidates]:
        return lambda: shared_search(values, k, kind, gpus, block_bytes, rounded)

    if backend == FAISS_GPU:
        yield search(FAISS_GPU)
    if backend in (FAISS_GPU, TORCH_CUDA):
        yield search(TORCH_CUDA)
    if backend == FAISS_CPU:
        yield search(FAISS_CPU)
    if backend == TORCH_CPU:
        if float32_is_slow(values) and squared_norms(values).max() <= LARGEST_SQUARE:
            rounded = coarse(values)
            if leaves_few(rounded, k):
                yield search(TORCH_CPU, rounded)
        yield search(TORCH_CPU)
