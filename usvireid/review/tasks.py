"""What a person is asked, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.doubts import Doubt
from usvireid.quality.measures import clusters_of

CLUSTER: Final = "cluster"
LINK: Final = "link"
PAIR: Final = "pair"

_NONE = np.zeros(0, dtype=np.int64)
_NO_DOUBT = "Nothing speaks against it."
_ORDER = (names.MODALITY, names.CAMERA, names.TRACK, names.FRAME, names.TIME, names.PATH)


@dataclass(frozen=True)
class Task:
    """One question.

    Attributes:
        kind: `cluster`: are the crops of `first` one person? `link`: is a visible cluster, `first`, the person of an
            infrared one, `second`, as the labels say? `pair`: the same of two clusters that the labels keep apart.
        score: the chance that the labels are wrong; where there is no doubt, how unsure the clustering was.
        reason: why it is asked, a sentence.
        first: rows of crops, int64, in the order in which they are shown.
        second: rows of crops, int64; empty for `cluster`.
        picked: rows among them that the doubt is about, int64.
    """

    kind: str
    score: float
    reason: str
    first: np.ndarray
    second: np.ndarray
    picked: np.ndarray

    @property
    def doubted(self) -> bool:
        """Whether anything speaks against the labels here."""
        return self.reason != _NO_DOUBT

    @property
    def rows(self) -> np.ndarray:
        """The crops of both sides."""
        return np.concatenate((self.first, self.second))


def shown_in_order(rows: np.ndarray, crops: Crops) -> np.ndarray:
    """Rows as a person looks at them: by modality, camera, track and time, so that what belongs together stands so."""
    keys = {column: crops.codes(column)[rows] for column in _ORDER}
    return np.asarray(rows[pd.DataFrame(keys).sort_values(list(_ORDER), kind="stable").index], dtype=np.int64)


def clusters_in(labels: PseudoLabels) -> list[np.ndarray]:
    """The rows (int64, ascending) of every cluster, the visible ones first."""
    found = []
    cluster = clusters_of(labels)
    for modality in names.MODALITIES:
        rows = labels.rows_of(modality)
        rows = rows[cluster[rows] >= 0]
        order = rows[np.argsort(cluster[rows], kind="stable")]
        found += np.split(order, np.flatnonzero(np.diff(cluster[order])) + 1) if len(order) else []
    return found


def questions(labels: PseudoLabels, crops: Crops, doubts: Sequence[Doubt], top: int) -> list[Task]:
    """The questions about labels, at most `top`: first the doubts, in their order, then everything else.

    Args:
        labels: N labels.
        crops: the same N crops, for the order in which they are shown.
        doubts: about these labels, those first whose answers are worth most.
        top: how many.
    """
    asked = [_of_doubt(doubt, crops) for doubt in doubts]
    return _each_once([*asked, *_others(labels, crops)])[:top]


def _of_doubt(doubt: Doubt, crops: Crops) -> Task:
    """A doubt as a question: of a group that may be two people the smaller side is picked already."""
    first, second = (shown_in_order(side, crops) for side in (doubt.first, doubt.second))
    if doubt.kind != LINK and doubt.together:
        picked = first if len(first) < len(second) or doubt.kind == "crop" else second
        return Task(CLUSTER, doubt.score, doubt.reason, shown_in_order(doubt.rows, crops), _NONE, picked)
    return Task(LINK if doubt.together else PAIR, doubt.score, doubt.reason, first, second, _NONE)


def _others(labels: PseudoLabels, crops: Crops) -> list[Task]:
    """Every cluster and every link, those first that clustering and matching are least sure of."""
    sure = np.asarray(labels.column(names.CONFIDENCE), dtype=np.float64)
    identity = np.asarray(labels.column(names.IDENTITY), dtype=np.int64)
    modality = labels.column(names.MODALITY)
    sides: dict[int, dict[str, list[np.ndarray]]] = {}
    tasks = []
    for rows in clusters_in(labels):
        group = shown_in_order(rows, crops)
        if len(group) > 1:
            tasks.append(Task(CLUSTER, 1 - float(sure[group].mean()), _NO_DOUBT, group, _NONE, _NONE))
        for number in np.unique(identity[group][identity[group] >= 0]).tolist():
            sides.setdefault(number, {}).setdefault(str(modality[group[0]]), []).append(
                group[identity[group] == number]
            )
    for side in sides.values():
        for one in side.get(names.VISIBLE, []):
            for other in side.get(names.INFRARED, []):
                score = 1 - float(sure[np.concatenate((one, other))].mean())
                tasks.append(Task(LINK, score, _NO_DOUBT, one, other, _NONE))
    return sorted(tasks, key=lambda task: -task.score)


def _each_once(tasks: Iterable[Task]) -> list[Task]:
    """Of several tasks about the same crops the first, with what all of them pick and what they give as reasons."""
    alike: dict[frozenset[frozenset[int]], list[Task]] = {}
    for task in tasks:
        alike.setdefault(frozenset((frozenset(task.first.tolist()), frozenset(task.second.tolist()))), []).append(task)
    return [_as_one(same) for same in alike.values()]


def _as_one(alike: Sequence[Task]) -> Task:
    """The first of several tasks about the same crops, with their picks.

    A part of a group that seems to be somebody else goes before single crops that do not fit; of those all are picked,
    unless they are most of the group.
    """
    first = alike[0]
    parts = [task for task in alike if len(task.picked) > 1]
    if parts:
        return replace(first, reason=parts[0].reason, picked=parts[0].picked)
    picked = np.unique(np.concatenate([task.picked for task in alike]))
    if len(picked) < 2 or 2 * len(picked) > len(first.rows):
        return first
    return replace(first, reason=f"{first.reason} So may the {len(picked)} that are picked.", picked=picked)
