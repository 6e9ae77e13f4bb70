"""Supervised: training on known identities, the upper reference for what can be learnt without them.

The recipe of the ICRE encoder (arXiv 2512.04522): an identity classifier and the identity clues guided loss. With
`encoder.mpfr.use` and `encoder.sdce.use` off and `losses.icg` 0 it is the plain dual-stream baseline. The numbers of
the paper's recipe are not public; those of `configs/supervised.yaml` are ours.
"""

from __future__ import annotations

from torch.nn.functional import cross_entropy

from usvireid.errors import UsageError
from usvireid.losses.icg import identity_clues
from usvireid.matching.labels import PseudoLabels
from usvireid.names import IDENTITY
from usvireid.training.experiment import Experiment

uses_identities = True


def cluster(experiment: Experiment, epoch: int) -> PseudoLabels:
    """The known identities; nothing is clustered."""
    if not experiment.crops.has(IDENTITY):
        raise UsageError("supervised: no crop to train on has an identity; fill the column identity of the manifest.")
    labels = PseudoLabels.of_identities(experiment.crops)
    if not len(labels.shared_identities()):
        if not experiment.settings.losses.identity:
            raise UsageError("supervised: no identity is seen in both modalities, so losses.icg alone teaches nothing.")
        experiment.display.warn_once("no identity is seen in both modalities, so nothing brings the two together")
    elif labels.count() == 1:
        experiment.display.warn_once("all crops to train on are of one identity, so there is nobody to tell it from")
    return labels


def train(experiment: Experiment, labels: PseudoLabels, epoch: int) -> None:
    """Train for one epoch: tell the identities apart, and bring each one's modalities together."""
    weights = experiment.settings.losses
    classify = experiment.classifier(labels.count())

    for batch in experiment.batches(labels, epoch):
        encoded = experiment.encode(batch)
        identity = cross_entropy(classify(encoded.all_necked()), batch.all_identities())
        losses = {"identity": (weights.identity, identity)}
        if weights.icg:
            clues = identity_clues(encoded.pooled, batch.identities, experiment.settings.icg)
            losses["icg"] = (weights.icg, clues.loss)
            experiment.monitor.note("icg pull", clues.pull)
            experiment.monitor.note("icg push", clues.push)
        experiment.optimize(losses)
