"""What is known about who is whom before anything is clustered: pairs that must link, pairs that cannot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from usvireid import names


@dataclass(frozen=True)
class Constraints:
    """Must-link and cannot-link for N crops, closed under what follows from them.

    Attributes:
        group: int64, N; crops of one group are one person. Groups are numbered from 0 in the order of their first crop,
            and every crop is in one, alone if nothing is known of it.
        known: int64, one per group; a code of the identity that is known for it, -1 where none is. Groups of two
            different codes are two people.
        cannot: int64, M x 2; further pairs of groups that are two people, the smaller number first, sorted, each once.
        junk: bool, N; crops that show no person or several: they are left out of every cluster.
        mixture: int64, N; crops of one number, from 0, were found to be several people, nobody knows who of them is
            who; -1 for the others.
        pairs: int64, P x 2; a visible and an infrared crop that paired sensors took of one person. They are no groups:
            they are two views of distances (`clustering.paired`) and vote on links (`matching.votes`), so that one
            wrong pair joins nothing.

    Raises:
        ValueError: arrays that contradict this.
    """

    group: np.ndarray
    known: np.ndarray
    cannot: np.ndarray
    junk: np.ndarray
    mixture: np.ndarray
    pairs: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))

    def __post_init__(self) -> None:
        count = int(self.group.max(initial=-1)) + 1
        if self.group.dtype != np.int64 or len(np.unique(self.group)) != count:
            raise ValueError("groups must be int64, numbered from 0 without a gap")
        shapes = {self.junk.shape, self.mixture.shape, self.group.shape}
        if self.known.shape != (count,) or len(shapes) > 1 or self.junk.dtype != bool:
            raise ValueError(f"{count} groups of {len(self.group)} crops need as many codes and marks")
        if self.cannot.ndim != 2 or self.cannot.shape[1] != 2 or (self.cannot[:, 0] >= self.cannot[:, 1]).any():
            raise ValueError("a pair that cannot link is two groups, the smaller first")
        if len(self.cannot) and not 0 <= self.cannot.min() <= self.cannot.max() < count:
            raise ValueError(f"a pair that cannot link names a group outside 0..{count - 1}")
        if self.pairs.ndim != 2 or self.pairs.shape[1] != 2 or self.pairs.dtype != np.int64:
            raise ValueError("pairs must be int64, P x 2")
        if len(self.pairs) and not 0 <= self.pairs.min() <= self.pairs.max() < len(self.group):
            raise ValueError(f"a pair names a crop outside 0..{len(self.group) - 1}")

    @classmethod
    def none(cls, count: int) -> Constraints:
        """Nothing is known about `count` crops."""
        return cls(
            np.arange(count, dtype=np.int64),
            np.full(count, names.NO_LABEL, dtype=np.int64),
            np.zeros((0, 2), dtype=np.int64),
            np.zeros(count, dtype=bool),
            np.full(count, names.NO_LABEL, dtype=np.int64),
        )

    def __len__(self) -> int:
        return len(self.group)

    def of_known_identity(self) -> np.ndarray:
        """The crops whose identity is known (bool, N)."""
        return np.asarray(self.known[self.group] >= 0)

    @property
    def trivial(self) -> bool:
        """Whether nothing at all is known."""
        alone = len(self.known) == len(self.group)
        told = self.junk.any() or (self.mixture >= 0).any() or (self.known >= 0).any()
        return alone and not len(self.cannot) and not len(self.pairs) and not told

    def take(self, rows: np.ndarray) -> Constraints:
        """What is known about the crops at some row numbers (int64, distinct), in their order."""
        old = self.group[rows]
        present, first = np.unique(old, return_index=True)
        order = np.argsort(first)
        new = np.full(len(self.known), names.NO_LABEL, dtype=np.int64)
        new[present[order]] = np.arange(len(present))
        pairs = new[self.cannot]
        pairs = pairs[(pairs >= 0).all(axis=1)]
        known = self.known[present[order]]
        place = np.full(len(self), names.NO_LABEL, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        seen = place[self.pairs]
        seen = seen[(seen >= 0).all(axis=1)]
        return Constraints(new[old], known, _sorted_pairs(pairs), self.junk[rows], self.mixture[rows], seen)

    def joined(self, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The pairs of `cannot` that labels join all the same (int64, M' x 2), and the label of each (int64).

        Args:
            label: int64, N; the crops of a group have one label, or -1.
        """
        of_group = np.full(len(self.known), names.NO_LABEL, dtype=np.int64)
        kept = label >= 0
        of_group[self.group[kept]] = label[kept]
        first, second = of_group[self.cannot[:, 0]], of_group[self.cannot[:, 1]]
        together = (first == second) & (first >= 0)
        return self.cannot[together], first[together]

    def conflicts(self, label: np.ndarray) -> np.ndarray:
        """Labels that hold two groups which are two people (int64, ascending); `label` as for `joined`."""
        told = (label >= 0) & (self.known[self.group] >= 0)
        pairs = np.unique(np.stack([label[told], self.known[self.group[told]]], axis=1), axis=0)
        numbers, codes = np.unique(pairs[:, 0], return_counts=True)
        return np.union1d(self.joined(label)[1], numbers[codes > 1])

    def mixed(self, label: np.ndarray) -> np.ndarray:
        """Labels that hold several groups of one mixture (int64, ascending); `label` as for `joined`."""
        rows = np.flatnonzero((label >= 0) & (self.mixture >= 0))
        triples = np.unique(np.stack([label[rows], self.mixture[rows], self.group[rows]], axis=1), axis=0)
        pairs, groups = np.unique(triples[:, :2], axis=0, return_counts=True)
        return np.unique(pairs[groups > 1, 0])


class ConstraintsBuilder:
    """Collects what is known, in the order of its authority: a statement that contradicts an earlier one is left out.

    Args:
        count: number of crops, N.

    Attributes:
        contradictions: how many statements about two groups were left out.
    """

    def __init__(self, count: int) -> None:
        self._parent = np.arange(count, dtype=np.int64)
        self._enemies: dict[int, set[int]] = {}
        self._known: dict[int, int] = {}
        self._junk = np.zeros(count, dtype=bool)
        self._mixture = np.full(count, names.NO_LABEL, dtype=np.int64)
        self._pairs = np.zeros((0, 2), dtype=np.int64)
        self.contradictions = 0

    def must(self, rows: Iterable[int] | np.ndarray) -> None:
        """All these crops are one person."""
        found = [self._root(int(row)) for row in rows]
        for other in found[1:]:
            self._join(self._root(found[0]), self._root(other))

    def cannot(self, first: Iterable[int] | np.ndarray, second: Iterable[int] | np.ndarray) -> None:
        """Nobody of the first crops is anybody of the second."""
        ones, others = {self._root(int(row)) for row in first}, {self._root(int(row)) for row in second}
        for one in sorted(ones):
            for other in sorted(others):
                if one == other:
                    self.contradictions += 1
                else:
                    self._enemies.setdefault(one, set()).add(other)
                    self._enemies.setdefault(other, set()).add(one)

    def apart(self, rows: Iterable[int] | np.ndarray) -> None:
        """These crops are a mixture of people; who is whom among them is not said."""
        self._mixture[np.asarray(list(rows), dtype=np.int64)] = self._mixture.max(initial=names.NO_LABEL) + 1

    def known(self, codes: np.ndarray) -> None:
        """The identity of crops.

        Args:
            codes: int64, N; crops of one code are one person, those of two codes two people; -1: unknown.
        """
        rows = np.flatnonzero(codes >= 0)
        order = rows[np.argsort(codes[rows], kind="stable")]
        for group in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1) if len(order) else []:
            self.must(group)
            code, root = int(codes[group[0]]), self._root(int(group[0]))
            if self._known.setdefault(root, code) != code:
                self.contradictions += 1

    def junk(self, rows: Iterable[int] | np.ndarray) -> None:
        """These crops show no person, or several."""
        self._junk[np.asarray(list(rows), dtype=np.int64)] = True

    def paired(self, pairs: np.ndarray) -> None:
        """Visible and infrared crops (int64, P x 2) that paired sensors took of one person.

        To be said last: a pair of two people, by what was said before, is left out, and so is one with junk.
        """
        pairs = pairs[~self._junk[pairs].any(axis=1)]
        roots = np.array([[self._root(row) for row in pair] for pair in pairs.tolist()], dtype=np.int64).reshape(-1, 2)
        wrong = np.array([self._are_two(one, other) for one, other in roots.tolist()], dtype=bool)
        self.contradictions += int(wrong.sum())
        self._pairs = np.concatenate([self._pairs, pairs[~wrong]])

    def build(self) -> Constraints:
        """What was collected."""
        roots = np.array([self._root(row) for row in range(len(self._parent))], dtype=np.int64)
        present, first, place = np.unique(roots, return_index=True, return_inverse=True)
        rank = np.empty(len(present), dtype=np.int64)
        rank[np.argsort(first)] = np.arange(len(present))
        number = dict(zip(present.tolist(), rank.tolist(), strict=True))
        known = np.full(len(present), names.NO_LABEL, dtype=np.int64)
        for root, code in self._known.items():
            known[number[root]] = code
        pairs = [(number[one], number[other]) for one, those in self._enemies.items() for other in those]
        ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        return Constraints(rank[place.ravel()], known, _sorted_pairs(ends), self._junk, self._mixture, self._pairs)

    def _are_two(self, one: int, other: int) -> bool:
        """Whether two roots are known to be two people."""
        codes = self._known.get(one), self._known.get(other)
        return other in self._enemies.get(one, ()) or (None not in codes and codes[0] != codes[1])

    def _root(self, row: int) -> int:
        parent = self._parent
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = int(parent[row])
        return row

    def _join(self, one: int, other: int) -> None:
        if one == other:
            return
        if self._are_two(one, other):
            self.contradictions += 1
            return
        self._parent[other] = one
        for enemy in self._enemies.pop(other, ()):
            self._enemies[enemy].remove(other)
            self._enemies[enemy].add(one)
            self._enemies.setdefault(one, set()).add(enemy)
        code = self._known.pop(other, None)
        if code is not None:
            self._known[one] = code


def _sorted_pairs(pairs: np.ndarray) -> np.ndarray:
    ordered: np.ndarray = np.sort(pairs, axis=1)
    return np.unique(ordered, axis=0).reshape(-1, 2)
