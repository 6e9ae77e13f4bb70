"""Who passes which camera when: the tracks of a set and their times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from usvireid.data.sources.demo.cameras import CAMERAS, VISIBLE_CAMERAS
from usvireid.data.sources.demo.seeds import generator

FRAMES_PER_SECOND: Final = 25
STRIDE: Final = 5
"""Frames from one crop of a track to the next; crops of all tracks fall on multiples, so people share frames."""
_ARRIVAL_GAP: Final = 4.0
_BETWEEN_CAMERAS: Final = 90.0
_BETWEEN_VISITS: Final = 900.0
_SECOND_VISIT: Final = 0.25
"""Seconds from person to person, camera to camera and visit to visit; share of visits that are repeated."""


@dataclass(frozen=True)
class Visit:
    """One track: a person before a camera, from a first frame on, for a number of crops.

    `track` counts the person's tracks at that camera, `number` the tracks of all people there, by time and from 1.
    """

    person: int
    camera: int
    track: int
    first_frame: int
    crops: int
    number: int


@dataclass(frozen=True)
class Itinerary:
    """All tracks of a set, person by person: `rows` holds the fields of a `Visit` in a row (int64)."""

    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def visits(self, start: int, stop: int) -> list[Visit]:
        """The tracks of some rows."""
        return [Visit(*row) for row in self.rows[start:stop].tolist()]

    def column(self, name: str) -> np.ndarray:
        """One field of every track."""
        return np.asarray(self.rows[:, list(Visit.__dataclass_fields__).index(name)])


def itinerary(seed: int, people: int, images: int, one_modality: float, in_both: np.ndarray | None = None) -> Itinerary:
    """The tracks of a set.

    Args:
        seed: of the set.
        people: how many.
        images: mean number of crops per modality; people differ by up to a fifth.
        one_modality: share of people that only one modality ever sees; of a larger share they are some, and others.
        in_both: whom both modalities see all the same (bool, one per person); None: nobody.
    """
    shares = np.full(people, one_modality)
    if in_both is not None:
        shares[in_both] = 0
    rows = np.array([row for number in range(people) for row in _tracks(seed, number, images, shares[number])])
    order = np.lexsort((rows[:, 2], rows[:, 0], rows[:, 3], rows[:, 1]))
    place = np.empty(len(rows), dtype=np.int64)
    place[order] = np.arange(len(rows))
    before = np.searchsorted(np.sort(rows[:, 1]), np.arange(CAMERAS))
    return Itinerary(np.column_stack([rows, place - before[rows[:, 1]] + 1]))


def _tracks(seed: int, person: int, images: int, one_modality: float) -> Iterator[tuple[int, int, int, int, int]]:
    """Person, camera, track, first frame and crops of each of a person's tracks."""
    rng = generator(seed, "itinerary", person)
    alone, only = rng.random() < one_modality, int(rng.integers(2))
    for modality in (0, 1):
        count = max(1, round(images * float(rng.uniform(0.8, 1.2))))
        arrival = person * _ARRIVAL_GAP + float(rng.uniform(0, 15))
        places = _places(rng, modality, count)
        if alone and modality != only:
            continue
        for order, (camera, track) in enumerate(places):
            start = arrival + (order + CAMERAS * modality) * _BETWEEN_CAMERAS + track * _BETWEEN_VISITS
            first = round(start * FRAMES_PER_SECOND / STRIDE) * STRIDE
            yield person, camera, track, first, count // len(places) + (order < count % len(places))


def _places(rng: np.random.Generator, modality: int, count: int) -> list[tuple[int, int]]:
    """The (camera, track) pairs at which crops are taken, `count` at most: two or more cameras, one or two tracks."""
    group = range(VISIBLE_CAMERAS, CAMERAS) if modality else range(VISIBLE_CAMERAS)
    seen = rng.permutation(list(group))[: int(rng.integers(2, len(group) + 1))]
    again = [camera for camera in seen if rng.random() < _SECOND_VISIT]
    return [*((int(camera), 0) for camera in seen), *((int(camera), 1) for camera in again)][:count]


def in_test(seed: int, people: int, share: float) -> np.ndarray:
    """Which people are kept for testing (bool, one per person): the nearest whole number to that share."""
    chosen = np.zeros(people, dtype=bool)
    chosen[generator(seed, "split").permutation(people)[: round(people * share)]] = True
    return chosen
