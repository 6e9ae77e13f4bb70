"""HIL: unsupervised visible-infrared person re-identification by clustering, matching and contrast.

An epoch is `cluster`, then `train`. In the first epochs (`training.intra_epochs`) each modality has identities of its
own, and nothing crosses but what is known beforehand; from then on matching joins them, and the terms that need both
modalities begin to act. What is known (tracks, travel times, paired sensors, a person's answers) is kept to throughout.

HIL's (arXiv 2509.11587): clustering by DBSCAN on the k-reciprocal Jaccard distance, secondary clustering, BRST, cluster
contrast against memories, MCCL, the neighbours' losses. ICRE's: the identity clues' loss. Ours: the choice of eps, BRST
from cluster to cluster in both directions, the gradient descriptor beside the network's features, what is known
beforehand, that both modalities weigh alike in a shared centre, the cross-modal triplet. `docs/method.md` has more.
"""

from __future__ import annotations

from usvireid.clustering.cluster import cluster_graph, reach
from usvireid.clustering.paired import seen_twice
from usvireid.matching.divided import divided
from usvireid.matching.join import apart, join
from usvireid.matching.labels import PseudoLabels
from usvireid.names import MODALITIES
from usvireid.neighbors.choice import nearest_neighbors
from usvireid.neighbors.jaccard import jaccard_graph
from usvireid.terms.neighbours import Neighbours
from usvireid.terms.own import OwnMemories
from usvireid.terms.pairs import CrossModalTriplet, IdentityClues
from usvireid.terms.parts import MultiCentres
from usvireid.terms.shared import SharedMemory
from usvireid.terms.term import Terms
from usvireid.training.experiment import Experiment

TERMS = (
    OwnMemories,  # each modality against the memory of its own identities
    SharedMemory,  # both against the memory that they share
    CrossModalTriplet,  # the hardest pairs of a batch across the modalities
    IdentityClues,  # ICRE's loss: crops near their centre in the other modality
    MultiCentres,  # MCCL: several centres an identity, from the secondary clustering
    Neighbours,  # near crops of the own and of the other modality
)
"""What is learnt from, each with a weight in `losses`; a weight of 0 switches it off."""


def cluster(experiment: Experiment, epoch: int) -> PseudoLabels:
    """Give every crop a pseudo-identity by what the encoder sees now."""
    settings, monitor = experiment.settings, experiment.monitor
    constraints = experiment.constraints()
    k1, k2 = settings.neighbors.k1, settings.neighbors.k2
    features = experiment.clustering_features()
    graphs, clusters = {}, {}
    for modality in MODALITIES:
        values = features.of_modality(modality).values
        with monitor.step("knn"):
            found = nearest_neighbors(values, settings.neighbors, str(experiment.compute.device), settings.seed)
        monitor.searched(modality, found)
        with monitor.step("jaccard"):
            graphs[modality] = jaccard_graph(found.neighbors, values, k1=k1, k2=k2, eps=reach(settings.clustering))
    with monitor.step("jaccard"):
        graphs = seen_twice(graphs, experiment.crops, constraints.pairs)
    for modality, graph in graphs.items():
        with monitor.step("cluster"):
            known = constraints.take(experiment.crops.rows_of(modality))
            result = cluster_graph(graph, settings.clustering, known)
        monitor.clustered(modality, result, graph)
        clusters[modality] = result.clusters
    labels = PseudoLabels.of_modalities(experiment.crops, clusters)
    if epoch > settings.training.intra_epochs:
        with monitor.step("match"):
            labels = join(labels, experiment.matching_features(), settings.matching, constraints)
    else:
        labels = apart(labels, constraints)
    with monitor.step("divide"):
        return divided(labels, features, graphs, settings.clustering, settings.seed)


def train(experiment: Experiment, labels: PseudoLabels, epoch: int) -> None:
    """Train for one epoch. What crosses the modalities acts wherever the labels do."""
    terms = Terms(experiment, labels, epoch, TERMS)
    for batch in experiment.batches(labels, epoch):
        encoded = experiment.encode(batch)
        experiment.optimize(terms.losses(batch, encoded))
        terms.update(batch, encoded)
