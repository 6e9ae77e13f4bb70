"""Which questions need not be asked any more, by what the answers so far say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from usvireid.clustering.constraints import ConstraintsBuilder
from usvireid.data.crops import Crops
from usvireid.review.answer import Answer
from usvireid.review.answers import add_answers
from usvireid.review.tasks import Task


class Settled:
    """What follows from answers, for questions about the same crops.

    Args:
        answers: those that do not hold among them.
        crops: N crops.

    Attributes:
        junk: bool, N; crops that are never used again.
    """

    def __init__(self, answers: Sequence[Answer], crops: Crops) -> None:
        builder = ConstraintsBuilder(len(crops))
        add_answers(builder, answers, crops)
        known = builder.build()
        self.junk = known.junk
        self._group = known.group
        self._mixture = known.mixture
        self._mixed = np.bincount(known.mixture[known.mixture >= 0])
        self._others: dict[int, set[int]] = {}
        for one, other in known.cannot.tolist():
            self._others.setdefault(one, set()).add(other)
            self._others.setdefault(other, set()).add(one)

    def settles(self, task: Task) -> bool:
        """Whether a question has its answer, or has lost so many crops as junk that nothing is left to ask.

        All crops are known to be one person; or some crop of the one side is known not to be one of the other side. A
        group is known to be none where two of its crops are two people, or all crops of a mixture are in it.
        """
        sides = [side[~self.junk[side]] for side in (task.first, task.second) if len(side)]
        groups = [set(self._group[side].tolist()) for side in sides]
        if sum(map(len, sides)) < 2 or not all(groups) or len(set().union(*groups)) == 1:
            return True
        inside = np.unique(self._mixture[sides[0]], return_counts=True) if len(sides) == 1 else ()
        if any(number >= 0 and count == self._mixed[number] for number, count in zip(*inside, strict=True)):
            return True
        return any(not self._others.get(group, set()).isdisjoint(groups[-1]) for group in groups[0])
