"""The protocol of LLCM: all test images of one modality ask a drawn gallery of the other, both ways round.

The gallery of a trial is one image for each identity and camera of the other modality, drawn by Python's
`random.seed(trial)` and `random.choice` over ascending identities, for each the cameras in their order, from the paths
in their order. Gallery images of the query's own identity and camera are dropped. Rank-k counts distinct identities.
"""

from __future__ import annotations

import numpy as np

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.data.sources.llcm import TEST_CAMERAS
from usvireid.errors import DataError
from usvireid.evaluation.searches.draws import SEEDED, seeded_draw
from usvireid.evaluation.searches.search import (
    DIRECTIONS,
    PairRule,
    Search,
    by_identity_and_camera,
    direction_name,
    side,
)

CAMERAS = TEST_CAMERAS[names.VISIBLE]
"""All of them, in the order in which the gallery is drawn; the infrared ones are among them."""


def llcm_searches(crops: Crops, trials: int) -> list[Search]:
    """Both directions, a gallery for each of the trials 0, 1, ...

    Raises:
        DataError: no crop of the cameras.
    """
    searches = []
    for query, gallery in DIRECTIONS:
        pool = side(crops, gallery, names.GALLERY)
        groups = by_identity_and_camera(crops, pool, CAMERAS)
        if len(pool) and not groups:
            raise DataError(
                f"evaluation: the protocol llcm draws from {CAMERAS[0]} to {CAMERAS[-1]}, and no {gallery} gallery "
                "crop is of one of these; correct the column camera, or use evaluation.protocol=own."
            )
        searches.append(
            Search(
                name=direction_name(query, gallery),
                query=side(crops, query, names.QUERY),
                pool=pool,
                galleries=tuple(seeded_draw(groups, trial) for trial in range(trials)),
                collapse=True,
                dropped=same_person_and_camera(crops),
                facts={"draw": SEEDED, "shots": 1, "exclude": [names.CAMERA, names.IDENTITY]},
            )
        )
    return searches


def same_person_and_camera(crops: Crops) -> PairRule:
    """Drops what shows the query's own person in the query's own camera; a missing camera is no camera's."""
    identity, camera = crops.codes(names.IDENTITY), crops.codes(names.CAMERA)

    def dropped(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
        own = camera[query, None] >= 0
        away: np.ndarray = (identity[query, None] == identity[gallery]) & (camera[query, None] == camera[gallery])
        return away & own

    return dropped
