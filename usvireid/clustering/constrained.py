"""Clustering that keeps to what is known: groups that must link vote, what cannot link is taken apart. Ours."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from usvireid import names
from usvireid.clustering.constraints import Constraints
from usvireid.clustering.dbscan import dbscan, holding_confidence, within
from usvireid.clustering.result import Clusters


class ConstrainedDbscan:
    """DBSCAN whose clusters are brought in agreement with what is known (`settled`).

    Groups act by the vote of their crops and not as points of the clustering: a track's mean distance to another is
    large as long as the encoder is poor, which leaves people in more pieces, and linking its crops at distance 0 lets
    any one pair join two tracks. Both were measured, and were worse (docs/method.md).

    Args:
        graph: float32, N x N, of `jaccard_graph`; pairs beyond its reach count as at distance 1.
        constraints: about the same N crops.
        min_samples: as for `dbscan`.
    """

    def __init__(self, graph: sparse.csr_matrix, constraints: Constraints, min_samples: int) -> None:
        self._graph = _without(graph, constraints.junk)
        self._constraints = constraints
        self._least = min_samples
        self._groups = group_distances(graph, constraints)

    def at(self, eps: float) -> Clusters:
        """The clusters at an eps as they are found, junk near nobody."""
        return dbscan(self._graph, eps=eps, min_samples=self._least)

    def settled(self, eps: float) -> Clusters:
        """The clusters at an eps, in agreement with all that is known."""
        found = self.at(eps)
        label = numbered(settled(found.label, self._groups, self._constraints, eps, self._least))
        role = _roles(label, found.role)
        confidence = holding_confidence(within(self._graph, eps), label, role == names.CORE)
        confidence[label < 0] = 0
        return Clusters(label, role, confidence)


def keep_to(found: Clusters, graph: sparse.csr_matrix, constraints: Constraints, least: int) -> Clusters:
    """Clusters of a method that knows of no constraints, brought in agreement with them (`settled`).

    Args:
        found: clusters of N crops.
        graph: float32, N x N, of `jaccard_graph`.
        constraints: about the same crops.
        least: crops of a cluster.
    """
    label = settled(found.label, group_distances(graph, constraints), constraints, 1.0, least)
    confidence = np.where(label >= 0, found.confidence, np.float32(0)).astype(np.float32)
    return Clusters(numbered(label), _roles(label, found.role), confidence, found.outlier_score)


def _without(graph: sparse.csr_matrix, junk: np.ndarray) -> sparse.csr_matrix:
    """The graph in which junk is near itself alone."""
    if not junk.any():
        return graph
    entries = graph.tocoo()
    kept = ~(junk[entries.row] | junk[entries.col]) | (entries.row == entries.col)
    return sparse.csr_matrix((entries.data[kept], (entries.row[kept], entries.col[kept])), shape=graph.shape)


def group_distances(graph: sparse.csr_matrix, constraints: Constraints) -> sparse.csr_matrix:
    """The mean distance of the crops of every two groups (float32, G x G, symmetric, the diagonal 0).

    Junk takes no part; a group of nothing else is near nobody.
    """
    rows = np.flatnonzero(~constraints.junk)
    size = np.bincount(constraints.group[rows], minlength=len(constraints.known)).astype(np.float64)
    shape = (len(constraints), len(constraints.known))
    member = sparse.csr_matrix((np.ones(len(rows)), (rows, constraints.group[rows])), shape=shape)
    # What is no entry of the graph has nearness 0, so that the sum over the entries is the sum over all pairs.
    near = graph.astype(np.float64)
    near.data = 1.0 - near.data
    total = (member.T @ near @ member).tocoo()
    distance = 1.0 - total.data / (size[total.row] * size[total.col])
    distance[total.row == total.col] = 0
    # Sums in two orders differ in their last bits; the upper half stands for both, so that the result is symmetric.
    upper = total.row <= total.col
    row, column, distance = total.row[upper], total.col[upper], np.clip(distance[upper], 0, 1).astype(np.float32)
    apart = row < column
    both = (np.concatenate([row, column[apart]]), np.concatenate([column, row[apart]]))
    return sparse.csr_matrix((np.concatenate([distance, distance[apart]]), both), shape=total.shape)


def settled(
    label: np.ndarray, groups: sparse.csr_matrix, constraints: Constraints, eps: float, least: int
) -> np.ndarray:
    """Labels that contradict nothing that is known (int64, N; with gaps).

    The crops of a group go together: to the cluster that most of them are in. A group of known identity is a cluster
    even where its crops are too few for one. A cluster that holds two people is taken apart: its groups are joined
    again, the nearest first, wherever that joins no two people, up to `eps`, or half of it where a person called the
    cluster a mixture; what has fewer than `least` crops then is an outlier. Junk is an outlier.

    Args:
        label: int64, N; -1 for outliers.
        groups: of `group_distances`.
        constraints: about the same crops.
        eps: largest distance of two groups that are joined anew.
        least: crops of a cluster.
    """
    group = constraints.group
    label = _together(label, constraints)
    label[constraints.junk] = names.NO_LABEL
    next_free = int(label.max(initial=-1)) + 1
    pairs, owner = constraints.joined(label)
    mixed = constraints.mixed(label)
    for number in np.union1d(constraints.conflicts(label), mixed).tolist():
        rows = np.flatnonzero(label == number)
        inside = np.unique(group[rows])
        far = eps / 2 if number in mixed else eps
        part = _apart(inside, groups, constraints.known[inside], pairs[owner == number], far)
        part = part[np.searchsorted(inside, group[rows])]
        known = np.unique(part[constraints.known[group[rows]] >= 0])
        kept = (np.bincount(part) >= least)[part] | np.isin(part, known)
        label[rows] = np.where(kept, next_free + part, names.NO_LABEL)
        next_free += int(part.max()) + 1
    return label


def numbered(label: np.ndarray) -> np.ndarray:
    """The labels numbered from 0 in the order of their first crop, without a gap; -1 stays (int64)."""
    old, first, place = np.unique(label, return_index=True, return_inverse=True)
    inside = old >= 0
    rank = np.full(len(old), names.NO_LABEL, dtype=np.int64)
    rank[inside] = np.argsort(np.argsort(first[inside]))
    return rank[place.ravel()]


def _roles(label: np.ndarray, role: np.ndarray) -> np.ndarray:
    """The roles, where crops have left clusters or, then at the border, come into some."""
    role = np.where((label >= 0) & (role == names.OUTLIER), names.BORDER, role).astype(object)
    role[label < 0] = names.OUTLIER
    return role


def _together(label: np.ndarray, constraints: Constraints) -> np.ndarray:
    """The labels with each group in one cluster: the one that most of its crops are in, of equals the first."""
    label = label.copy()
    group = constraints.group
    several = (np.bincount(group) > 1)[group]
    rows = np.flatnonzero(several & (label >= 0))
    pairs, count = np.unique(np.stack([group[rows], label[rows]], axis=1), axis=0, return_counts=True)
    best = np.lexsort((-pairs[:, 1], count, pairs[:, 0]))
    chosen = np.full(len(constraints.known), names.NO_LABEL, dtype=np.int64)
    chosen[pairs[best, 0]] = pairs[best, 1]
    label[several] = chosen[group[several]]
    told = np.flatnonzero((constraints.known[group] >= 0) & (label < 0))
    label[told] = int(label.max(initial=-1)) + 1 + group[told]
    return label


def _apart(
    inside: np.ndarray, groups: sparse.csr_matrix, known: np.ndarray, cannot: np.ndarray, eps: float
) -> np.ndarray:
    """The part of each of the groups `inside` (int64), numbered from 0, so that no part holds two people."""
    edges = sparse.triu(groups[inside][:, inside], k=1).tocoo()
    order = np.lexsort((edges.col, edges.row, edges.data))
    order = order[edges.data[order] <= np.float32(eps)]
    parts = _Parts(known, np.searchsorted(inside, cannot))
    for edge in order.tolist():
        parts.join(int(edges.row[edge]), int(edges.col[edge]))
    root = np.array([parts.root(number) for number in range(len(inside))], dtype=np.int64)
    return np.unique(root, return_inverse=True)[1].ravel()


class _Parts:
    """Groups joined one pair after the other, never two people."""

    def __init__(self, known: np.ndarray, cannot: np.ndarray) -> None:
        self._parent = list(range(len(known)))
        self._code = known.tolist()
        self._enemies: list[set[int]] = [set() for _ in self._parent]
        for one, other in cannot.tolist():
            self._enemies[one].add(other)
            self._enemies[other].add(one)

    def root(self, number: int) -> int:
        while self._parent[number] != number:
            self._parent[number] = self._parent[self._parent[number]]
            number = self._parent[number]
        return number

    def join(self, one: int, other: int) -> None:
        one, other = self.root(one), self.root(other)
        codes = self._code[one], self._code[other]
        if one == other or other in self._enemies[one] or (min(codes) >= 0 and codes[0] != codes[1]):
            return
        self._parent[other] = one
        self._code[one] = max(codes)
        for enemy in self._enemies[other]:
            self._enemies[enemy].discard(other)
            self._enemies[enemy].add(one)
        self._enemies[one] |= self._enemies[other]
