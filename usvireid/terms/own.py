"""Each modality against the memory of its own identities."""

from __future__ import annotations

from usvireid.loss_weights import weight_at
from usvireid.losses.contrast import cluster_contrast
from usvireid.matching.labels import PseudoLabels
from usvireid.names import MODALITIES
from usvireid.terms.term import Term, Weighted, joins
from usvireid.training.batches import Batch
from usvireid.training.experiment import EncodedBatch, Experiment


class OwnMemories(Term):
    """Cluster contrast within each modality (HIL, released code)."""

    def __init__(self, experiment: Experiment, labels: PseudoLabels, epoch: int) -> None:
        features = experiment.extract_features()
        self._weight = weight_at(experiment.settings.losses.own, epoch)
        self._temperature = experiment.settings.memory.temperature
        self._memories = {modality: experiment.own_memory(modality, features, labels) for modality in MODALITIES}

    @staticmethod
    def acts(experiment: Experiment, labels: PseudoLabels, epoch: int) -> bool:
        """Where it has a weight; until the labels join the modalities, if the shared memory takes its place."""
        replaced = experiment.settings.memory.own == "until-shared" and joins(labels)
        return weight_at(experiment.settings.losses.own, epoch) > 0 and not replaced

    def losses(self, batch: Batch, encoded: EncodedBatch) -> Weighted:
        """A loss per modality in the batch."""
        found: Weighted = {}
        for modality, values in encoded.features.items():
            memory = self._memories[modality]
            rows = memory.rows(batch.identities[modality])
            contrast = cluster_contrast(values, memory.centres, rows, self._temperature)
            found[f"own {modality}"] = (self._weight, contrast)
        return found

    def update(self, batch: Batch, encoded: EncodedBatch) -> None:
        """Move the centres towards the batch."""
        for modality, values in encoded.features.items():
            self._memories[modality].update(values, batch.identities[modality], batch.repeats[modality])
