"""What every term of training offers to a recipe."""

from __future__ import annotations

import abc
from collections.abc import Iterable

from torch import Tensor

from usvireid.errors import UsageError
from usvireid.matching.labels import PseudoLabels
from usvireid.training.batches import Batch
from usvireid.training.experiment import EncodedBatch, Experiment

Weighted = dict[str, tuple[float, Tensor]]
"""Name of a loss to its weight and its value, a scalar with a gradient."""


class Term(abc.ABC):
    """A loss for one epoch, with the memory it acts against.

    Making one builds its memory from the features as the epoch begins. A term
    whose weight is 0 in an epoch is not made in it.

    Args:
        experiment: gives features, settings and device.
        labels: of the epoch.
        epoch: counted from 1.
    """

    @abc.abstractmethod
    def __init__(self, experiment: Experiment, labels: PseudoLabels, epoch: int) -> None: ...

    @staticmethod
    @abc.abstractmethod
    def acts(experiment: Experiment, labels: PseudoLabels, epoch: int) -> bool:
        """Whether the settings give it a weight in this epoch and the labels something to act on."""

    @abc.abstractmethod
    def losses(self, batch: Batch, encoded: EncodedBatch) -> Weighted:
        """What it adds to the loss of a batch."""

    def update(self, batch: Batch, encoded: EncodedBatch) -> None:  # noqa: B027  # a term may have no memory
        """Move its memory once the encoder has learnt from the batch."""


class Terms:
    """The terms that act in an epoch.

    Args:
        experiment: the working parts of the run.
        labels: of the epoch.
        epoch: counted from 1.
        kinds: in the order in which their losses are added.

    Raises:
        UsageError: none of them acts.
    """

    def __init__(self, experiment: Experiment, labels: PseudoLabels, epoch: int, kinds: Iterable[type[Term]]) -> None:
        self._terms = [kind(experiment, labels, epoch) for kind in kinds if kind.acts(experiment, labels, epoch)]
        if not self._terms:
            apart = "" if joins(labels) else ", in which no identity is seen in both modalities"
            raise UsageError(f"losses: no term that has a weight acts in epoch {epoch}{apart}; give losses.own one.")

    def losses(self, batch: Batch, encoded: EncodedBatch) -> Weighted:
        """The losses of all terms."""
        found: Weighted = {}
        for term in self._terms:
            found |= term.losses(batch, encoded)
        return found

    def update(self, batch: Batch, encoded: EncodedBatch) -> None:
        """Move the memories of all terms."""
        for term in self._terms:
            term.update(batch, encoded)


def joins(labels: PseudoLabels) -> bool:
    """Whether any identity has crops in both modalities, whoever joined them: matching, or a person by hand."""
    return len(labels.shared_identities()) > 0
