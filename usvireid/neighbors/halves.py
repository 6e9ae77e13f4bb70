"""Exact search on the CPU that computes each inner product once: <x, y> serves the row of x and the row of y."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from usvireid.neighbors.candidates import Candidates, rounding_errors
from usvireid.neighbors.compiled import kernel, worker_count
from usvireid.neighbors.distances import squared_norms
from usvireid.neighbors.tensors import as_tensor

_BAND, _BANDS_ACROSS, _SMALLEST = 512, 4, 64
"""A block is a band of rows and up to four bands of columns."""
_BYTES = 12
"""Of each product: as computed, as float32, and both turned."""
_STRIP, _LANES = 256, 16
"""Scores that are looked at together before each is."""


@dataclass(frozen=True)
class _Search:
    """What the threads of a search share. Who changes the best of a band of rows holds the lock of that band."""

    tensor: torch.Tensor
    norms: np.ndarray
    best: Candidates
    band: int
    locks: list[threading.Lock]


def search_halves(
    values: np.ndarray,
    width: int,
    block_bytes: int,
    *,
    coarse: np.ndarray | None = None,
    band: int | None = None,
    share: tuple[int, int] = (0, 1),
) -> Candidates:
    """The `width` columns of smallest score of every row.

    Blocks of inner products on and above the diagonal, half of the whole matrix, are computed by `torch.mm` and offered
    to both of their ends. Each thread works on a block of its own, so callers hold PyTorch to one (`one_thread_each`).

    Args:
        values: float32, N x D, N >= 1.
        width: columns to find, at most N.
        block_bytes: bound on the blocks of all threads together.
        coarse: `coarse_errors(values)` to compute the products in bfloat16; in float32 if not given.
        band: rows of a block; `band_of(block_bytes)` if not given.
        share: (n, of): compute the n-th of `of` shares of the blocks, counted from 0; one may find less than `width`
            columns for a row, and leaves places of score infinity.
    """
    count, workers = len(values), worker_count()
    band = band or band_of(block_bytes)
    # An unfilled place has an infinite score, so that any column replaces it.
    best = Candidates(
        ids=np.full((count, width), -1, dtype=np.int32),
        scores=np.full((count, width), np.inf, dtype=np.float32),
        errors=rounding_errors(values) if coarse is None else coarse,
    )
    locks = [threading.Lock() for _ in range(0, count, band)]
    tensor = as_tensor(values).to(torch.float32 if coarse is None else torch.bfloat16)
    search = _Search(tensor, squared_norms(values).astype(np.float32), best, band, locks)
    blocks = iter(_blocks(count, band)[share[0] :: share[1]])
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(_work, search, blocks) for _ in range(workers)]:
            done.result()
    return best


def band_of(block_bytes: int) -> int:
    """The rows of a block that keep the blocks of all threads together within a bound."""
    return int(min(_BAND, max(_SMALLEST, (block_bytes / (_BYTES * _BANDS_ACROSS * worker_count())) ** 0.5)))


def _blocks(count: int, band: int) -> list[tuple[int, int, int, int]]:
    """Top, bottom, left and right of the blocks; those on the diagonal, computed whole, are one band wide."""
    wide = band * _BANDS_ACROSS
    blocks = []
    for top in range(0, count, band):
        bottom = min(top + band, count)
        blocks.append((top, bottom, top, bottom))
        blocks += [(top, bottom, left, min(left + wide, count)) for left in range(bottom, count, wide)]
    return blocks


def _work(search: _Search, blocks: Iterator[tuple[int, int, int, int]]) -> None:
    """Compute and offer the next block as long as there is one; the threads share the iterator."""
    band, best = search.band, search.best
    buffer = torch.empty(band * band * _BANDS_ACROSS, dtype=search.tensor.dtype)
    for top, bottom, left, right in blocks:
        block = buffer[: (bottom - top) * (right - left)].view(bottom - top, right - left)
        torch.mm(search.tensor[top:bottom], search.tensor[left:right].T, out=block)
        with search.locks[top // band]:
            _offer(block.float().numpy(), search.norms, best.scores, best.ids, top, left)
        if left == top:
            continue
        turned = block.T.contiguous().float().numpy()
        for start in range(left, right, band):
            with search.locks[start // band]:
                _offer(turned[start - left : start - left + band], search.norms, best.scores, best.ids, start, top)


@kernel
def _replace_worst(scores: np.ndarray, ids: np.ndarray, score: np.float32, new: int) -> None:
    """Put a column in the place of the worst one; `scores` is a heap with the largest at 0."""
    size = scores.size
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and scores[child + 1] > scores[child]:
            child += 1
        if scores[child] <= score:
            break
        scores[place] = scores[child]
        ids[place] = ids[child]
        place = child
    scores[place] = score
    ids[place] = new


@kernel
def _any_below(products: np.ndarray, own: np.float32, norms: np.ndarray, worst: np.float32) -> bool:
    """Whether any score is better than the worst one kept; a loop without a branch, for the vector units."""
    found = np.int32(0)
    for c in range(products.size):
        found |= np.int32(own + norms[c] - np.float32(2) * products[c] < worst)
    return bool(found != 0)


@kernel
def _offer(products: np.ndarray, norms: np.ndarray, scores: np.ndarray, ids: np.ndarray, top: int, left: int) -> None:
    """Offer the columns of a block to its rows; `top` and `left` are its first row and column."""
    width = products.shape[1]
    columns = norms[left : left + width]
    for r in range(products.shape[0]):
        row = top + r
        own = norms[row]
        worst = scores[row, 0]
        for first in range(0, width, _STRIP):
            strip = slice(first, min(first + _STRIP, width))
            if not _any_below(products[r, strip], own, columns[strip], worst):
                continue
            for low in range(strip.start, strip.stop, _LANES):
                lanes = slice(low, min(low + _LANES, strip.stop))
                if not _any_below(products[r, lanes], own, columns[lanes], worst):
                    continue
                for c in range(lanes.start, lanes.stop):
                    score = own + columns[c] - np.float32(2) * products[r, c]
                    if score < worst:
                        _replace_worst(scores[row], ids[row], score, left + c)
                        worst = scores[row, 0]
