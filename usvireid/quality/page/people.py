"""The table of pseudo-identities, as data from which the page makes the rows that are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.printable import shown
from usvireid.quality.strips import PseudoIdentity, spread

STRIP = 8
"""Crops in a strip, where there is room for them."""
_NAMES = 3
"""Crops that are named where there are no pictures."""
_ORDER_IN_STRIP = (0, 7, 4, 2, 6, 1, 5, 3)
"""Which of them get a picture first: the most and the least confident, then those between."""


@dataclass(frozen=True)
class Standing:
    """What is known about a pseudo-identity beside its crops.

    Attributes:
        doubt: chance that something is wrong with it, in [0, 1]; None where none was estimated.
        reason: why, in words.
        link: chance that its two sides are one person, in [0, 1]; None where that was not estimated, or one side only.
    """

    doubt: float | None = None
    reason: str = ""
    link: float | None = None


def rows_by_turn(people: Sequence[PseudoIdentity]) -> Iterable[int]:
    """Rows that pictures are wanted of: one of each side of everybody, then a second one, and so on."""
    strips = [spread(rows, STRIP) for person in people for rows in person.rows.values()]
    for turn in _ORDER_IN_STRIP:
        for strip in strips:
            if turn < len(strip):
                yield int(strip[turn])


def table_of_people(
    people: Sequence[PseudoIdentity],
    standing: Mapping[int, Standing],
    crops: Crops,
    known: np.ndarray | None,
    pictures: Mapping[int, str],
) -> list[dict[str, Any]]:
    """A dict of plain values for each pseudo-identity, in the order given.

    `number`, `confidence`, `doubt`, `reason`, `link`, `right` (whether the most frequent known identity is the same on
    both sides; None where that is not known), `cameras` (text) and `sides`, a list of crops in all, clusters (text) and
    the rows that are shown.

    Args:
        people: to be listed.
        standing: by number.
        crops: for the cameras.
        known: codes of the known identities, int64, -1 where unknown; None where they are not to be looked at.
        pictures: by row, what there are pictures of; where there are none, the first rows are named.
    """
    cameras = crops.table[names.CAMERA].to_numpy(dtype=object)
    table = []
    for person in people:
        own = standing.get(person.number, Standing())
        everywhere = np.concatenate(list(person.rows.values()))
        table.append(
            {
                "number": person.number,
                "confidence": round(person.confidence, 3),
                "doubt": _rounded(own.doubt),
                "reason": own.reason,
                "link": _rounded(own.link),
                "right": None if known is None else _agree([known[rows] for rows in person.rows.values()]),
                "cameras": ", ".join(sorted({shown(str(one)) for one in cameras[everywhere] if not pd.isna(one)})),
                "sides": [
                    [len(rows), ", ".join(map(str, person.clusters[modality])), _shown_rows(rows, pictures)]
                    for modality, rows in person.rows.items()
                ],
            }
        )
    return table


def _shown_rows(rows: np.ndarray, pictures: Mapping[int, str]) -> list[int]:
    strip = [int(row) for row in spread(rows, STRIP)]
    return [row for row in strip if row in pictures] or strip[:_NAMES]


def _agree(sides: Sequence[np.ndarray]) -> bool | None:
    """Whether the most frequent code from 0 up is the same on both sides; None where one has none."""
    found = [side[side >= 0] for side in sides]
    if not all(map(len, found)):
        return None
    first, second = (int(np.bincount(codes).argmax()) for codes in found)
    return first == second


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
