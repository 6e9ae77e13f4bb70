"""P x K sampling: which crops stand in which batch of an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from usvireid import names
from usvireid.clustering.tracks import track_numbers
from usvireid.data.crops import Crops
from usvireid.matching.labels import PseudoLabels


@dataclass(frozen=True)
class BatchPlan:
    """The crops of one batch: per modality the row numbers and the identities, both int64, P' x K.

    A modality without identities is absent. P' is P, or the number of the modality's identities where it has fewer.
    """

    rows: dict[str, np.ndarray]
    identities: dict[str, np.ndarray]


def steps_per_epoch(labels: PseudoLabels, identities: int, instances: int) -> int:
    """Batches after which the larger modality's labelled crops have been drawn once on average; at least 1."""
    labelled = labels.column(names.IDENTITY) >= 0
    largest = max(int(labelled[labels.rows_of(modality)].sum()) for modality in names.MODALITIES)
    return max(1, -(-largest // (identities * instances)))


def plan_batches(
    labels: PseudoLabels,
    crops: Crops,
    *,
    identities: int,
    instances: int,
    steps: int,
    generator: np.random.Generator,
    tracks: bool = True,
) -> Iterator[BatchPlan]:
    """Draw the batches of an epoch.

    Identities are drawn without replacement until all had their turn. One that is shared by both modalities stands in
    both halves of the batch; the rest of a half is filled with identities of that modality alone. The K crops of an
    identity come from as many cameras as it has, in turn, and from as many tracks within a camera, since crops of one
    camera, and more so of one track, look alike anyway; an identity with fewer crops than K repeats some.

    Args:
        labels: one row for each of `crops`; rows without identity are not drawn.
        crops: gives the camera and the track.
        identities: P, per modality.
        instances: K.
        steps: number of batches.
        generator: every random number comes from it.
        tracks: make use of tracks.
    """
    pools = {modality: _Pool(labels, crops, modality, tracks) for modality in names.MODALITIES}
    present = {modality: pool for modality, pool in pools.items() if len(pool.numbers)}
    shared = labels.shared_identities()
    joint = _Turns(shared, generator)
    alone = {modality: _Turns(np.setdiff1d(pool.numbers, shared), generator) for modality, pool in present.items()}
    for _ in range(steps):
        # The share of shared identities in a batch is their share among all, drawn so that on average it is exact.
        total = max((len(pool.numbers) for pool in present.values()), default=1)
        expected = identities * len(shared) / total
        count = int(expected) + int(generator.random() < expected - int(expected))
        together = joint.next(min(count, identities))
        rows, drawn = {}, {}
        for modality, pool in present.items():
            own = alone[modality].next(identities - len(together))
            picked = np.concatenate([together, own])
            missing = min(identities, len(pool.numbers)) - len(picked)
            if missing > 0:
                picked = np.concatenate([picked, _others(shared, picked, missing, generator)])
            rows[modality] = np.stack([pool.draw(identity, instances, generator) for identity in picked])
            drawn[modality] = np.repeat(picked[:, None], instances, axis=1)
        yield BatchPlan(rows=rows, identities=drawn)


def _others(candidates: np.ndarray, taken: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    free = np.setdiff1d(candidates, taken)
    return generator.permutation(free)[:count]


class _Turns:
    """Endless draws without replacement: everyone has a turn before anyone has the next."""

    def __init__(self, items: np.ndarray, generator: np.random.Generator) -> None:
        self._items = items
        self._generator = generator
        self._queue = items[:0]

    def next(self, count: int) -> np.ndarray:
        """Up to `count` distinct items; fewer only where there are no more."""
        count = min(count, len(self._items))
        if len(self._queue) < count:
            fresh = self._generator.permutation(self._items)
            # Those still waiting go first; a second turn of theirs comes last, so that no batch holds one twice.
            waiting = np.isin(fresh, self._queue)
            self._queue = np.concatenate([self._queue, fresh[~waiting], fresh[waiting]])
        drawn, self._queue = self._queue[:count], self._queue[count:]
        return drawn


class _Pool:
    """The crops of each identity of one modality, grouped by camera."""

    def __init__(self, labels: PseudoLabels, crops: Crops, modality: str, tracks: bool) -> None:
        rows = labels.rows_of(modality)
        identity = labels.column(names.IDENTITY)[rows]
        rows, identity = rows[identity >= 0], identity[identity >= 0]
        order = np.argsort(identity, kind="stable")
        self.numbers, first = np.unique(identity[order], return_index=True)
        groups = np.split(rows[order], first[1:]) if len(rows) else []
        self._rows = dict(zip(self.numbers.tolist(), groups, strict=True))
        self._camera = crops.codes(names.CAMERA)
        self._track = track_numbers(crops) if tracks else np.full(len(crops), names.NO_LABEL, dtype=np.int64)

    def draw(self, identity: int, count: int, generator: np.random.Generator) -> np.ndarray:
        """`count` crops of one identity: cameras in turn, no crop twice before all were drawn."""
        rows = self._rows[int(identity)]
        drawn: list[np.ndarray] = []
        missing = count
        while missing > 0:
            shuffled = generator.permutation(rows)
            # The n-th crop of every track comes before the (n+1)-th of any; then the same with cameras.
            shuffled = shuffled[np.argsort(_turns(self._track[shuffled]), kind="stable")]
            drawn.append(shuffled[np.argsort(_turns(self._camera[shuffled]), kind="stable")][:missing])
            missing -= len(drawn[-1])
        return np.concatenate(drawn)


def _turns(code: np.ndarray) -> np.ndarray:
    """The how-manieth of its code each entry is, from 0 (int64)."""
    order = np.argsort(code, kind="stable")
    starts = np.r_[0, np.flatnonzero(np.diff(code[order])) + 1]
    turn = np.empty(len(code), dtype=np.int64)
    turn[order] = np.arange(len(code)) - np.repeat(starts, np.diff(np.r_[starts, len(code)]))
    return turn
