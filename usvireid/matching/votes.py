"""What pairs of crops say about the links of clusters: they vote. Ours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usvireid import names
from usvireid.matching.labels import PseudoLabels


@dataclass(frozen=True)
class Votes:
    """What pairs of crops voted for.

    Attributes:
        links: int64, L x 2; the visible and infrared clusters that are linked, those with more votes first. A cluster
            is in one link at most.
        confidence: float32, L; the share of the votes of that end of the link whose votes are less divided.
        single: bool, L; links that no more than one pair speaks for.
        cast: int64, C x 2; every two clusters that some pair voted for.
    """

    links: np.ndarray
    confidence: np.ndarray
    single: np.ndarray
    cast: np.ndarray

    def against(self, links: np.ndarray) -> np.ndarray:
        """Which links (L' x 2) the votes contradict (bool, L'): both clusters have votes, and none for each other."""
        voting = [np.isin(end, told) for end, told in zip(links.T, self.cast.T, strict=True)]
        cast = {*map(tuple, self.cast.tolist())}
        without = np.array([(v, r) not in cast for v, r in links.tolist()], dtype=bool)
        return np.asarray(voting[0] & voting[1] & without)


def vote(labels: PseudoLabels, pairs: np.ndarray) -> Votes:
    """Let pairs of crops vote for links of the clusters that they are in.

    A visible and an infrared cluster are linked where neither has more votes for another one, and most of the votes of
    one of them are for the other. So a few crops in a wrong cluster link nothing. Two visible clusters that vote for
    one infrared cluster may be pieces of a person, or the infrared cluster two people: votes cannot tell, so the
    second is left to the matcher. Pairs of which one crop is in no cluster do not vote.

    Args:
        labels: N labels before the match.
        pairs: int64, P x 2; rows of a visible and an infrared crop, each row in one pair at most.
    """
    ends = np.asarray(labels.column(names.CLUSTER), dtype=np.int64)[pairs]
    links, count = np.unique(ends[(ends >= 0).all(axis=1)], axis=0, return_counts=True)
    votes = np.stack([_of_cluster(end, count) for end in links.T], axis=1)
    # Of equal counts those links go first that more of all votes of both ends are for.
    order = np.lexsort((links[:, 1], links[:, 0], votes.sum(axis=1), -count))
    links, count, least = links[order], count[order], votes[order].min(axis=1)
    best = [np.isin(np.arange(len(links)), np.unique(end, return_index=True)[1]) for end in links.T]
    kept = best[0] & best[1] & (2 * count > least)
    return Votes(links[kept], (count / least)[kept].astype(np.float32), count[kept] == 1, links)


def _of_cluster(end: np.ndarray, count: np.ndarray) -> np.ndarray:
    """For each link the votes of its cluster at one end (int64)."""
    return np.asarray(np.bincount(end, weights=count)[end], dtype=np.int64)
