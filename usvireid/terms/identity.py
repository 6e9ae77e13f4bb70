"""Known identities told apart by a classifier."""

from __future__ import annotations

from torch.nn.functional import cross_entropy

from usvireid.loss_weights import weight_at
from usvireid.matching.labels import PseudoLabels
from usvireid.terms.term import Term, Weighted
from usvireid.training.batches import Batch
from usvireid.training.experiment import EncodedBatch, Experiment


class IdentityClassifier(Term):
    """Cross-entropy of a linear layer on the features after the neck (the identity loss of ICRE and its field).

    The classifier outlives the epoch, so the numbers of the identities have to stay the same.
    """

    def __init__(self, experiment: Experiment, labels: PseudoLabels, epoch: int) -> None:
        self._weight = weight_at(experiment.settings.losses.identity, epoch)
        self._classify = experiment.classifier(labels.count())

    @staticmethod
    def acts(experiment: Experiment, labels: PseudoLabels, epoch: int) -> bool:
        """Always, where it has a weight."""
        return weight_at(experiment.settings.losses.identity, epoch) > 0

    def losses(self, batch: Batch, encoded: EncodedBatch) -> Weighted:
        """One loss for the whole batch."""
        loss = cross_entropy(self._classify(encoded.all_necked()), batch.all_identities())
        return {"identity": (self._weight, loss)}
