"""What similarity strangers reach: mean and standard deviation over a whole gallery, without looking at any pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEAST_SPREAD = 1e-3
"""Standard deviation of similarities below which all are taken for equal."""
BLOCK = 8192
"""Rows that are looked at together."""


@dataclass(frozen=True)
class Moments:
    """The first two moments of a set of rows, from which those of any row's cosines with the set follow.

    Attributes:
        count: rows in the set, R.
        total: float64, D; their sum.
        square: float64, D x D; the sum of their outer products.
    """

    count: int
    total: np.ndarray
    square: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Moments:
        """The moments of float32 rows, R x D."""
        total, square = np.zeros(values.shape[1]), np.zeros((values.shape[1], values.shape[1]))
        for low in range(0, len(values), BLOCK):
            block = values[low : low + BLOCK].astype(np.float64)
            total += block.sum(axis=0)
            square += block.T @ block
        return cls(len(values), total, square)

    def seen_from(self, values: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of each row's cosines with the set, a member of it left out.

        Args:
            values: float32, B x D.
            own: float32, B; the cosine of each row with the member of the set to leave out; NaN: none.

        Returns:
            float32, B, twice. Without any member left, mean 0 and standard deviation 1.
        """
        rows = values.astype(np.float64)
        out = ~np.isnan(own)
        left_out = np.where(out, own, 0.0).astype(np.float64)
        others = self.count - out.astype(np.int64)
        divisor = np.maximum(others, 1)
        mean = (rows @ self.total - left_out) / divisor
        second = (np.einsum("nd,nd->n", rows @ self.square, rows) - left_out**2) / divisor
        spread = np.sqrt(np.maximum(second - mean**2, LEAST_SPREAD**2))
        known = others > 0
        return np.where(known, mean, 0).astype(np.float32), np.where(known, spread, 1).astype(np.float32)
