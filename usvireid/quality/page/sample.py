"""A sample of the crops that is small enough to look at, and large enough to measure distances in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usvireid import names
from usvireid.encoders.features import Features
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.strips import pseudo_identities, spread, unlabelled_rows

_PER_SIDE = 4
"""Crops of one pseudo-identity and modality: a few are enough for distances within it."""
_BATCH_OF_IDENTITIES = 8


@dataclass(frozen=True)
class Sample:
    """Some crops with their features.

    Attributes:
        rows: int64 S, distinct rows of the crops.
        features: of those rows, in their order.

    Raises:
        ValueError: rows and features differ in number.
    """

    rows: np.ndarray
    features: Features

    def __post_init__(self) -> None:
        if len(self.rows) != len(self.features):
            raise ValueError(f"{len(self.rows)} rows with {len(self.features)} features")

    def __len__(self) -> int:
        return len(self.rows)


def sampled_rows(labels: PseudoLabels, count: int, generator: np.random.Generator) -> np.ndarray:
    """Rows to extract features of: random pseudo-identities, a few crops of each side, and some without an identity.

    Every beginning of the result is a sample of the same kind, so that work on it can stop anywhere. Where there are
    hardly more crops than asked for, the rest follows too.

    Args:
        labels: N rows.
        count: at most so many rows.
        generator: of the choice.

    Returns:
        int64, distinct.
    """
    people = pseudo_identities(labels)
    chosen = [
        np.concatenate([spread(rows, _PER_SIDE) for rows in people[place].rows.values()])
        for place in generator.permutation(len(people))
    ]
    unlabelled = generator.permutation(np.concatenate(list(unlabelled_rows(labels).values())))
    share = len(unlabelled) / len(labels) if len(labels) else 0.0
    parts: list[np.ndarray] = []
    taken = 0
    for start in range(0, len(chosen), _BATCH_OF_IDENTITIES):
        part = np.concatenate(chosen[start : start + _BATCH_OF_IDENTITIES])
        beside = round(len(part) * share / (1 - share)) if share < 1 else 0
        parts += [part, unlabelled[taken : taken + beside]]
        taken += beside
        if sum(map(len, parts)) >= count:
            break
    else:
        rest = np.setdiff1d(np.arange(len(labels)), np.concatenate([*parts, np.zeros(0, dtype=np.int64)]))
        parts.append(generator.permutation(rest))
    return np.concatenate(parts).astype(np.int64)[:count]


def codes_in(labels: PseudoLabels, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of these rows, the pseudo-identity (int64, -1 for none) and whether the crop is infrared (bool)."""
    identity = np.asarray(labels.column(names.IDENTITY), dtype=np.int64)[rows]
    infrared = labels.column(names.MODALITY)[rows] == names.INFRARED
    return identity, np.asarray(infrared, dtype=bool)
