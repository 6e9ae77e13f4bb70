"""What a person is asked, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.measures import clusters_of

CLUSTER: Final = "cluster"
LINK: Final = "link"
PAIR: Final = "pair"

_ORDER = (names.MODALITY, names.CAMERA, names.TRACK, names.FRAME, names.TIME, names.PATH)


@dataclass(frozen=True)
class Task:
    """One question.

    Attributes:
        kind: `cluster`: are the crops of `first` one person? `link`: is a visible cluster, `first`, the person of an
            infrared one, `second`, as the labels say? `pair`: the same of two clusters that the labels keep apart.
        score: how much it is worth to ask, larger first; for a doubt the chance that the labels are wrong.
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
    def rows(self) -> np.ndarray:
        """The crops of both sides."""
        return np.concatenate((self.first, self.second))


def in_order(tasks: Iterable[Task], top: int) -> list[Task]:
    """At most `top` tasks, most worth first; of several about the same crops the first, with what all of them pick."""
    merged: dict[tuple[frozenset[int], frozenset[int]], list[Task]] = {}
    for task in sorted(tasks, key=lambda task: -task.score):
        key = frozenset(task.first.tolist()), frozenset(task.second.tolist())
        merged.setdefault(key, []).append(task)
    return [_as_one(alike) for alike in list(merged.values())[:top]]


def _as_one(alike: Sequence[Task]) -> Task:
    first = alike[0]
    if len(alike) == 1:
        return first
    reasons = dict.fromkeys(task.reason for task in alike)
    picked = np.unique(np.concatenate([task.picked for task in alike]))
    return Task(first.kind, first.score, " ".join(reasons), first.first, first.second, picked)


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


def questions(labels: PseudoLabels, crops: Crops, top: int) -> list[Task]:
    """The questions about labels, at most `top`."""
    sure = np.asarray(labels.column(names.CONFIDENCE), dtype=np.float64)
    identity = np.asarray(labels.column(names.IDENTITY), dtype=np.int64)
    nothing = np.zeros(0, dtype=np.int64)
    tasks = []
    clusters = [shown_in_order(rows, crops) for rows in clusters_in(labels)]
    for rows in clusters:
        if len(rows) > 1:
            score = 1 - float(sure[rows].mean())
            tasks.append(Task(CLUSTER, score, "", rows, nothing, nothing))
    sides: dict[int, tuple[list[np.ndarray], list[np.ndarray]]] = {}
    infrared = set(crops.rows_of(names.INFRARED).tolist())
    for rows in clusters:
        if identity[rows[0]] >= 0:
            sides.setdefault(int(identity[rows[0]]), ([], []))[int(rows[0]) in infrared].append(rows)
    for visible, other in sides.values():
        tasks += [Task(LINK, 1 - float(sure[np.r_[a, b]].mean()), "", a, b, nothing) for a in visible for b in other]
    return in_order(tasks, top)
