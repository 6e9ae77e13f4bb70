"""Which identities a recipe that uses identities gets to see, and which are left to judge it by."""

from __future__ import annotations

import numpy as np

from usvireid import names
from usvireid.config import KnownSettings, Settings
from usvireid.data.crops import Crops
from usvireid.randomness import numpy_generator


def shown_rows(crops: Crops, settings: KnownSettings, seed: int) -> np.ndarray:
    """The crops whose identities are shown (bool, N).

    A larger share shows what a smaller one shows, and more. The share is one of identities, rounded; of an identity
    that is drawn all crops are shown, or those of one modality.
    """
    code = crops.codes(names.IDENTITY)
    count = int(code.max(initial=-1)) + 1
    drawn = numpy_generator(seed, "known identities").permutation(count)[: round(settings.share * count)]
    shown = np.isin(code, drawn)
    if settings.modality != "both":
        shown &= (crops.table[names.MODALITY] == settings.modality).to_numpy(dtype=bool)
    return shown


def unseen(crops: Crops, settings: Settings, sees_identities: bool) -> Crops:
    """The crops with those identities alone that the recipe does not get to see: what labels can be judged by."""
    if not sees_identities:
        return crops
    return crops.with_identities_at(~shown_rows(crops, settings.known, settings.seed))
