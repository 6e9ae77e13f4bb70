"""Identities that are kept out of training, so that an epoch can be selected by people it has not seen. Ours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from usvireid import names
from usvireid.config import Settings
from usvireid.data.crops import Crops, Images
from usvireid.encoders.features import Features
from usvireid.errors import DataError
from usvireid.evaluation.protocols import plan
from usvireid.evaluation.results import Evaluation
from usvireid.processes import SCORE_HELD_OUT, current
from usvireid.randomness import derived_seed
from usvireid.training.experiment import Experiment

_FEWEST = 4
"""Identities seen in both modalities that it takes: two to hold out, two to learn from."""


def training_rows(crops: Crops, settings: Settings) -> np.ndarray:
    """Row numbers of the crops to train on: those of `Crops.training_rows` whose identity is not held out.

    Raises:
        DataError: identities are to be held out and there are too few.
    """
    rows = crops.training_rows()
    if settings.selection.method != "held-out":
        return rows
    return np.asarray(rows[~_held_out(crops.take(rows), settings)])


def held_out_rows(crops: Crops, settings: Settings) -> np.ndarray:
    """Row numbers of the crops that `training_rows` leaves out of training; none where nothing is held out.

    Raises:
        DataError: identities are to be held out and there are too few.
    """
    return np.setdiff1d(crops.training_rows(), training_rows(crops, settings))


def held_out_identities(crops: Crops, share: float, seed: int) -> list[str]:
    """Some of the identities that are seen in both modalities: a share of them, two at least.

    Each identity draws a number from its name and the seed, and the smallest numbers are taken. So who is held out does
    not change when other people are added, apart from those who draw a smaller number.

    Raises:
        DataError: fewer than four identities are seen in both modalities.
    """
    identity = crops.table[names.IDENTITY]
    seen = [set(identity.iloc[crops.rows_of(modality)].dropna()) for modality in names.MODALITIES]
    both = sorted(set.intersection(*seen))
    if len(both) < _FEWEST:
        raise DataError(
            f"selection.method held-out: needs at least {_FEWEST} identities that the training crops show in both "
            f"modalities, and there are {len(both)}; use last or label-free, which need none."
        )
    drawn = sorted(both, key=lambda name: (derived_seed(seed, "held-out", name), name))
    return sorted(drawn[: max(2, round(share * len(both)))])


def _held_out(crops: Crops, settings: Settings) -> np.ndarray:
    """A boolean mask over the training crops."""
    out = held_out_identities(crops, settings.selection.share, settings.seed)
    return crops.table[names.IDENTITY].isin(out).to_numpy(dtype=bool)


class HeldOutScorer:
    """Scores an encoder on held-out crops, every one of them as query and as gallery for the other modality.

    The protocol is the generic one whatever the data are: the scores choose an epoch and are compared with no others.

    Args:
        crops: the held-out crops, with identities.
        images: the pixels of rows of `crops`.
        settings: of the run; the rules of `evaluation` for dropping gallery crops hold here too.

    Raises:
        DataError: a column that a rule needs is empty.
    """

    def __init__(self, crops: Crops, images: Images, settings: Settings) -> None:
        self._crops = replace(
            crops, table=crops.table.assign(**{names.SPLIT: np.full(len(crops), names.TEST)}), layout=names.OWN
        )
        self._images = images
        rules = {"protocol": names.OWN, "shots": ["single"], "draw": "seeded", "rerank": False}
        self._plan = plan(self._crops, settings.evaluation.model_copy(update=rules))

    def score(self, experiment: Experiment) -> Evaluation:
        """Extract the features of the held-out crops with the encoder as it is, and score them.

        Raises:
            DataError: a rule drops every correct crop; the message says so.
        """
        with current().jointly(SCORE_HELD_OUT):
            features = self.features(experiment)
        return self._plan.score(features)

    def features(self, experiment: Experiment) -> Features:
        """What is scored: the features of the held-out crops by the encoder as it is."""
        return experiment.features_of(self._crops, self._images, "features of held-out identities")
