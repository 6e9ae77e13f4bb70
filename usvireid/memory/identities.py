"""Memory banks addressed by identity: which centre belongs to which pseudo-identity, and how centres start."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from usvireid import names
from usvireid.encoders.features import Features
from usvireid.matching.labels import PseudoLabels
from usvireid.memory.cluster import ClusterMemory
from usvireid.memory.means import unit_means


class IdentityMemory:
    """A cluster memory whose rows are found by identity.

    Args:
        centres: float K x D, unit rows; copied.
        identities: int64 K, ascending, not negative: whose centre each row is.
        momentum: share of the old centre that an update keeps.
    """

    def __init__(self, centres: Tensor, identities: Tensor, momentum: float) -> None:
        self.bank = ClusterMemory(centres, momentum)
        self.identities = identities

    @classmethod
    def of_modality(
        cls, features: Features, labels: PseudoLabels, modality: str, momentum: float, device: torch.device
    ) -> IdentityMemory:
        """One centre for each identity of a modality: the unit mean of its unit features there.

        After HIL's released code, which averages the features before they are normalised.
        """
        identities = labels.identities_of(modality)
        return cls(_means(features, labels, modality, identities, device), _on(identities, device), momentum)

    @classmethod
    def shared(
        cls,
        features: Features,
        labels: PseudoLabels,
        identities: np.ndarray,
        momentum: float,
        device: torch.device,
        *,
        by_crops: bool = False,
    ) -> IdentityMemory:
        """One centre for each of some identities (int64, ascending), of either modality or of both.

        Both modalities weigh alike in it (ours), or, `by_crops`, all its crops do (HIL, released code).
        """
        if by_crops:
            return cls(_means(features, labels, None, identities, device), _on(identities, device), momentum)
        parts = [_means(features, labels, modality, identities, device) for modality in names.MODALITIES]
        # An identity without crops in a modality has a zero row there, so the sum is the other one's mean.
        return cls(functional.normalize(parts[0] + parts[1]), _on(identities, device), momentum)

    @property
    def centres(self) -> Tensor:
        """The centres, float K x D; a view that updates change."""
        return self.bank.centres

    def __len__(self) -> int:
        return len(self.bank)

    def rows(self, identities: Tensor) -> Tensor:
        """The row of each identity (int64), -1 for one without a centre."""
        if not len(self.identities):
            return torch.full_like(identities, -1)
        place = torch.searchsorted(self.identities, identities).clamp(max=len(self.identities) - 1)
        return torch.where(self.identities[place] == identities, place, -1)

    def update(self, features: Tensor, identities: Tensor, steps: int) -> None:
        """Move the centres towards a batch; `steps`: no identity occurs more often than this."""
        self.bank.update(features, self.rows(identities), steps)

    def state_dict(self) -> dict[str, Tensor]:
        """Centres and identities, for a checkpoint."""
        return {**self.bank.state_dict(), "identities": self.identities}

    @classmethod
    def of_state(cls, state: Mapping[str, Tensor], momentum: float, device: torch.device) -> IdentityMemory:
        """The memory that `state_dict` described."""
        return cls(state["centres"].to(device), state["identities"].to(device), momentum)


def _means(
    features: Features, labels: PseudoLabels, modality: str | None, identities: np.ndarray, device: torch.device
) -> Tensor:
    """Unit mean feature of each identity in a modality, or in both (None), K x D; zero where it has no crop there."""
    rows = np.arange(len(labels)) if modality is None else labels.rows_of(modality)
    identity = labels.column(names.IDENTITY)[rows]
    held = np.isin(identity, identities)
    rows, identity = rows[held], identity[held]
    place = np.searchsorted(identities, identity)
    return unit_means(_on(features.values[rows], device), _on(place, device), len(identities))


def _on(array: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(array).to(device)
