"""The protocol of SYSU-MM01: infrared images of cameras 3 and 6 ask a drawn gallery of visible ones.

All search draws the gallery from the visible cameras 1, 2, 4 and 5, indoor search from 1 and 2; single-shot takes one
image of each identity and camera, multi-shot ten (all, where there are fewer). Cameras 2 and 3 stand in one room, so a
query of camera 3 does not see images of camera 2, of whatever identity. Rank-k counts distinct identities.

Draws. "seeded" is the habit of the field: Python's `random.seed(trial)`, then over ascending identities, for each the
cameras in their order that have an image of it, one `random.choice` from the paths in their order, all from one
continuing stream. For multi-shot `random.sample` takes the place of `random.choice`; papers do not say how they draw
it, so this is ours. "file" takes what the permutations of the data set say, see `permutation_file`.
"""

from __future__ import annotations

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.data.published import SYSU_INDOOR
from usvireid.data.sources.sysu_mm01 import INFRARED_CAMERAS, VISIBLE_CAMERAS
from usvireid.errors import DataError
from usvireid.evaluation.searches.draws import SEEDED, seeded_draw
from usvireid.evaluation.searches.permutation_file import PERMUTATION_FILE, Permutations
from usvireid.evaluation.searches.search import PairRule, Search, as_rows, by_identity_and_camera, side

MODES = {"all": VISIBLE_CAMERAS, "indoor": SYSU_INDOOR}
"""The visible cameras of a mode, in the order in which the gallery is drawn."""
SHOTS = {"single": 1, "multi": 10}
"""Images drawn of an identity and camera."""


def sysu_searches(crops: Crops, shots: tuple[str, ...], draw: str, trials: int) -> list[Search]:
    """All and indoor search, for each of `shots`.

    Args:
        crops: test images of both modalities; the whole visible pool, from which galleries are drawn.
        shots: "single", "multi" or both.
        draw: "seeded" or "file".
        trials: galleries drawn, of the trials 0, 1, ...

    Raises:
        DataError: no crop of the cameras, or a permutation file that is not there, cannot be read or does not fit.
    """
    query, pool = side(crops, names.INFRARED, names.QUERY), side(crops, names.VISIBLE, names.GALLERY)
    query = query[crops.table[names.CAMERA].iloc[query].isin(INFRARED_CAMERAS).to_numpy(dtype=bool, na_value=False)]
    permutations = Permutations.read(crops.root / PERMUTATION_FILE) if draw == "file" else None
    searches = []
    for shot in dict.fromkeys(shots):
        for mode, cameras in MODES.items():
            groups = by_identity_and_camera(crops, pool, cameras)
            if not len(query) or not groups:
                raise _no_crops(crops)
            galleries = (
                tuple(seeded_draw(groups, trial, SHOTS[shot]) for trial in range(trials))
                if permutations is None
                else tuple(permutations.draw(crops, groups, trial, SHOTS[shot]) for trial in range(trials))
            )
            facts = {
                "mode": mode,
                "shots": SHOTS[shot],
                "draw": SEEDED if permutations is None else f"{PERMUTATION_FILE} {permutations.digest}",
                "exclude": ["cam2 for queries of cam3"],
            }
            searches.append(
                Search(
                    name=f"{mode} {shot}-shot",
                    query=query,
                    pool=as_rows(row for group in groups.values() for row in group),
                    galleries=galleries,
                    collapse=True,
                    dropped=same_room(crops),
                    facts=facts,
                )
            )
    return searches


def same_room(crops: Crops) -> PairRule:
    """Drops images of camera 2 for queries of camera 3."""
    camera = crops.table[names.CAMERA]
    asks, answers = ((camera == name).to_numpy(dtype=bool, na_value=False) for name in ("cam3", "cam2"))
    return lambda query, gallery: asks[query, None] & answers[gallery]


def _no_crops(crops: Crops) -> DataError:
    found = ", ".join(sorted(crops.evaluation().table[names.CAMERA].dropna().unique())) or "none"
    return DataError(
        "evaluation: the protocol sysu-mm01 needs infrared queries of cam3 and cam6 and visible gallery crops of cam1 "
        f"and cam2 at the least; cameras of the crops: {found}. Correct the column camera, or use "
        "evaluation.protocol=own."
    )
