"""Semi-supervised: HIL, where some identities are known.

The column `identity` may be filled for some crops: one modality's, a share of the people, a few confirmed pairs. What
is known is kept to: the crops of a known identity are one cluster, in both modalities linked to each other; two known
identities are never joined; everything else is found as in HIL, around what is known. An epoch is HIL's; what differs
is that this recipe may see identities, and learns to tell the known ones apart as `supervised` does. After DPIS and
CCPG's settings, with means of ours.
"""

from __future__ import annotations

from usvireid.errors import UsageError
from usvireid.matching.labels import PseudoLabels
from usvireid.names import IDENTITY
from usvireid.resources import load_pipeline
from usvireid.terms.known import KnownIdentities
from usvireid.terms.term import Terms
from usvireid.training.experiment import Experiment

uses_identities = True

_hil = load_pipeline("hil")

TERMS = (
    *_hil.TERMS,
    KnownIdentities,  # who is it, of those that are known?
)
"""What is learnt from, each with a weight in `losses`; a weight of 0 switches it off."""


def cluster(experiment: Experiment, epoch: int) -> PseudoLabels:
    """Give every crop its identity where it is known, and a pseudo-identity elsewhere."""
    if not experiment.crops.has(IDENTITY):
        raise UsageError(
            "semi_supervised: no crop to train on has a known identity; fill the column identity for some, give a "
            "larger known.share, or use the recipe hil."
        )
    labels: PseudoLabels = _hil.cluster(experiment, epoch)
    return labels


def train(experiment: Experiment, labels: PseudoLabels, epoch: int) -> None:
    """Train for one epoch: HIL's terms, and who the known people are."""
    terms = Terms(experiment, labels, epoch, TERMS)
    for batch in experiment.batches(labels, epoch):
        encoded = experiment.encode(batch)
        experiment.optimize(terms.losses(batch, encoded))
        terms.update(batch, encoded)
