"""Near crops of the own and of the other modality, from a memory of all crops."""

from __future__ import annotations

import numpy as np
import torch

from usvireid.loss_weights import weight_at
from usvireid.losses.neighbours import neighbour_contrast
from usvireid.matching.labels import PseudoLabels
from usvireid.memory.instance import InstanceMemory
from usvireid.names import INFRARED, MODALITIES, VISIBLE
from usvireid.terms.term import Term, Weighted, joins
from usvireid.training.batches import Batch
from usvireid.training.experiment import EncodedBatch, Experiment


class Neighbours(Term):
    """Homogeneous and heterogeneous neighbours (HIL, released code, after SDCL).

    The heterogeneous term begins once the labels join the modalities; in even epochs visible crops look for infrared
    neighbours, in odd ones infrared crops for visible ones.
    """

    def __init__(self, experiment: Experiment, labels: PseudoLabels, epoch: int) -> None:
        settings, device = experiment.settings, experiment.compute.device
        self._homogeneous = weight_at(settings.losses.homogeneous, epoch)
        self._heterogeneous = weight_at(settings.losses.heterogeneous, epoch) if joins(labels) else 0.0
        self._temperature, self._own_row = settings.memory.temperature, settings.losses.own_row
        features = experiment.extract_features()
        self._rows, self._memories = {}, {}
        for modality in MODALITIES:
            rows = experiment.crops.rows_of(modality)
            self._rows[modality] = torch.from_numpy(rows).to(device)
            values = torch.from_numpy(np.ascontiguousarray(features.values[rows])).to(device)
            self._memories[modality] = InstanceMemory(values, settings.memory.instance_momentum)
        self._asks, self._answers = (VISIBLE, INFRARED) if epoch % 2 == 0 else (INFRARED, VISIBLE)

    @staticmethod
    def acts(experiment: Experiment, labels: PseudoLabels, epoch: int) -> bool:
        """Where either has a weight, the heterogeneous one only once the labels join the modalities."""
        losses = experiment.settings.losses
        across = weight_at(losses.heterogeneous, epoch) > 0 and joins(labels)
        return weight_at(losses.homogeneous, epoch) > 0 or across

    def losses(self, batch: Batch, encoded: EncodedBatch) -> Weighted:
        """A loss per modality, and one across."""
        found: Weighted = {}
        if self._homogeneous:
            for modality, values in encoded.features.items():
                own = None if self._own_row else self._places(batch, modality)
                loss = neighbour_contrast(values, self._memories[modality].features, own, temperature=self._temperature)
                found[f"neighbours {modality}"] = (self._homogeneous, loss)
        if self._heterogeneous and self._asks in encoded.features:
            others = self._memories[self._answers].features
            loss = neighbour_contrast(encoded.features[self._asks], others, temperature=self._temperature)
            found["neighbours across"] = (self._heterogeneous, loss)
        return found

    def update(self, batch: Batch, encoded: EncodedBatch) -> None:
        """Move the rows of the batch's crops."""
        for modality, values in encoded.features.items():
            self._memories[modality].update(values, self._places(batch, modality), batch.repeats[modality])

    def _places(self, batch: Batch, modality: str) -> torch.Tensor:
        """Where the batch's crops stand among those of their modality."""
        return torch.searchsorted(self._rows[modality], batch.rows[modality])
