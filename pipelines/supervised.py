"""Supervised: training on known identities, the upper reference for what can be learnt without them.

The recipe of the ICRE encoder (arXiv 2512.04522): an identity classifier and the identity clues guided loss. With
`encoder.mpfr.use` and `encoder.sdce.use` off and `losses.icg` 0 it is the plain dual-stream baseline. The numbers of
the paper's recipe are not public; those of `configs/supervised.yaml` are ours.
"""

from __future__ import annotations

from usvireid.errors import UsageError
from usvireid.loss_weights import weight_at
from usvireid.matching.labels import PseudoLabels
from usvireid.names import IDENTITY
from usvireid.terms.identity import IdentityClassifier
from usvireid.terms.pairs import IdentityClues
from usvireid.terms.term import Terms
from usvireid.training.experiment import Experiment

TERMS = (
    IdentityClassifier,  # who is it?
    IdentityClues,  # ICRE's loss: crops near their centre in the other modality
)
"""What is learnt from, each with a weight in `losses`; a weight of 0 switches it off."""

uses_identities = True
labels_are_identities = True


def cluster(experiment: Experiment, epoch: int) -> PseudoLabels:
    """The known identities; nothing is clustered."""
    if not experiment.crops.has(IDENTITY):
        raise UsageError("supervised: no crop to train on has an identity; fill the column identity of the manifest.")
    labels = PseudoLabels.of_identities(experiment.crops)
    if not len(labels.shared_identities()):
        if not weight_at(experiment.settings.losses.identity, epoch):
            raise UsageError("supervised: no identity is seen in both modalities, so losses.icg alone teaches nothing.")
        experiment.display.warn_once("no identity is seen in both modalities, so nothing brings the two together")
    elif labels.count() == 1:
        experiment.display.warn_once("all crops to train on are of one identity, so there is nobody to tell it from")
    return labels


def train(experiment: Experiment, labels: PseudoLabels, epoch: int) -> None:
    """Train for one epoch: tell the identities apart, and bring each one's modalities together."""
    terms = Terms(experiment, labels, epoch, TERMS)
    for batch in experiment.batches(labels, epoch):
        encoded = experiment.encode(batch)
        experiment.optimize(terms.losses(batch, encoded))
        terms.update(batch, encoded)
