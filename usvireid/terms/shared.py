"""Both modalities against one memory of all identities."""

from __future__ import annotations

from usvireid.loss_weights import weight_at
from usvireid.losses.contrast import cluster_contrast
from usvireid.matching.labels import PseudoLabels
from usvireid.terms.term import Term, Weighted, joins
from usvireid.training.batches import Batch
from usvireid.training.experiment import EncodedBatch, Experiment


class SharedMemory(Term):
    """Cluster contrast across the modalities (HIL; how a centre starts is `memory.shared`).

    Before matching begins only identities in both modalities take part, those known beforehand (ours): of all others it
    is not known whether a visible and an infrared one are two people, and to push them apart undoes what the first
    epochs are for.
    """

    def __init__(self, experiment: Experiment, labels: PseudoLabels, epoch: int) -> None:
        self._weight = weight_at(experiment.settings.losses.shared, epoch)
        self._temperature = experiment.settings.memory.temperature
        matched = epoch > experiment.settings.training.intra_epochs
        identities = labels.identities() if matched else labels.shared_identities()
        self._memory = experiment.shared_memory(experiment.extract_features(), labels, identities)

    @staticmethod
    def acts(experiment: Experiment, labels: PseudoLabels, epoch: int) -> bool:
        """Where the labels join the modalities."""
        return weight_at(experiment.settings.losses.shared, epoch) > 0 and joins(labels)

    def losses(self, batch: Batch, encoded: EncodedBatch) -> Weighted:
        """One loss for the whole batch: the mean over its crops, in which one without a centre counts as 0."""
        rows = self._memory.rows(batch.all_identities())
        contrast = cluster_contrast(encoded.all_features(), self._memory.centres, rows, self._temperature)
        return {"shared": (self._weight, contrast * (rows >= 0).sum() / max(1, len(rows)))}

    def update(self, batch: Batch, encoded: EncodedBatch) -> None:
        """Move the centres towards the batch, one modality after the other."""
        for modality, values in encoded.features.items():
            self._memory.update(values, batch.identities[modality], batch.repeats[modality])
