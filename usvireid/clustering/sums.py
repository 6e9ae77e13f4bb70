"""Sums of feature rows by label, the first half of every mean."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from usvireid.neighbors.compiled import kernel, over_rows


@torch.no_grad()
def label_sums(features: Tensor, labels: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Add up the features of each label, all labels at once, in row order and so with the same result in every run.

    Sums have no gradient.

    Args:
        features: float32 or float64, N x D.
        labels: int64, N; 0..count-1, negative for rows that belong nowhere.
        count: number of labels, K.

    Returns:
        sums: float, K x D; zero for a label without rows.
        sizes: int64, K; rows per label.

    Raises:
        ValueError: not one label per feature, a label of `count` or more, or another dtype.
    """
    if features.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"features must be float32 or float64 to be summed, got {features.dtype}")
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise ValueError(f"need one label per feature, got {tuple(labels.shape)} for {tuple(features.shape)}")
    sizes = torch.bincount(labels[labels >= 0], minlength=count)
    if len(sizes) > count:
        raise ValueError(f"label {len(sizes) - 1}, but only {count} labels were announced")
    add = _label_by_label if features.device.type == "cpu" else _by_segments
    return add(features, labels, sizes), sizes


def _label_by_label(features: Tensor, labels: Tensor, sizes: Tensor) -> Tensor:
    """On the CPU: each thread has labels of its own, and reads each row once."""
    order = torch.argsort(labels, stable=True)[len(labels) - int(sizes.sum()) :].numpy()
    ends = sizes.cumsum(0).numpy()
    sums = torch.empty(len(sizes), features.shape[1], dtype=features.dtype)
    values, out = features.detach().numpy(), sums.numpy()
    over_rows(len(sizes), lambda start, stop: _add_up(values, order, ends, out, start, stop))
    return sums


@kernel
def _add_up(values: np.ndarray, order: np.ndarray, ends: np.ndarray, out: np.ndarray, start: int, stop: int) -> None:
    at = ends[start - 1] if start else 0
    for label in range(start, stop):
        total = out[label]
        total[:] = 0
        for place in range(at, ends[label]):
            row = values[order[place]]
            for d in range(total.size):
                total[d] += row[d]
        at = ends[label]


def _by_segments(features: Tensor, labels: Tensor, sizes: Tensor) -> Tensor:
    """Rows sorted by label, one reduction per label."""
    if len(sizes) == 0 or len(features) == 0:
        return features.new_zeros(len(sizes), features.shape[1])
    order = torch.argsort(labels, stable=True)[len(labels) - int(sizes.sum()) :]
    return torch.segment_reduce(features[order], "sum", lengths=sizes, axis=0, unsafe=True)
