"""Pseudo-identities as a person looks at them: a strip of crops for each modality, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from usvireid import names
from usvireid.matching.labels import PseudoLabels


@dataclass(frozen=True)
class PseudoIdentity:
    """What is labelled as one person.

    Attributes:
        number: the pseudo-identity.
        confidence: mean confidence of its crops, in [0, 1].
        rows: by modality, its rows of the labels (int64), the most confident first; empty where it has none there.
        clusters: by modality, the clusters its crops are from, ascending.
    """

    number: int
    confidence: float
    rows: Mapping[str, np.ndarray]
    clusters: Mapping[str, tuple[int, ...]]

    @property
    def crops(self) -> int:
        """How many crops it has in all."""
        return sum(map(len, self.rows.values()))

    @property
    def shared(self) -> bool:
        """Whether it has crops in both modalities."""
        return all(map(len, self.rows.values()))


@dataclass(frozen=True)
class Strip:
    """Some crops of one modality, to be drawn by the macro `strip` of `templates/parts.html.j2`.

    Attributes:
        modality: visible or infrared.
        crops: how many there are in all.
        rows: those that are shown.
        clusters: the clusters they are from.
    """

    modality: str
    crops: int
    rows: Sequence[int]
    clusters: Sequence[int] = ()


def pseudo_identities(labels: PseudoLabels) -> list[PseudoIdentity]:
    """All pseudo-identities, by number."""
    identity = np.asarray(labels.column(names.IDENTITY), dtype=np.int64)
    cluster = np.asarray(labels.column(names.CLUSTER), dtype=np.int64)
    confidence = np.asarray(labels.column(names.CONFIDENCE), dtype=np.float64)
    rows: dict[str, dict[int, np.ndarray]] = {}
    for modality in names.MODALITIES:
        labelled = labels.rows_of(modality)
        labelled = labelled[identity[labelled] >= 0]
        ordered = labelled[np.lexsort((labelled, -confidence[labelled], identity[labelled]))]
        starts = np.flatnonzero(np.diff(identity[ordered])) + 1
        rows[modality] = {int(identity[part[0]]): part for part in np.split(ordered, starts) if len(part)}
    nothing = np.zeros(0, dtype=np.int64)
    people = []
    for number in sorted(set().union(*rows.values())):
        own = {modality: found.get(number, nothing) for modality, found in rows.items()}
        known = {modality: np.unique(cluster[part]) for modality, part in own.items()}
        people.append(
            PseudoIdentity(
                number=number,
                confidence=float(confidence[np.concatenate(list(own.values()))].mean()),
                rows=own,
                clusters={modality: tuple(found[found >= 0].tolist()) for modality, found in known.items()},
            )
        )
    return people


def unlabelled_rows(labels: PseudoLabels) -> dict[str, np.ndarray]:
    """By modality, the rows without a pseudo-identity (int64, ascending)."""
    identity = np.asarray(labels.column(names.IDENTITY), dtype=np.int64)
    return {modality: rows[identity[rows] < 0] for modality in names.MODALITIES for rows in [labels.rows_of(modality)]}


def strip_of(modality: str, rows: np.ndarray, count: int, clusters: Sequence[int] = ()) -> Strip:
    """A strip that shows at most `count` of the rows, spread evenly over them."""
    return Strip(modality, len(rows), spread(rows, count).tolist(), clusters)


def spread(rows: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of the rows, evenly spaced, the first and the last among them."""
    if len(rows) <= count:
        return rows
    return np.asarray(rows[np.linspace(0, len(rows) - 1, count).round().astype(np.int64)])
