"""Do the images of a modality look like it? Visible ones have colours, infrared ones have none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from usvireid import names
from usvireid.data.crops import Crops, Images
from usvireid.data.measuring import color_of
from usvireid.errors import DataError

GREY_BELOW: Final = 1.0
COLOR_ABOVE: Final = 2.0
"""Bounds of `Measurements.color`. Over 628 real visible crops, some by night, it is 2.5 or more; over as many thermal
ones it is 0."""

SAMPLE: Final = 32
"""Images of each camera that are looked at before a run."""


@dataclass(frozen=True)
class Looks:
    """Images of one modality and camera ("" where none is known), and how many of them look like the other modality."""

    modality: str
    camera: str
    images: int
    wrong: int

    @property
    def mostly_wrong(self) -> bool:
        """Whether more than half look like the other modality."""
        return 2 * self.wrong > self.images

    def __str__(self) -> str:
        at = f" of {self.camera}" if self.camera else ""
        how = "are grey" if self.modality == names.VISIBLE else "are in colour"
        return f"{self.wrong} of {self.images} {self.modality} images{at} {how}"


def looks_wrong(crops: Crops, color: np.ndarray) -> np.ndarray:
    """Which crops look like the other modality (bool, N).

    Args:
        crops: N crops.
        color: `Measurements.color` of each.
    """
    infrared = (crops.table[names.MODALITY] == names.INFRARED).to_numpy(dtype=bool)
    return np.where(infrared, color > COLOR_ABOVE, color < GREY_BELOW)


def looks_by_camera(crops: Crops, wrong: np.ndarray, rows: np.ndarray) -> list[Looks]:
    """How the given rows look, by modality and camera, the visible ones first."""
    table = crops.table.iloc[rows].assign(wrong=wrong[rows])
    table = table.assign(**{names.CAMERA: table[names.CAMERA].fillna("")})
    found = [
        Looks(str(modality), str(camera), len(part), int(part["wrong"].sum()))
        for (modality, camera), part in table.groupby([names.MODALITY, names.CAMERA])
    ]
    return sorted(found, key=lambda looks: (names.MODALITIES.index(looks.modality), looks.camera))


def swapped(found: Sequence[Looks]) -> list[Looks]:
    """Cameras of both modalities whose images mostly look like the other one; empty unless there are some of each."""
    wrong = [looks for looks in found if looks.mostly_wrong]
    return wrong if {looks.modality for looks in wrong} == set(names.MODALITIES) else []


def look_at(crops: Crops, images: Images) -> list[Looks]:
    """How the images of each modality and camera look, from a few of each.

    Args:
        crops: N crops, both modalities among them.
        images: their pixels.

    Raises:
        DataError: a benchmark of which visible and infrared images are swapped, in whole or at some cameras.
    """
    rows = _sample(crops)
    color = np.zeros(len(crops), dtype=np.float32)
    color[rows] = [color_of(pixels) for row in rows for pixels in images(np.array([row]))]
    found = looks_by_camera(crops, looks_wrong(crops, color), rows)
    if crops.layout != names.OWN and (exchanged := swapped(found)):
        raise DataError(
            f"{crops.root}: visible and infrared seem to be swapped: {'; '.join(map(str, exchanged))} "
            f"(of up to {SAMPLE} looked at); put the images of each camera into its own folder."
        )
    return found


def doubts_about_looks(found: Sequence[Looks]) -> list[str]:
    """A line for each camera whose images mostly look like the other modality."""
    return [
        f"{looks} (of up to {SAMPLE} looked at); is this the right modality? `usvireid data check` tells more"
        for looks in found
        if looks.mostly_wrong
    ]


def _sample(crops: Crops) -> np.ndarray:
    """Rows of up to `SAMPLE` crops of each modality and camera, evenly over the table."""
    codes = crops.codes(names.MODALITY) * (len(crops) + 1) + crops.codes(names.CAMERA)
    picked = []
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        picked.append(rows[np.unique(np.linspace(0, len(rows) - 1, SAMPLE).astype(np.int64))])
    return np.sort(np.concatenate(picked))
