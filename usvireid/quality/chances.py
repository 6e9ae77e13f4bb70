"""Confidences in labels: the calibrated chance that each crop, cluster and match is right. No identity is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usvireid.quality import coefficients
from usvireid.quality.confidence import Logistic, suited
from usvireid.quality.examined import Examined


@dataclass(frozen=True)
class Chances:
    """Chances (float64, from 0 to 1) about what was examined, and the models they are from.

    Attributes:
        crop: N; that a crop is of the person that most crops of its part are of; NaN for crops without an identity.
            For a stray (`Parts.strays`), that it is of the identity that it is labelled as.
        part: K; that nearly all crops of a part are of one person.
        link: L; that the two ends of `Examined.links` are one person, linked or not.
        pair: M; that the two parts of `Examined.pairs` are one person.
        models: the model of each kind: "crop", "part", "link", "pair".
    """

    crop: np.ndarray
    part: np.ndarray
    link: np.ndarray
    pair: np.ndarray
    models: dict[str, Logistic]


def chances(seen: Examined) -> Chances:
    """The chances of everything that was examined, by the richest model that its cues allow."""
    models = {
        "crop": suited(coefficients.CROP, seen.crop_cues),
        "part": suited(coefficients.PART, seen.part_cues),
        "link": suited(coefficients.LINK, seen.link_cues),
        "pair": suited(coefficients.PAIR, seen.pair_cues),
    }
    crop = 1 - models["crop"].chance(seen.crop_cues, len(seen.parts.part))
    crop[seen.parts.crop_identity < 0] = np.nan
    return Chances(
        crop=crop,
        part=1 - models["part"].chance(seen.part_cues, len(seen.parts)),
        link=models["link"].chance(seen.link_cues, len(seen.links)),
        pair=models["pair"].chance(seen.pair_cues, len(seen.pairs)),
        models=models,
    )
