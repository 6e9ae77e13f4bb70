"""Who most crops of a group are of."""

from __future__ import annotations

import numpy as np
from sklearn.metrics.cluster import contingency_matrix


def majority(group: np.ndarray, identity: np.ndarray) -> dict[int, int]:
    """The most frequent identity of every group; the smallest code among equally frequent ones.

    Args:
        group: int64, N.
        identity: int64, N; no crop without one.
    """
    if not len(group):
        return {}
    table = contingency_matrix(group, identity, sparse=True).tocsr()
    codes = np.unique(identity)
    best = np.asarray(table.argmax(axis=1)).ravel()
    return {int(number): int(codes[column]) for number, column in zip(np.unique(group), best, strict=True)}
