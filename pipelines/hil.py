"""HIL: unsupervised visible-infrared person re-identification by clustering, matching and contrast.

An epoch is `cluster`, then `train`. In the first epochs (`training.intra_epochs`) each modality has identities of its
own and nothing crosses; from then on matching joins them, and the terms that need both modalities begin to act.

HIL's (arXiv 2509.11587): clustering by DBSCAN on the k-reciprocal Jaccard distance, BRST, cluster contrast against a
memory. Ours: the choice of eps, BRST from cluster to cluster in both directions, the gradient descriptor beside the
network's features, the shared memory, the cross-modal triplet. `docs/method.md` has more.
"""

from __future__ import annotations

from usvireid.clustering.cluster import cluster_graph, reach
from usvireid.losses.contrast import cluster_contrast
from usvireid.losses.icg import identity_clues
from usvireid.losses.triplet import cross_modal_triplet
from usvireid.matching.labels import PseudoLabels
from usvireid.matching.match import transmit
from usvireid.matching.matchers import match_clusters
from usvireid.names import INFRARED, MODALITIES, VISIBLE
from usvireid.neighbors.jaccard import jaccard_graph
from usvireid.neighbors.knn import knn
from usvireid.training.experiment import Experiment


def cluster(experiment: Experiment, epoch: int) -> PseudoLabels:
    """Give every crop a pseudo-identity by what the encoder sees now."""
    settings, monitor = experiment.settings, experiment.monitor
    k1, k2 = settings.neighbors.k1, settings.neighbors.k2
    features = experiment.extract_features()
    found = {}
    for modality in MODALITIES:
        values = features.of_modality(modality).values
        with monitor.step("knn"):
            neighbors = knn(values, k1, backend=settings.neighbors.backend, device=str(experiment.compute.device))
        with monitor.step("jaccard"):
            graph = jaccard_graph(neighbors, values, k1=k1, k2=k2, eps=reach(settings.clustering))
        with monitor.step("cluster"):
            result = cluster_graph(graph, settings.clustering)
        monitor.clustered(modality, result)
        found[modality] = result.clusters
    labels = PseudoLabels.of_modalities(experiment.crops, found)
    if epoch <= settings.training.intra_epochs:
        return labels
    with monitor.step("match"):
        signals = experiment.matching_features()
        match = match_clusters(
            settings.matching.method,
            signals.of_modality(VISIBLE).values,
            found[VISIBLE].label,
            signals.of_modality(INFRARED).values,
            found[INFRARED].label,
            tau=settings.matching.tau,
            center=settings.matching.center,
            csls_k=settings.matching.csls_k,
        )
    return transmit(labels, match)


def train(experiment: Experiment, labels: PseudoLabels, epoch: int) -> None:
    """Train for one epoch: each modality against its own memory, and both against the one they share."""
    weights, temperature = experiment.settings.losses, experiment.settings.memory.temperature
    features = experiment.extract_features()
    own = {modality: experiment.own_memory(modality, features, labels) for modality in MODALITIES}
    shared = experiment.shared_memory(features, labels)
    # What crosses the modalities acts wherever the labels do, whoever joined them: matching, or a person by hand.
    crosses = len(labels.shared_identities()) > 0

    for batch in experiment.batches(labels, epoch):
        encoded = experiment.encode(batch)
        losses = {}
        for modality, values in encoded.features.items():
            rows = own[modality].rows(batch.identities[modality])
            contrast = cluster_contrast(values, own[modality].centres, rows, temperature)
            losses[f"own {modality}"] = (weights.own, contrast)
        if crosses:
            rows = shared.rows(batch.all_identities())
            losses["shared"] = (
                weights.shared,
                cluster_contrast(encoded.all_features(), shared.centres, rows, temperature),
            )
            losses["triplet"] = (
                weights.triplet,
                cross_modal_triplet(encoded.pooled, batch.identities, weights.margin),
            )
        if crosses and weights.icg:
            clues = identity_clues(encoded.pooled, batch.identities, experiment.settings.icg)
            losses["icg"] = (weights.icg, clues.loss)
            experiment.monitor.note("icg pull", clues.pull)
            experiment.monitor.note("icg push", clues.push)
        experiment.optimize(losses)
        for modality, values in encoded.features.items():
            own[modality].update(values, batch.identities[modality], batch.repeats[modality])
            if crosses:
                shared.update(values, batch.identities[modality], batch.repeats[modality])
