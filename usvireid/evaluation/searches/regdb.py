"""The protocol of RegDB: all test images of one modality ask those of the other, both ways round.

Ranks count images, nothing is dropped and nothing is drawn: the ten trials of RegDB are ten trainings, each with a
split of its own.
"""

from __future__ import annotations

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.evaluation.searches.search import DIRECTIONS, Search, direction_name, side


def regdb_searches(crops: Crops) -> list[Search]:
    """Both directions over the test images of one split."""
    searches = []
    for query, gallery in DIRECTIONS:
        pool = side(crops, gallery, names.GALLERY)
        searches.append(
            Search(
                name=direction_name(query, gallery),
                query=side(crops, query, names.QUERY),
                pool=pool,
                galleries=(pool,),
            )
        )
    return searches
