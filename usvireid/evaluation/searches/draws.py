"""Galleries drawn by Python's generator, as the published code of the field draws them."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import numpy as np

from usvireid.evaluation.searches.search import as_rows

SEEDED = "random.seed(trial)"
"""What a seeded draw is called in fingerprints."""


def seeded_draw(groups: Mapping[tuple[str, str], list[int]], trial: int, shots: int = 1) -> np.ndarray:
    """The gallery of a trial: rows (int64) from each group in turn, from one stream that `trial` seeds.

    One image is drawn by `random.choice`, several by `random.sample`; a smaller group is taken as a whole, in the order
    in which it is drawn. Python keeps both the same across machines and versions (3.11 and later).
    """
    random = Random(trial)
    if shots == 1:
        return as_rows(random.choice(group) for group in groups.values())
    return as_rows(row for group in groups.values() for row in random.sample(group, min(shots, len(group))))
