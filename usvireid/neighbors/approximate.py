"""Approximate nearest neighbours, for more crops than an exact search can afford. A choice, never a fallback."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import torch

from usvireid.errors import UsageError
from usvireid.neighbors import probe
from usvireid.neighbors.backends import torch_scores
from usvireid.neighbors.candidates import nearest_of_rows
from usvireid.neighbors.distances import order_keys, pair_distances, split_keys
from usvireid.neighbors.knn import Neighbors, checked_values
from usvireid.neighbors.tensors import full_float32, one_thread_each

logger = logging.getLogger(__name__)

GOOD_RECALL = 0.95
"""A search that finds less is worth a warning."""
_ROWS_PER_LIST = 39
"""FAISS wants at least so many rows to place the centre of a list."""
_BLOCK_BYTES = 256 * 2**20


@dataclass(frozen=True)
class ApproximateNeighbors:
    """Neighbours that may miss some, and how many they miss.

    Attributes:
        neighbors: in the order of (distance, id), with exact distances.
        recall: share of the true neighbours that were found, measured on a sample.
        sample: number of rows it was measured on.
    """

    neighbors: Neighbors
    recall: float
    sample: int


def knn_approximate(
    values: np.ndarray,
    k: int,
    *,
    seed: int,
    lists: int | None = None,
    probes: int | None = None,
    sample: int = 1000,
) -> ApproximateNeighbors:
    """Nearest rows of every row by FAISS's inverted lists on the CPU, with the recall measured against exact search.

    The rows are divided into lists around centres found by k-means; a row is compared with the rows of the nearest
    lists only. What is found is measured in the arithmetic of `knn`, so the distances are exact. A row that finds fewer
    than k others is searched exactly.

    Args:
        values: float32 or float16, N x D, finite.
        k: neighbours wanted, at least 1; min(k, N) are delivered.
        seed: of the k-means and of the sample.
        lists: number of lists; by default the square root of N, or fewer where they would be small.
        probes: lists that are searched; by default an eighth of them.
        sample: rows to measure the recall on, at least 1.

    Raises:
        UsageError: FAISS is not installed.
        DataError: a value is NaN, infinite or too large to be squared; the message names the row.
    """
    if k < 1 or sample < 1 or (lists is not None and lists < 1) or (probes is not None and probes < 1):
        raise ValueError("k, sample, lists and probes must be at least 1")
    values = checked_values(values)
    if not probe.has_faiss():
        raise UsageError("approximate k-NN needs FAISS: pip install faiss-cpu, or use exact k-NN.")
    count = len(values)
    k = min(k, count)
    if count == 0:
        return ApproximateNeighbors(Neighbors(np.empty((0, 0), np.int64), np.empty((0, 0), np.float32)), 1.0, 0)
    lists, probes = _lists_and_probes(count, lists, probes)
    with full_float32(), one_thread_each():
        score = torch_scores(values, torch.device("cpu"))
        ids, distances = _search(values, k, lists, probes, seed)
        short = np.flatnonzero((ids < 0).any(axis=1))
        ids[short], distances[short] = nearest_of_rows(values, short, k, score, _BLOCK_BYTES)
        rows = np.sort(np.random.default_rng(seed).permutation(count)[:sample])
        exact, _ = nearest_of_rows(values, rows, k, score, _BLOCK_BYTES)
    own = count * np.arange(len(rows))[:, None]  # makes the ids of every row numbers of their own
    recall = float(np.isin(own + exact, own + ids[rows]).mean())
    message = "approximate k-NN of %d x %d features, k = %d, %d of %d lists: recall %.4f on %d rows"
    logger.info(message, *values.shape, k, probes, lists, recall, len(rows))
    return ApproximateNeighbors(Neighbors(ids, distances), recall, len(rows))


def _lists_and_probes(count: int, lists: int | None, probes: int | None) -> tuple[int, int]:
    if lists is None:
        lists = max(1, min(int(count**0.5), count // _ROWS_PER_LIST))
    lists = min(lists, count)
    return lists, min(lists, probes if probes is not None else max(1, lists // 8))


def _search(values: np.ndarray, k: int, lists: int, probes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids (int64, N x k, -1 where a row found too few) and distances (float32), in the order of (distance, id)."""
    import faiss

    centres = faiss.IndexFlatL2(values.shape[1])
    index = faiss.IndexIVFFlat(centres, values.shape[1], lists)
    index.cp.seed = seed % 2**31
    index.cp.min_points_per_centroid = 1
    index.nprobe = probes
    index.train(values)
    index.add(values)
    _, found = index.search(values, k)
    rows, columns = np.nonzero(found >= 0)
    keys = np.full(found.shape, np.uint64(0xFFFFFFFFFFFFFFFF), dtype=np.uint64)
    ids = found[rows, columns]
    keys[rows, columns] = order_keys(pair_distances(values, rows, ids), ids)
    keys.sort(axis=1)
    distances, ids = split_keys(keys)
    ids[(found < 0).any(axis=1)] = -1
    return ids, distances
