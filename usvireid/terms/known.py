"""Known identities told apart by a classifier, among crops of which some are known."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from usvireid import names
from usvireid.loss_weights import weight_at
from usvireid.matching.labels import PseudoLabels
from usvireid.terms.term import Term, Weighted
from usvireid.training.batches import Batch
from usvireid.training.experiment import EncodedBatch, Experiment

_UNKNOWN = -100
"""What cross-entropy passes over."""


class KnownIdentities(Term):
    """Cross-entropy of a linear layer on the features after the neck, over the crops whose identity is known (ours).

    It is what `supervised` learns from, so that the more is known, the nearer this comes to it. A known crop weighs the
    same however many others are known: a few known people do not rule the network, and a batch without them adds zero.
    """

    def __init__(self, experiment: Experiment, labels: PseudoLabels, epoch: int) -> None:
        known = _known(experiment)
        self._weight = weight_at(experiment.settings.losses.identity, epoch)
        self._classify = experiment.classifier(int(known.max()) + 1)
        self._known = torch.from_numpy(np.where(known < 0, _UNKNOWN, known)).to(experiment.compute.device)

    @staticmethod
    def acts(experiment: Experiment, labels: PseudoLabels, epoch: int) -> bool:
        """Where it has a weight, and two identities or more are known; not if others were when it began to learn."""
        known = int(_known(experiment).max(initial=-1)) + 1
        if known < 2 or weight_at(experiment.settings.losses.identity, epoch) == 0:
            return False
        if not experiment.classifies(known):
            experiment.display.warn_once(
                f"the {known} identities that are known are not those of when training began: the classifier of known "
                "identities is left out; give another --out to start anew with it"
            )
            return False
        return True

    def losses(self, batch: Batch, encoded: EncodedBatch) -> Weighted:
        """One loss for the known crops of the batch, their sum over the number of all crops of the batch."""
        rows = torch.cat([batch.rows[name] for name in names.MODALITIES if name in batch.rows])
        identity = self._known[rows]
        total = cross_entropy(self._classify(encoded.all_necked()), identity, ignore_index=_UNKNOWN, reduction="sum")
        return {"identity": (self._weight, total / len(identity))}


def _known(experiment: Experiment) -> np.ndarray:
    """The number of each crop's identity (int64, N), -1 where it is not known."""
    return experiment.crops.codes(names.IDENTITY)
