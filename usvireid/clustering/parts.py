"""The secondary clustering that the settings ask for."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from usvireid import names
from usvireid.clustering.hdbscan import condensed_tree
from usvireid.clustering.secondary import divide, divide_as_given, fixed_parts, parts_by_size, tree_parts
from usvireid.config import ClusteringSettings


def parts_of(
    values: np.ndarray, label: np.ndarray, graph: sparse.csr_matrix | None, settings: ClusteringSettings, seed: int
) -> np.ndarray:
    """The part of its cluster that each crop is in (int64, N; 0 the largest, -1 for outliers or undivided clusters).

    Args:
        values: float32, N x D; unit rows.
        label: int64, N; clusters from 0, -1 for outliers.
        graph: float32, N x N, of `jaccard_graph`; only the rule "tree" looks at it. None: there is none.
        settings: of the clustering, with the rule.
        seed: of the random draws.

    Raises:
        ValueError: the rule needs a graph, and there is none.
    """
    if settings.parts.rule == "none" or not len(label) or label.max() < 0:
        return np.full(len(label), names.NO_LABEL, dtype=np.int64)
    if settings.parts.rule == "tree":
        return _by_tree(values, label, graph, settings)
    sizes = np.bincount(label[label >= 0])
    if settings.parts.rule == "fixed":
        wanted = fixed_parts(sizes, settings.parts.count)
    else:
        wanted = parts_by_size(sizes, settings.parts.crops, settings.parts.count)
    found = divide(torch.from_numpy(values), torch.from_numpy(label), wanted, seed)
    return found.sub_cluster.numpy()


def _by_tree(
    values: np.ndarray, label: np.ndarray, graph: sparse.csr_matrix | None, settings: ClusteringSettings
) -> np.ndarray:
    """The leaves of the tree that `clustering.method: hdbscan` would select its clusters from."""
    if graph is None:
        raise ValueError("the rule tree divides clusters by the graph they were found on, and was given none")
    least = settings.min_samples
    tree = condensed_tree(graph, min_cluster_size=max(2, least), min_samples=least)
    leaf = tree_parts(tree, label, most=settings.parts.count)
    clusters = int(label.max()) + 1
    found = divide_as_given(torch.from_numpy(values), torch.from_numpy(label), clusters, torch.from_numpy(leaf))
    return found.sub_cluster.numpy()
