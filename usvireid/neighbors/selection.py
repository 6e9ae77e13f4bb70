"""How large the k-th smallest number is, nearly and never too small, without sorting."""

from __future__ import annotations

import numpy as np

from usvireid.neighbors.compiled import kernel

_HALVINGS = 12


@kernel
def reach_of(numbers: np.ndarray, k: int, low: float) -> float:
    """A number that at least k of the given ones do not exceed, close above the k-th smallest.

    By halving the range in which it lies, a few times; each step counts, without a branch.

    Args:
        numbers: float32, at least k of them, contiguous.
        k: at least 1.
        low: none of the numbers is smaller; at most 0.
    """
    bits = numbers.view(np.int32)
    largest = np.int32(0)  # the bits of positive numbers sort as the numbers do, those of negative ones are below
    for at in range(bits.size):
        largest = max(largest, bits[at])
    one = np.empty(1, dtype=np.int32)
    one[0] = largest
    below, reach = np.float32(low), one.view(np.float32)[0]
    for _ in range(_HALVINGS):
        middle = np.float32(0.5) * (below + reach)
        if _within(numbers, middle) >= k:
            reach = middle
        else:
            below = middle
    return float(reach)


@kernel
def _within(numbers: np.ndarray, limit: np.float32) -> int:
    """How many are not above the limit; counted in 32 bits, for the vector units."""
    count = np.int32(0)
    for at in range(numbers.size):
        count = np.int32(count + np.int32(numbers[at] <= limit))
    return int(count)
