"""The secondary clustering of a table of labels."""

from __future__ import annotations

import numpy as np

from usvireid import names
from usvireid.clustering.paired import Graphs
from usvireid.clustering.parts import parts_of
from usvireid.config import ClusteringSettings
from usvireid.encoders.features import Features
from usvireid.matching.labels import PseudoLabels


def divided(
    labels: PseudoLabels, features: Features, graphs: Graphs, settings: ClusteringSettings, seed: int
) -> PseudoLabels:
    """Labels with their parts in the column `sub_cluster`.

    Args:
        labels: N labels; after matching, where identities are to be divided.
        features: of the same N crops.
        graphs: by modality, that its clusters were found on; only the rule "tree" looks at them.
        settings: of the clustering, with the rule and what is divided: the clusters of either modality or the
            identities of both.
        seed: of the random draws.
    """
    if settings.parts.of == "identities":
        part = parts_of(features.values, labels.column(names.IDENTITY).copy(), None, settings, seed)
        return labels.replace(**{names.SUB_CLUSTER: part})
    part = np.full(len(labels), names.NO_LABEL, dtype=np.int64)
    for modality in names.MODALITIES:
        rows = labels.rows_of(modality)
        cluster, graph = labels.column(names.CLUSTER)[rows], graphs.get(modality)
        part[rows] = parts_of(features.values[rows], cluster, graph, settings, seed)
    return labels.replace(**{names.SUB_CLUSTER: part})
