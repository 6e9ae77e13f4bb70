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

RELATIVE = 1.01 * 2.0**-8
"""The share of a product that rounding it to bfloat16 takes or adds at most."""
LARGEST_SQUARE = 1e36
"""Squared length of rows above which sums of products could leave the range of float32."""
_PIECES = 3
_MULTIPLE = 32
"""What processors multiply at a time."""
_WORTH_IT = 2e10
"""Products of fewer terms in all (N x N x D) take less time than finding out."""
_FASTER = 1.5
_SAMPLE, _SAMPLE_OF_MEAN = 32, 1024
_ROWS_AT_A_TIME = 1024
_ROOM = 1.25
"""Other rows may have so much more near their k-th than the most that a row of the sample has."""


@dataclass(frozen=True)
class Coarse:
    """Two tables in bfloat16 whose inner products are the squared distances of their rows, nearly.

    With x^ a row about a point near the mean of all, rounded, and |x|^2 its squared length before rounding as a sum of
    three numbers of bfloat16 (n): (-2 x^, n, 1) and (x^, 1, n). Rows are taken about a point because distances stay
    what they are and shorter rows have smaller errors; and where the products are distances, rounding them costs the
    more the farther away something is.

    Attributes:
        left: bfloat16, N x P; P is D + 6, filled up with zeros to a multiple of 32.
        right: likewise.
        errors: float64, N; a product s, rounded to bfloat16, is off the squared distance by at most this and
            `RELATIVE` |s|.
    """

    left: torch.Tensor
    right: torch.Tensor
    errors: np.ndarray


def coarse(values: np.ndarray) -> Coarse:
    """Values (float32, N x D, squared lengths up to `LARGEST_SQUARE`) rounded, about the mean of a sample.

    Any point near the mean serves. With r = |x - x^|, the product of the rounded rows is off by at most
    r_x |y^| + |x| r_y. The rest is as in float32.
    """
    count, columns = values.shape
    point = values[:: max(1, count // _SAMPLE_OF_MEAN)].mean(axis=0, dtype=np.float64).astype(np.float32)
    width = -(-(columns + 2 * _PIECES) // _MULTIPLE) * _MULTIPLE
    left, right = (torch.zeros((count, width), dtype=torch.bfloat16) for _ in range(2))
    squares, rounded, lost = (np.empty(count, dtype=np.float64) for _ in range(3))

    def fill(start: int, stop: int) -> None:
        for low in range(start, stop, _ROWS_AT_A_TIME):
            part = slice(low, min(low + _ROWS_AT_A_TIME, stop))
            torch.sub(as_tensor(values[part]), torch.from_numpy(point), out=right[part, :columns])
            torch.mul(right[part, :columns], -2, out=left[part, :columns])
            halves = right[part].view(torch.int16).numpy()
            _lengths(values[part], point, halves, squares[part], rounded[part], lost[part])
            pieces = _pieces(torch.from_numpy(squares[part]))
            left[part, columns : columns + _PIECES] = right[part, columns + _PIECES : columns + 2 * _PIECES] = pieces
            left[part, columns + _PIECES : columns + 2 * _PIECES] = right[part, columns : columns + _PIECES] = 1

    over_rows(count, fill)
    lengths, rounded, lost = np.sqrt(squares), np.sqrt(rounded), np.sqrt(lost)
    product = lost * rounded.max(initial=0.0) + lengths * lost.max(initial=0.0)
    return Coarse(left, right, 2 * product + 1.1 * rounding_errors(lengths, width))


def _pieces(numbers: torch.Tensor) -> torch.Tensor:
    """Float64 numbers as sums of three of bfloat16, N x 3: to within 2^-24 of each."""
    pieces = []
    for _ in range(_PIECES):
        pieces.append(numbers.to(torch.bfloat16))
        numbers = numbers - pieces[-1].double()
    return torch.stack(pieces, dim=1)


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
    bits = np.empty(point.size, dtype=np.int32)
    half = bits.view(np.float32)
    for row in range(len(values)):
        one, its_half = values[row], halves[row]
        for d in range(bits.size):
            bits[d] = np.int32(its_half[d]) << np.int32(16)
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


def leaves_few(rounded: Coarse, k: int) -> bool:
    """Whether few enough columns come in question for a row, by a sample of rows. The choice affects the time only.

    Args:
        rounded: N rows; what may be as near as a row's k-th smallest score comes in question.
        k: neighbours wanted, at most N.
    """
    rows = np.linspace(0, len(rounded.errors) - 1, _SAMPLE).astype(np.int64)
    scores = torch.mm(rounded.left[torch.from_numpy(rows)], rounded.right.T).float().numpy()
    kth = np.partition(scores, k - 1, axis=1)[:, k - 1]
    limits = (1 + 2 * RELATIVE) * kth + 2 * rounded.errors[rows]
    most = int((scores <= limits[:, None]).sum(axis=1).max())
    logger.debug("bfloat16 leaves up to %d candidates of a row", most)
    return _ROOM * most <= most_near(k)


@functools.cache
def is_faster(columns: int) -> bool:
    """Whether products in bfloat16 take much less time than in float32; measured once, by the processor's clock."""
    block = torch.linspace(-1, 1, 1024 * columns).view(1024, columns)
    full, short = (_seconds(block.to(dtype)) for dtype in (torch.float32, torch.bfloat16))
    logger.debug("a block of products takes %.2g s in float32 and %.2g s in bfloat16", full, short)
    return short * _FASTER < full


def _seconds(block: torch.Tensor) -> float:
    """The shorter of two processor times for the products of a block, after one to warm up."""
    times = []
    for _ in range(3):
        start = time.thread_time()
        torch.mm(block, block.T)
        times.append(time.thread_time() - start)
    return min(times[1:])
