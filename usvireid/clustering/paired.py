"""Paired sensors within the modalities: who is near whom is seen twice. Ours."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from usvireid import names
from usvireid.data.crops import Crops

Graphs = dict[str, sparse.csr_matrix]
"""A graph of each modality's crops, by its name."""


def seen_twice(graphs: Graphs, crops: Crops, pairs: np.ndarray) -> Graphs:
    """Graphs in which two crops that both have a partner are as far apart as they and their partners are on average.

    Two pairs are two views of the same two people, so their distances in the two modalities are two measurements of one
    thing, which err differently. A pair of two people is half as near to both of them, and so at the edge of both or in
    neither: it brings no two clusters together.

    Args:
        graphs: of `jaccard_graph`, of the crops of each modality; what is no entry is at distance 1.
        crops: N crops.
        pairs: int64, P x 2; rows of a visible and an infrared crop, each row in one pair at most.
    """
    if not len(pairs):
        return graphs
    near, chosen = {}, {}
    for side, modality in enumerate(names.MODALITIES):
        rows = crops.rows_of(modality)
        near[modality] = graphs[modality].astype(np.float64)
        near[modality].data = 1.0 - near[modality].data
        at = (np.arange(len(pairs)), np.searchsorted(rows, pairs[:, side]))
        chosen[modality] = sparse.csr_matrix((np.ones(len(pairs)), at), shape=(len(pairs), len(rows)))
    views = {modality: chosen[modality] @ near[modality] @ chosen[modality].T for modality in names.MODALITIES}
    mean = (views[names.VISIBLE] + views[names.INFRARED]) / 2
    found = {}
    for modality in names.MODALITIES:
        change = chosen[modality].T @ (mean - views[modality]) @ chosen[modality]
        graph = sparse.csr_matrix(near[modality] + change)
        graph.data = 1.0 - graph.data
        graph.sort_indices()
        found[modality] = graph.astype(np.float32)
    return found
