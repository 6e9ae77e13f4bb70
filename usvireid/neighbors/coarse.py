"""Searching in bfloat16 first: on processors that multiply it several times faster than float32, and only if it pays.

bfloat16 keeps 8 bits of a number. The errors of its inner products are bounded as surely as those of float32, only
wider, so more candidates are near the k-th and have to be measured. What comes out is exact all the same.
"""

from __future__ import annotations

import functools
import logging
import time
from dataclasses import dataclass

import numpy as np
import torch

from usvireid.neighbors.candidates import rounding_errors
from usvireid.neighbors.compiled import over_rows, reordering_kernel
from usvireid.neighbors.pool import most_near
from usvireid.neighbors.tensors import as_tensor

logger = logging.getLogger(__name__)

_UNIT_ROUNDOFF = 2.0**-8
_WORTH_IT = 2e10
"""Products of fewer terms in all (N x N x D) take less time than finding out."""
_FASTER = 1.5
_SAMPLE, _SAMPLE_OF_MEAN = 32, 1024
_ROWS_AT_A_TIME = 1024
_ROOM = 1.25
"""Other rows may have so much more near their k-th than the most that a row of the sample has."""


@dataclass(frozen=True)
class Coarse:
    """Rows in bfloat16, about a point near their mean: distances stay what they are, and shorter rows have smaller errors.

    Attributes:
        rows: bfloat16, N x D.
        norms: float32, N; squared lengths before rounding.
        errors: float64, N; how far a score |x|^2 + |y|^2 - 2<x, y>, its product of rows as they are here and rounded to
            bfloat16 in its turn, can be from the squared distance.
    """

    rows: torch.Tensor
    norms: np.ndarray
    errors: np.ndarray


def coarse(values: np.ndarray) -> Coarse:
    """Values (float32, N x D) rounded, about the mean of a sample: any point near it serves.

    With x^ the rounded row and r = |x - x^|: the product of the rounded rows is off by at most r_x |y^| + |x| r_y, and
    rounding the product itself adds 2^-8 of it. The rest is as in float32.
    """
    count, columns = values.shape
    point = values[:: max(1, count // _SAMPLE_OF_MEAN)].mean(axis=0, dtype=np.float64).astype(np.float32)
    rows = torch.empty((count, columns), dtype=torch.bfloat16)
    squares, rounded, lost = (np.empty(count, dtype=np.float64) for _ in range(3))

    def fill(start: int, stop: int) -> None:
        for low in range(start, stop, _ROWS_AT_A_TIME):
            part = slice(low, min(low + _ROWS_AT_A_TIME, stop))
            torch.sub(as_tensor(values[part]), torch.from_numpy(point), out=rows[part])
            halves = rows[part].view(torch.uint16).numpy()
            _lengths(values[part], point, halves, squares[part], rounded[part], lost[part])

    over_rows(count, fill)
    lengths, rounded, lost = np.sqrt(squares), np.sqrt(rounded), np.sqrt(lost)
    longest = rounded.max(initial=0.0)
    product = lost * longest + lengths * lost.max(initial=0.0) + 1.01 * _UNIT_ROUNDOFF * rounded * longest
    errors = 2 * product + 1.02 * rounding_errors(lengths, columns)
    return Coarse(rows, squares.astype(np.float32), errors)


@reordering_kernel
def _lengths(
    values: np.ndarray,
    point: np.ndarray,
    halves: np.ndarray,
    squares: np.ndarray,
    rounded: np.ndarray,
    lost: np.ndarray,
) -> None:
    """Squared lengths of the rows about a point, of these as rounded (the bits of bfloat16), and of the rest."""
    bits = np.empty(point.size, dtype=np.uint32)
    half = bits.view(np.float32)
    for row in range(len(values)):
        one, its_half = values[row], halves[row]
        for d in range(bits.size):
            bits[d] = np.uint32(its_half[d]) << np.uint32(16)
        whole = kept = rest = 0.0
        for d in range(bits.size):
            exact = np.float64(one[d]) - np.float64(point[d])
            rest += (exact - np.float64(half[d])) ** 2
            kept += np.float64(half[d]) ** 2
            whole += exact**2
        squares[row], rounded[row], lost[row] = whole, kept, rest


def float32_is_slow(values: np.ndarray) -> bool:
    """Whether products in float32 take long, and much longer than in bfloat16. The choice affects the time only."""
    count, columns = values.shape
    return float(count) * count * columns >= _WORTH_IT and is_faster(columns)


def leaves_few(halved: Coarse, k: int) -> bool:
    """Whether few enough columns come in question for a row, by a sample of rows. The choice affects the time only.

    Args:
        halved: N rows; what is within two errors of a row's k-th score comes in question.
        k: neighbours wanted, at most N.
    """
    rows = np.linspace(0, len(halved.norms) - 1, _SAMPLE).astype(np.int64)
    products = torch.mm(halved.rows[torch.from_numpy(rows)], halved.rows.T).float().numpy()
    scores = halved.norms[rows][:, None] + halved.norms - 2 * products
    kth = np.partition(scores, k - 1, axis=1)[:, k - 1]
    most = int((scores <= (kth + 2 * halved.errors[rows])[:, None]).sum(axis=1).max())
    logger.debug("bfloat16 leaves up to %d candidates of a row", most)
    return _ROOM * most <= most_near(k)


@functools.cache
def is_faster(columns: int) -> bool:
    """Whether products in bfloat16 take much less time than in float32; measured once, by the processor's clock."""
    block = torch.linspace(-1, 1, 1024 * columns).view(1024, columns)
    full, halved = (_seconds(block.to(dtype)) for dtype in (torch.float32, torch.bfloat16))
    logger.debug("a block of products takes %.2g s in float32 and %.2g s in bfloat16", full, halved)
    return halved * _FASTER < full


def _seconds(block: torch.Tensor) -> float:
    """The shorter of two processor times for the products of a block, after one to warm up."""
    times = []
    for _ in range(3):
        start = time.thread_time()
        torch.mm(block, block.T)
        times.append(time.thread_time() - start)
    return min(times[1:])
