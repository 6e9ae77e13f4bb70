"""Scores of the encoder during a run, where identities are known.

They are looked at and not acted upon, unless `selection.method` is "test".
"""

from __future__ import annotations

import numpy as np

from usvireid.config import EvaluationSettings
from usvireid.data.crops import Crops, Images
from usvireid.encoders.features import Features
from usvireid.errors import DataError
from usvireid.evaluation.protocols import plan, why_not_scored
from usvireid.evaluation.results import Evaluation
from usvireid.processes import SCORE, current
from usvireid.training.experiment import Experiment


class Scorer:
    """Keeps the crops with identities apart from the experiment, which does not see them.

    Args:
        crops: all crops of the data, with identities.
        images: the pixels of rows of `crops`.
        settings: the protocol and its settings.
        trained: row numbers of `crops` that the experiment trains on; None: `Crops.training_rows`.

    Raises:
        UsvireidError: settings that do not fit the crops; it is said before anything is trained.
    """

    def __init__(
        self, crops: Crops, images: Images, settings: EvaluationSettings, trained: np.ndarray | None = None
    ) -> None:
        self.why_not = why_not_scored(crops)
        rows = crops.evaluation_rows()
        # Where the crops to score on are those to train on, the features of the next epoch are at hand.
        self._same = np.array_equal(rows, crops.training_rows() if trained is None else trained)
        self._crops = crops.take(rows)
        self._plan = plan(self._crops, settings) if self.why_not is None else None
        self._images: Images = lambda picked: images(rows[picked])

    def score(self, experiment: Experiment) -> Evaluation:
        """Extract the features of the evaluation crops with the encoder as it is, and score them.

        Raises:
            DataError: the data cannot be scored; the message says why.
        """
        if self._plan is None:
            raise DataError(str(self.why_not))
        with current().jointly(SCORE):
            features = self.features(experiment)
        return self._plan.score(features, mirrored=True)

    def features(self, experiment: Experiment) -> Features:
        """What is scored: the features of the evaluation crops by the encoder that the run stands for."""
        if self._same and experiment.standing is experiment.encoder.trained_part():
            return Features(experiment.extract_features().values, self._crops)
        return experiment.features_of(self._crops, self._images, "features for evaluation")
