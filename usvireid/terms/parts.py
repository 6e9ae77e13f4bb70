"""The hierarchy at work: several centres per identity, from the parts of its clusters."""

from __future__ import annotations

import numpy as np
import torch

from usvireid import names
from usvireid.clustering.secondary import divide_as_given
from usvireid.config import MemorySettings
from usvireid.encoders.features import Features
from usvireid.loss_weights import weight_at
from usvireid.losses.multi_centre import multi_centre_contrast, nearest_centre_contrast
from usvireid.matching.labels import PseudoLabels
from usvireid.memory.multi_centre import MultiCentreMemory
from usvireid.names import MODALITIES
from usvireid.terms.term import Term, Weighted
from usvireid.training.batches import Batch
from usvireid.training.experiment import EncodedBatch, Experiment


class MultiCentres(Term):
    """MCCL (HIL): contrast with the parts of identities, within a modality and with those of the other.

    Within: the own identity's parts against all others of the modality. Across: where the identity is seen in the other
    modality too, its parts there against all others there. `losses.mccl_form` "nearest" is the released code's, which
    asks no label; there one encoder head decides, since only a network with two could have them agree.
    """

    def __init__(self, experiment: Experiment, labels: PseudoLabels, epoch: int) -> None:
        settings = experiment.settings
        self._weight, self._form = weight_at(settings.losses.mccl, epoch), settings.losses.mccl_form
        self._temperature = settings.memory.temperature
        features, device = experiment.extract_features(), experiment.compute.device
        self._banks = {name: part_memory(features, labels, name, settings.memory, device) for name in MODALITIES}

    @staticmethod
    def acts(experiment: Experiment, labels: PseudoLabels, epoch: int) -> bool:
        """Always, where it has a weight."""
        return weight_at(experiment.settings.losses.mccl, epoch) > 0

    def losses(self, batch: Batch, encoded: EncodedBatch) -> Weighted:
        """A loss within and one across for each modality in the batch."""
        found: Weighted = {}
        for modality, values in encoded.features.items():
            for name, bank in self._banks.items():
                if self._form == "nearest":
                    loss = nearest_centre_contrast(values, bank.memory.centres, bank.memory.valid)
                else:
                    rows = bank.rows(batch.identities[modality])
                    loss = multi_centre_contrast(
                        values, bank.memory.centres, bank.memory.valid, rows, self._temperature
                    )
                title = f"parts {modality}" if name == modality else f"parts {modality} to {name}"
                found[title] = (self._weight, loss)
        return found

    def update(self, batch: Batch, encoded: EncodedBatch) -> None:
        """Move the nearest part of each crop's identity, in its own modality."""
        for modality, values in encoded.features.items():
            bank = self._banks[modality]
            bank.memory.update(values, bank.rows(batch.identities[modality]), batch.repeats[modality])


class PartMemory:
    """A multi-centre memory whose rows are found by identity.

    Args:
        memory: K identities.
        identities: int64, K, ascending: whose centres each row holds.
    """

    def __init__(self, memory: MultiCentreMemory, identities: torch.Tensor) -> None:
        self.memory = memory
        self._identities = identities

    def rows(self, identities: torch.Tensor) -> torch.Tensor:
        """The row of each identity (int64), -1 for one without centres."""
        if not len(self._identities):
            return torch.full_like(identities, names.NO_LABEL)
        place = torch.searchsorted(self._identities, identities).clamp(max=len(self._identities) - 1)
        return torch.where(self._identities[place] == identities, place, names.NO_LABEL)


def part_memory(
    features: Features, labels: PseudoLabels, modality: str, settings: MemorySettings, device: torch.device
) -> PartMemory:
    """The centres of a modality's identities: one for each part of each of their clusters."""
    rows = labels.rows_of(modality)
    identity = labels.column(names.IDENTITY)[rows]
    rows, identity = rows[identity >= 0], identity[identity >= 0]
    numbers = labels.identities_of(modality)
    parts = part_numbers(identity, labels.column(names.CLUSTER)[rows], labels.column(names.SUB_CLUSTER)[rows])
    values, place, part = (
        torch.from_numpy(np.ascontiguousarray(array)).to(device)
        for array in (features.values[rows], np.searchsorted(numbers, identity), parts)
    )
    divided = divide_as_given(values, place, len(numbers), part)
    if settings.centres == "released":
        memory = MultiCentreMemory.released(divided, settings.shrink)
    else:
        memory = MultiCentreMemory.described(divided, settings.shrink, settings.momentum)
    return PartMemory(memory, torch.from_numpy(numbers).to(device))


def part_numbers(identity: np.ndarray, cluster: np.ndarray, sub_cluster: np.ndarray) -> np.ndarray:
    """Parts counted from 0 within each identity: every (cluster, sub-cluster) that it has is one.

    All int64, N; the sub-cluster is -1 where clusters were not divided.
    """
    triples, which = np.unique(np.stack([identity, cluster, sub_cluster]), axis=1, return_inverse=True)
    first = np.searchsorted(triples[0], triples[0])
    number = np.arange(triples.shape[1]) - first
    return np.asarray(number[which.ravel()], dtype=np.int64)
