"""The hierarchy at work: several centres per identity, from the parts of its clusters."""

from __future__ import annotations

import numpy as np
import torch

from usvireid import names
from usvireid.clustering.secondary import divide_as_given
from usvireid.config import MemorySettings
from usvireid.encoders.features import Features
from usvireid.encoders.vit import SHALLOW, TwoHeadViT
from usvireid.loss_weights import weight_at
from usvireid.losses.multi_centre import agreement, multi_centre_contrast, nearest_centre_contrast
from usvireid.matching.labels import PseudoLabels
from usvireid.memory.multi_centre import MultiCentreMemory
from usvireid.names import MODALITIES
from usvireid.terms.term import Term, Weighted
from usvireid.training.batches import Batch
from usvireid.training.experiment import EncodedBatch, Experiment

_BOTH = "both"
"""The name of the bank that the modalities share."""


class MultiCentres(Term):
    """MCCL (HIL): contrast with the parts of identities, within a modality and with those of the other.

    Within: the own identity's parts against all others of the modality. Across: where the identity is seen in the other
    modality too, its parts there against all others there. With `clustering.parts.of` "identities" both modalities
    share the parts, so that within and across are the same (HIL, released code).

    `losses.mccl_form` "nearest" is the released code's, which asks no label. With an encoder of two heads a crop counts
    where they agree on the nearest identity, each by centres of its own; with one head every crop counts.
    """

    def __init__(self, experiment: Experiment, labels: PseudoLabels, epoch: int) -> None:
        settings = experiment.settings
        self._weight, self._form = weight_at(settings.losses.mccl, epoch), settings.losses.mccl_form
        self._temperature = settings.memory.temperature
        self._shared = settings.clustering.parts.of == "identities"
        self._banks = self._of_features(experiment, labels, experiment.extract_features())
        self._second = None
        if self._form == "nearest" and isinstance(experiment.encoder.trained_part(), TwoHeadViT):
            self._second = self._of_features(experiment, labels, experiment.features_of_head(SHALLOW))

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
                    agreed = self._agreed(name, values, encoded, modality)
                    loss = nearest_centre_contrast(values, bank.memory.centres, bank.memory.valid, agreed)
                else:
                    rows = bank.rows(batch.identities[modality])
                    loss = multi_centre_contrast(
                        values, bank.memory.centres, bank.memory.valid, rows, self._temperature
                    )
                title = f"parts {modality}" if name in (modality, _BOTH) else f"parts {modality} to {name}"
                found[title] = (self._weight, loss)
        return found

    def update(self, batch: Batch, encoded: EncodedBatch) -> None:
        """Move the nearest part of each crop's identity, in its own modality."""
        for modality, values in encoded.features.items():
            bank = self._banks[_BOTH if self._shared else modality]
            bank.memory.update(values, bank.rows(batch.identities[modality]), batch.repeats[modality])

    def _of_features(self, experiment: Experiment, labels: PseudoLabels, features: Features) -> dict[str, PartMemory]:
        """The banks, by modality or one for both, from what a head sees of all crops."""
        memory, device = experiment.settings.memory, experiment.compute.device
        if self._shared:
            return {_BOTH: part_memory(features, labels, None, memory, device)}
        return {name: part_memory(features, labels, name, memory, device) for name in MODALITIES}

    def _agreed(self, name: str, values: torch.Tensor, encoded: EncodedBatch, modality: str) -> torch.Tensor | None:
        """Which crops (bool, B) have the same nearest identity in both heads; None where there is one head."""
        if self._second is None:
            return None
        one, other = self._banks[name].memory, self._second[name].memory
        return agreement(values, encoded.extra[SHALLOW][modality], one.centres, other.centres, one.valid)


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
    features: Features, labels: PseudoLabels, modality: str | None, settings: MemorySettings, device: torch.device
) -> PartMemory:
    """The centres of a modality's identities: one for each part of each of their clusters.

    With None for the modality, those of all identities, whose parts are then of both modalities.
    """
    rows = np.arange(len(labels)) if modality is None else labels.rows_of(modality)
    identity = labels.column(names.IDENTITY)[rows]
    rows, identity = rows[identity >= 0], identity[identity >= 0]
    numbers = np.unique(identity)
    cluster = np.zeros_like(rows) if modality is None else labels.column(names.CLUSTER)[rows]
    parts = part_numbers(identity, cluster, labels.column(names.SUB_CLUSTER)[rows])
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
