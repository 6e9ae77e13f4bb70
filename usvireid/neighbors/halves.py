"""Exact search on the CPU that computes each inner product once: <x, y> serves the row of x and the row of y."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from usvireid.neighbors.candidates import rounding_errors
from usvireid.neighbors.coarse import RELATIVE, Coarse
from usvireid.neighbors.compiled import worker_count
from usvireid.neighbors.distances import squared_norms
from usvireid.neighbors.pool import Pool
from usvireid.neighbors.tensors import as_tensor

_BAND, _SMALLEST = 1024, 64
"""A block is a band of rows and a band of columns, small enough for the caches of a core."""
_BYTES = 4
"""Of a product."""


@dataclass(frozen=True)
class _Search:
    """What the threads of a search share. Who offers a block holds the locks of its two bands.

    Attributes:
        left: rows of the blocks; the products with `right` are inner products in float32, distances in bfloat16.
        right: columns of the blocks.
        norms: squared lengths, float32, for inner products.
    """

    left: torch.Tensor
    right: torch.Tensor
    norms: np.ndarray
    best: Pool
    band: int
    locks: list[threading.Lock]

    def offer(self, block: torch.Tensor, top: int, left: int) -> None:
        """Offer a block to its rows and columns."""
        if block.dtype == torch.bfloat16:
            self.best.offer_distances(block.view(torch.int16).numpy(), top, left)
        else:
            self.best.offer_products(block.numpy(), self.norms, top, left)


def search_halves(
    values: np.ndarray,
    k: int,
    block_bytes: int,
    *,
    coarse: Coarse | None = None,
    band: int | None = None,
    share: tuple[int, int] = (0, 1),
) -> Pool:
    """The columns of every row that may be among its k nearest.

    Blocks of inner products on and above the diagonal, half of the whole matrix, are computed by `torch.mm` and offered
    to both of their ends. Each thread works on a block of its own, so callers hold PyTorch to one (`one_thread_each`).

    Args:
        values: float32, N x D, N >= 1.
        k: neighbours wanted, at most N.
        block_bytes: bound on the blocks of all threads together.
        coarse: `coarse(values)` to compute the products in bfloat16; in float32 if not given.
        band: rows of a block; `band_of(block_bytes)` if not given.
        share: (n, of): compute the n-th of `of` shares of the blocks, counted from 0.
    """
    workers = worker_count()
    band = band or band_of(block_bytes)
    locks = [threading.Lock() for _ in range(0, len(values), band)]
    if coarse is None:
        tensor, squares = as_tensor(values), squared_norms(values)
        best = Pool.empty(k, rounding_errors(np.sqrt(squares), values.shape[1]))
        search = _Search(tensor, tensor, squares.astype(np.float32), best, band, locks)
    else:
        best = Pool.empty(k, coarse.errors, RELATIVE)
        search = _Search(coarse.left, coarse.right, np.empty(0, dtype=np.float32), best, band, locks)
    blocks = iter(list(_blocks(len(locks)))[share[0] :: share[1]])
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(_work, search, blocks) for _ in range(workers)]:
            done.result()
    return search.best


def band_of(block_bytes: int) -> int:
    """The rows of a block that keep the blocks of all threads together within a bound."""
    return int(min(_BAND, max(_SMALLEST, (block_bytes / (_BYTES * worker_count())) ** 0.5)))


def _blocks(bands: int) -> Iterator[tuple[int, int]]:
    """The bands of rows and of columns of the blocks: the diagonal, what is beside it, and so on.

    So crops that stand side by side, often of one person, meet first and what comes later has a close limit to stay
    below; and threads that take one block after the other seldom want the same bands.
    """
    for offset in range(bands):
        for first in range(bands - offset):
            yield first, first + offset


def _work(search: _Search, blocks: Iterator[tuple[int, int]]) -> None:
    """Compute and offer the next block as long as there is one; the threads share the iterator."""
    band = search.band
    buffer = torch.empty(band * band, dtype=search.left.dtype)
    for upper, lower in blocks:
        rows, columns = search.left[upper * band : (upper + 1) * band], search.right[lower * band : (lower + 1) * band]
        block = buffer[: len(rows) * len(columns)].view(len(rows), len(columns))
        torch.mm(rows, columns.T, out=block)
        with search.locks[upper]:
            if upper == lower:
                search.offer(block, upper * band, lower * band)
                continue
            with search.locks[lower]:
                search.offer(block, upper * band, lower * band)
