"""Links that are known before any matching, and links that are known to be wrong. Ours."""

from __future__ import annotations

import numpy as np

from usvireid import names
from usvireid.clustering.constraints import Constraints
from usvireid.matching.brst import Selection
from usvireid.matching.labels import PseudoLabels
from usvireid.matching.match import Match
from usvireid.matching.votes import vote


def agreed(match: Match, labels: PseudoLabels, constraints: Constraints) -> Match:
    """The links of a match, in agreement with what is known.

    A visible and an infrared cluster that share a group of must-link crops are linked, with confidence 1. Then come the
    links that two or more pairs of crops speak for (`matching.votes`), then those of the match that the pairs do not
    contradict, the most confident first; links of two people are left out, and what would make a chain with what is
    linked already. Last, a single pair links two clusters that nothing else has linked.

    Args:
        match: between the clusters of `labels`.
        labels: N labels before the match; the crops of a group are in one cluster of each modality.
        constraints: about the same N crops.
    """
    if constraints.trivial:
        return match
    visible, infrared = (_cluster_of_groups(labels, constraints, modality) for modality in names.MODALITIES)
    both = np.flatnonzero((visible >= 0) & (infrared >= 0))
    told, weight = np.unique(np.stack([visible[both], infrared[both]], axis=1), axis=0, return_counts=True)
    told = told[np.argsort(-weight, kind="stable")]
    votes = vote(labels, constraints.pairs)
    found = np.stack([match.visible, match.infrared], axis=1)
    order = np.argsort(-match.confidence, kind="stable")
    order = order[~votes.against(found[order])]
    links = np.concatenate([votes.links[~votes.single], found[order], votes.links[votes.single]])
    sure = np.concatenate([votes.confidence[~votes.single], match.confidence[order], votes.confidence[votes.single]])
    alone = np.arange(len(links)) >= len(links) - votes.single.sum()
    allowed = _allowed(links, visible, infrared, constraints)
    pairs = np.concatenate([told, links[allowed]])
    confidence = np.concatenate([np.ones(len(told), dtype=np.float32), sure[allowed]])
    kept = _stars(pairs, np.concatenate([np.zeros(len(told), dtype=bool), alone[allowed]]))
    ends = pairs[kept]
    return Match(ends[:, 0].copy(), ends[:, 1].copy(), confidence[kept], match.n_visible, match.n_infrared)


def agreed_selection(selection: Selection, labels: PseudoLabels, constraints: Constraints) -> Selection:
    """What visible images selected, in agreement with what is known.

    A group of visible crops that has infrared crops in a cluster takes that cluster, with confidence 1. Any other group
    takes what most of its crops selected (of equals the smallest number), unless those are two people: then nothing.

    Args:
        selection: of infrared clusters, by the visible crops of `labels` in their order.
        labels: N labels before the match; the crops of a group are in one cluster of each modality.
        constraints: about the same N crops.
    """
    if constraints.trivial:
        return selection
    visible = labels.rows_of(names.VISIBLE)
    infrared = _cluster_of_groups(labels, constraints, names.INFRARED)
    group = constraints.group[visible]
    kept = np.flatnonzero(selection.label >= 0)
    votes, which, count = np.unique(
        np.stack([group[kept], selection.label[kept]]), axis=1, return_inverse=True, return_counts=True
    )
    confidence = np.bincount(which.ravel(), weights=selection.confidence[kept]) / np.maximum(count, 1)
    order = np.lexsort((votes[1], -count, votes[0]))
    order = order[np.unique(votes[0, order], return_index=True)[1]]
    chosen = np.full(len(constraints.known), names.NO_LABEL, dtype=np.int64)
    sure = np.zeros(len(chosen), dtype=np.float32)
    chosen[votes[0, order]], sure[votes[0, order]] = votes[1, order], confidence[order]
    told = infrared >= 0
    chosen[~told] = np.where(_wanted(chosen, infrared, constraints)[~told], chosen[~told], names.NO_LABEL)
    chosen[told], sure[told] = infrared[told], 1
    clustered = np.asarray(labels.column(names.CLUSTER), dtype=np.int64)[visible] >= 0
    taken = clustered & (chosen[group] >= 0)
    return Selection(np.where(taken, chosen[group], names.NO_LABEL), np.where(taken, sure[group], 0).astype(np.float32))


def _wanted(chosen: np.ndarray, infrared: np.ndarray, constraints: Constraints) -> np.ndarray:
    """Which groups (bool) are not known to be another person than any in the infrared cluster they chose."""
    code = np.full(1 + max(int(chosen.max(initial=-1)), int(infrared.max(initial=-1))), names.NO_LABEL)
    told = (infrared >= 0) & (constraints.known >= 0)
    code[infrared[told]] = constraints.known[told]
    of_chosen = np.where(chosen >= 0, code[chosen], names.NO_LABEL)
    wanted = (of_chosen == constraints.known) | (of_chosen < 0) | (constraints.known < 0)
    one, other = constraints.cannot[:, 0], constraints.cannot[:, 1]
    for asks, answers in ((one, other), (other, one)):
        wanted[asks[(infrared[answers] >= 0) & (infrared[answers] == chosen[asks])]] = False
    return np.asarray(wanted)


def _cluster_of_groups(labels: PseudoLabels, constraints: Constraints, modality: str) -> np.ndarray:
    """The cluster of each group in a modality (int64), -1 where it has none there."""
    rows = labels.rows_of(modality)
    cluster = np.asarray(labels.column(names.CLUSTER), dtype=np.int64)[rows]
    found = np.full(len(constraints.known), names.NO_LABEL, dtype=np.int64)
    found[constraints.group[rows[cluster >= 0]]] = cluster[cluster >= 0]
    return found


def _allowed(links: np.ndarray, visible: np.ndarray, infrared: np.ndarray, constraints: Constraints) -> np.ndarray:
    """Which links (L x 2 clusters) join no two people (bool, L)."""
    codes = []
    for side, cluster in enumerate((visible, infrared)):
        code = np.full(1 + max(int(cluster.max(initial=-1)), int(links[:, side].max(initial=-1))), names.NO_LABEL)
        told = (cluster >= 0) & (constraints.known >= 0)
        code[cluster[told]] = constraints.known[told]
        codes.append(code[links[:, side]])
    allowed = (codes[0] == codes[1]) | (codes[0] < 0) | (codes[1] < 0)
    one, other = constraints.cannot[:, 0], constraints.cannot[:, 1]
    wrong = {*zip(visible[one].tolist(), infrared[other].tolist(), strict=True)}
    wrong |= {*zip(visible[other].tolist(), infrared[one].tolist(), strict=True)}
    free: np.ndarray = allowed & np.array([(v, r) not in wrong for v, r in links.tolist()], dtype=bool)
    return free


def _stars(pairs: np.ndarray, alone: np.ndarray) -> np.ndarray:
    """Which pairs to keep, in their order, so that every link is part of a star (int64, positions).

    Those marked in `alone` (bool) are kept only where neither end has another link.
    """
    visible: dict[int, list[int]] = {}
    infrared: dict[int, list[int]] = {}
    kept = []
    for at, (one, other) in enumerate(pairs.tolist()):
        ones, others = visible.get(one, []), infrared.get(other, [])
        # The end that is linked already has to be the middle of a star: its partners have no other link.
        free = not (ones or others) if alone[at] else not (ones and others)
        middle = all(len(infrared[each]) == 1 for each in ones) and all(len(visible[each]) == 1 for each in others)
        if free and middle and other not in ones:
            visible.setdefault(one, []).append(other)
            infrared.setdefault(other, []).append(one)
            kept.append(at)
    return np.array(kept, dtype=np.int64)
