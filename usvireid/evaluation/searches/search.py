"""A search, the unit that a protocol is made of and that has a row in the results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from usvireid import names
from usvireid.data.crops import Crops

DIRECTIONS = ((names.INFRARED, names.VISIBLE), (names.VISIBLE, names.INFRARED))
"""Query modality and gallery modality."""

PairRule = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""For B query rows and U gallery rows of the table: bool, B x U, true where the gallery item is dropped."""


@dataclass(frozen=True)
class Search:
    """Queries, the gallery of each trial, and how the rankings are counted. Rows are those of one table of crops.

    Attributes:
        name: what the row of the result is called, such as "infrared->visible" or "all single-shot".
        query: int64, Q; the rows that ask.
        pool: int64; the rows that galleries are drawn from, or the gallery where nothing is drawn.
        galleries: for each trial int64, G; the rows that answer, in the order that breaks ties.
        collapse: Rank-k counts distinct identities instead of images.
        dropped: which gallery items leave the ranking of which queries; None drops nothing.
        facts: what else decides the numbers, as JSON values: how the gallery is drawn and what is dropped, in words.
    """

    name: str
    query: np.ndarray
    pool: np.ndarray
    galleries: tuple[np.ndarray, ...]
    collapse: bool = False
    dropped: PairRule | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


def direction_name(query: str, gallery: str) -> str:
    """The name of a direction in results and files."""
    return f"{query}->{gallery}"


def side(crops: Crops, modality: str, role: str) -> np.ndarray:
    """Rows of one modality and known identity that serve as `role`, query or gallery; int64, ascending.

    Crops of split "test" serve as both, and so does every crop where there is no split.
    """
    rows = np.intersect1d(crops.rows_of(modality), crops.evaluation_rows())
    if not crops.has(names.SPLIT):
        return rows
    serves = crops.table[names.SPLIT].isin([names.TEST, role]).to_numpy(dtype=bool, na_value=False)
    return np.asarray(rows[serves[rows]])


def whole_sides(
    crops: Crops, dropped: PairRule | None = None, facts: Mapping[str, object] | None = None
) -> list[Search]:
    """Both directions, one modality asking all of the other: nothing is drawn, and Rank-k counts images.

    Args:
        crops: the table.
        dropped: as for `Search`.
        facts: as for `Search`.
    """
    searches = []
    for query, gallery in DIRECTIONS:
        pool = side(crops, gallery, names.GALLERY)
        searches.append(
            Search(
                name=direction_name(query, gallery),
                query=side(crops, query, names.QUERY),
                pool=pool,
                galleries=(pool,),
                dropped=dropped,
                facts=facts or {},
            )
        )
    return searches


def by_identity_and_camera(crops: Crops, rows: np.ndarray, cameras: Sequence[str]) -> dict[tuple[str, str], list[int]]:
    """The rows of each identity and camera, in the order in which the protocols of benchmarks draw from them.

    Args:
        crops: the table.
        rows: rows to group; those of other cameras are left out.
        cameras: the cameras, in their order within an identity.

    Returns:
        (identity, camera) to its rows in the order of their paths: ascending identities, for each the cameras that
        have an image of it.
    """
    columns = (crops.table[column].iloc[rows].tolist() for column in (names.IDENTITY, names.CAMERA, names.PATH))
    place = {camera: number for number, camera in enumerate(cameras)}
    known = (entry for entry in zip(*columns, rows.tolist(), strict=True) if entry[1] in place)
    groups: dict[tuple[str, str], list[int]] = {}
    for identity, camera, _, row in sorted(known, key=lambda entry: (entry[0], place[entry[1]], entry[2])):
        groups.setdefault((identity, camera), []).append(row)
    return groups


def as_rows(rows: Iterable[int]) -> np.ndarray:
    """Row numbers as int64."""
    return np.fromiter(rows, dtype=np.int64)
