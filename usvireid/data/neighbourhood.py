"""From the number of crops of a person to k1 and k2. What the crops show is not looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from usvireid import names
from usvireid.data.crops import Crops

SMALLEST_K1: Final = 8
LARGEST_K1: Final = 30
CAREFUL_K1: Final = 12
"""Where nothing is known; suits about six crops of a person in one modality, and more."""


@dataclass(frozen=True)
class Suggestion:
    """Settings of the neighbourhood graph that suit some crops, as far as can be told without features.

    Attributes:
        k1: for `neighbors.k1`.
        k2: for `neighbors.k2`.
        eps: for `clustering.eps`; always "auto", as it depends on the features and not on the number of crops.
        known: "identity" or "track", which the crops of a person were counted by, or "nothing".
        reason: one sentence that says what the numbers come from.
    """

    k1: int
    k2: int
    eps: str
    known: str
    reason: str


def k1_for(typical: float) -> int:
    """Twice the number of crops that a person has in one modality, from 8 to 30; see `clustering.advice.advise_k1`."""
    return int(np.clip(round(2 * typical), SMALLEST_K1, LARGEST_K1))


def k2_for(k1: int) -> int:
    """The k2 that goes with a k1: a fifth of it, as in the published setting of 30 and 6."""
    return max(1, round(k1 / 5))


def typical_size(sizes: np.ndarray) -> float:
    """Size of the group that an average member is in; 0 without groups."""
    return float((sizes.astype(np.float64) ** 2).sum() / sizes.sum()) if sizes.sum() else 0.0


def suggest(crops: Crops) -> Suggestion:
    """k1, k2 and eps for the crops to train on.

    The modality with fewer crops of a person decides, as one k1 serves both. Identities are counted where they are
    known, else tracks; a person has at least one, and as a rule several, so these give a lower bound.
    """
    training = crops.training()
    for known, key in (
        (names.IDENTITY, [names.IDENTITY]),
        (names.TRACK, [names.CAMERA, names.TRACK]),
    ):
        sizes = {modality: _typical(training, modality, known, key) for modality in names.MODALITIES}
        if all(sizes.values()):
            k1 = k1_for(min(sizes.values()))
            told = " and ".join(f"{size:.0f} {modality}" for modality, size in sizes.items())
            least = "" if known == names.IDENTITY else "; larger where a person has several tracks"
            reason = (
                f"on average the {known} of a training crop has {told} crops, and k1 is twice the smaller number, "
                f"from {SMALLEST_K1} to {LARGEST_K1}{least}"
            )
            return Suggestion(k1, k2_for(k1), "auto", known, reason)
    reason = (
        "neither identities nor tracks tell how many crops a person has; this is a careful start, better is twice "
        f"the crops that you expect of one person in one modality, from {SMALLEST_K1} to {LARGEST_K1}"
    )
    return Suggestion(CAREFUL_K1, k2_for(CAREFUL_K1), "auto", "nothing", reason)


def _typical(crops: Crops, modality: str, known: str, key: list[str]) -> float:
    table = crops.take(crops.rows_of(modality)).table
    sizes = table[table[known].notna()].groupby(key, dropna=False).size()
    return typical_size(sizes.to_numpy(dtype=np.int64))
