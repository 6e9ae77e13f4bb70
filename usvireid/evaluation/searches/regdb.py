"""The protocol of RegDB: all test images of one modality ask those of the other, both ways round.

Ranks count images, nothing is dropped and nothing is drawn: the ten trials of RegDB are ten trainings, each with a
split of its own.
"""

from __future__ import annotations

from usvireid.data.crops import Crops
from usvireid.evaluation.searches.search import Search, whole_sides


def regdb_searches(crops: Crops) -> list[Search]:
    """Both directions over the test images of one split."""
    return whole_sides(crops)
