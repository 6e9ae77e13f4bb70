"""The secondary clustering that the settings ask for."""

from __future__ import annotations

import numpy as np
import torch

from usvireid import names
from usvireid.clustering.secondary import divide, fixed_parts, parts_by_size
from usvireid.config import PartsSettings


def parts_of(values: np.ndarray, label: np.ndarray, settings: PartsSettings, seed: int) -> np.ndarray:
    """The part of its cluster that each crop is in (int64, N; 0 the largest, -1 for outliers or undivided clusters).

    Args:
        values: float32, N x D; unit rows.
        label: int64, N; clusters from 0, -1 for outliers.
        settings: the rule.
        seed: of the random draws.
    """
    if settings.rule == "none" or not len(label) or label.max() < 0:
        return np.full(len(label), names.NO_LABEL, dtype=np.int64)
    sizes = np.bincount(label[label >= 0])
    if settings.rule == "fixed":
        wanted = fixed_parts(sizes, settings.count)
    else:
        wanted = parts_by_size(sizes, settings.crops, settings.count)
    found = divide(torch.from_numpy(values), torch.from_numpy(label), wanted, seed)
    return found.sub_cluster.numpy()
