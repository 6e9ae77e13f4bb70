"""Scores of the encoder during a run, where identities are known.

They are looked at and not acted upon, unless `selection.method` is "test".
"""

from __future__ import annotations

import numpy as np

from usvireid.config import EvaluationSettings
from usvireid.data.crops import Crops, Images
from usvireid.encoders.features import Features
from usvireid.evaluation.protocols import evaluate, why_not_scored
from usvireid.evaluation.results import Evaluation
from usvireid.training.experiment import Experiment


class Scorer:
    """Keeps the crops with identities apart from the experiment, which does not see them.

    Args:
        crops: all crops of the data, with identities.
        images: the pixels of rows of `crops`.
        settings: which gallery crops are dropped.
        trained: row numbers of `crops` that the experiment trains on; None: `Crops.training_rows`.
    """

    def __init__(
        self, crops: Crops, images: Images, settings: EvaluationSettings, trained: np.ndarray | None = None
    ) -> None:
        self.why_not = why_not_scored(crops)
        self._settings = settings
        rows = crops.evaluation_rows()
        # Where the crops to score on are those to train on, the features of the next epoch are at hand.
        self._same = np.array_equal(rows, crops.training_rows() if trained is None else trained)
        self._crops = crops.take(rows)
        self._images: Images = lambda picked: images(rows[picked])

    def score(self, experiment: Experiment) -> Evaluation:
        """Extract the features of the evaluation crops with the encoder as it is, and score them.

        Raises:
            DataError: the data cannot be scored; the message says why.
        """
        if self._same:
            features = Features(experiment.extract_features().values, self._crops)
        else:
            features = experiment.features_of(self._crops, self._images, "features for evaluation")
        return evaluate(features, exclude=tuple(self._settings.exclude), min_frame_gap=self._settings.min_frame_gap)
