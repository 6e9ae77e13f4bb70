"""Both modalities against one memory of all identities."""

from __future__ import annotations

from usvireid.loss_weights import weight_at
from usvireid.losses.contrast import cluster_contrast
from usvireid.matching.labels import PseudoLabels
from usvireid.terms.term import Term, Weighted, joins
from usvireid.training.batches import Batch
from usvireid.training.experiment import EncodedBatch, Experiment


class SharedMemory(Term):
    """Cluster contrast across the modalities (HIL; how a centre starts is `memory.shared`)."""

    def __init__(self, experiment: Experiment, labels: PseudoLabels, epoch: int) -> None:
        self._weight = weight_at(experiment.settings.losses.shared, epoch)
        self._temperature = experiment.settings.memory.temperature
        self._memory = experiment.shared_memory(experiment.extract_features(), labels)

    @staticmethod
    def acts(experiment: Experiment, labels: PseudoLabels, epoch: int) -> bool:
        """Where the labels join the modalities."""
        return weight_at(experiment.settings.losses.shared, epoch) > 0 and joins(labels)

    def losses(self, batch: Batch, encoded: EncodedBatch) -> Weighted:
        """One loss for the whole batch."""
        rows = self._memory.rows(batch.all_identities())
        contrast = cluster_contrast(encoded.all_features(), self._memory.centres, rows, self._temperature)
        return {"shared": (self._weight, contrast)}

    def update(self, batch: Batch, encoded: EncodedBatch) -> None:
        """Move the centres towards the batch, one modality after the other."""
        for modality, values in encoded.features.items():
            self._memory.update(values, batch.identities[modality], batch.repeats[modality])
