"""What draws the crops of a batch together across the modalities, without a memory."""

from __future__ import annotations

from usvireid.loss_weights import weight_at
from usvireid.losses.icg import identity_clues
from usvireid.losses.triplet import cross_modal_triplet
from usvireid.matching.labels import PseudoLabels
from usvireid.terms.term import Term, Weighted, joins
from usvireid.training.batches import Batch
from usvireid.training.experiment import EncodedBatch, Experiment


class CrossModalTriplet(Term):
    """The hardest pairs of a batch across the modalities (ours)."""

    def __init__(self, experiment: Experiment, labels: PseudoLabels, epoch: int) -> None:
        losses = experiment.settings.losses
        self._weight, self._margin = weight_at(losses.triplet, epoch), losses.margin

    @staticmethod
    def acts(experiment: Experiment, labels: PseudoLabels, epoch: int) -> bool:
        """Where the labels join the modalities."""
        return weight_at(experiment.settings.losses.triplet, epoch) > 0 and joins(labels)

    def losses(self, batch: Batch, encoded: EncodedBatch) -> Weighted:
        """One loss for the whole batch."""
        loss = cross_modal_triplet(encoded.pooled, batch.identities, self._margin)
        return {"triplet": (self._weight, loss)}


class IdentityClues(Term):
    """ICRE's identity clues guided loss; its two distances are noted."""

    def __init__(self, experiment: Experiment, labels: PseudoLabels, epoch: int) -> None:
        self._weight = weight_at(experiment.settings.losses.icg, epoch)
        self._settings = experiment.settings.icg
        self._monitor = experiment.monitor

    @staticmethod
    def acts(experiment: Experiment, labels: PseudoLabels, epoch: int) -> bool:
        """Where the labels join the modalities."""
        return weight_at(experiment.settings.losses.icg, epoch) > 0 and joins(labels)

    def losses(self, batch: Batch, encoded: EncodedBatch) -> Weighted:
        """One loss for the whole batch."""
        clues = identity_clues(encoded.pooled, batch.identities, self._settings)
        self._monitor.note("icg pull", clues.pull)
        self._monitor.note("icg push", clues.push)
        return {"icg": (self._weight, clues.loss)}
