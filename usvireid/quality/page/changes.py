"""What a person's answers have changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from usvireid import names
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.lines import Lines, find, number
from usvireid.quality.page.facts import Table
from usvireid.review.answer import APART, DIFFERENT, JUNK, SAME, Answer, standing

_WORDS = {
    SAME: "one person",
    DIFFERENT: "different people",
    APART: "a mixture",
    JUNK: "not to be used",
}


@dataclass(frozen=True)
class Changes:
    """The answers and what has become of them.

    Attributes:
        table: a row for each kind of answer.
        sentences: what the answers touch, and how the labels agreed with known identities before and after them.
    """

    table: Table
    sentences: Sequence[str]


def changes_by(answers: Sequence[Answer], labels: PseudoLabels, lines: Lines) -> Changes | None:
    """What answers say, and whether the labels follow them; None where there are no answers.

    Args:
        answers: all of a run, undone ones among them.
        labels: the last labels.
        lines: one line per epoch, by epoch; `answers` in one is how many were used.
    """
    if not answers:
        return None
    held = standing(answers)
    place = pd.Index(labels.table[names.PATH])
    identity = np.asarray(labels.column(names.IDENTITY), dtype=np.int64)
    given, followed, touched = Counter(answer.action for answer in held), Counter[str](), set[int]()
    gone = 0
    for answer in held:
        first, second = (place.get_indexer(pd.Index(side, dtype=object)) for side in (answer.first, answer.second))
        gone += int((first < 0).sum() + (second < 0).sum())
        sides = identity[first[first >= 0]], identity[second[second >= 0]]
        touched.update(np.concatenate(sides).tolist())
        followed[answer.action] += _follow(answer.action, *sides)
    rows = [
        [_WORDS[action], str(given[action]), "" if action == APART else str(followed[action])]
        for action in _WORDS
        if given[action]
    ]
    return Changes(
        Table(["answer", "holding", "the labels follow"], rows),
        [*_counted(len(answers), len(held), len(touched - {names.NO_LABEL}), gone), *_agreement(lines)],
    )


def _follow(action: str, first: np.ndarray, second: np.ndarray) -> bool:
    """Whether labels are as an answer says: identities of the crops of its two sides."""
    if action == SAME:
        both = np.concatenate((first, second))
        return len(set(both.tolist())) == 1 and bool((both >= 0).all())
    if action == DIFFERENT:
        return not set(first[first >= 0].tolist()) & set(second[second >= 0].tolist())
    return action == JUNK and bool((first < 0).all())


def _counted(everything: int, held: int, touched: int, gone: int) -> list[str]:
    answers = f"{held:,} answer{'' if held == 1 else 's'} hold{'s' if held == 1 else ''}"
    undone = f" ({everything - held:,} more were undone or undo)" if everything > held else ""
    sentences = [f"{answers}{undone}. They touch {touched:,} of the present pseudo-identities."]
    if gone:
        sentences.append(f"{gone:,} of the crops that they name {'is' if gone == 1 else 'are'} gone from the data.")
    return sentences


def _agreement(lines: Lines) -> list[str]:
    """ARI and right matches in the last epoch before the first answers were used, and in the last of all."""
    used = [bool(number(line.get("answers"))) for line in lines]
    known = [place for place, line in enumerate(lines) if number(find(line, "truth", "ari")) is not None]
    before = [place for place in known if not any(used[: place + 1])]
    after = [place for place in known if any(used[: place + 1])]
    if not before or not after:
        return []
    words = []
    for key, name in (("ari", "the ARI of the pseudo-identities"), ("match_accuracy", "right matches")):
        values = [number(find(lines[place], "truth", key)) for place in (before[-1], after[-1])]
        if None not in values:
            words.append(f"{name} {values[0]:.2f} before and {values[1]:.2f} now")
    epochs = f"(epochs {lines[before[-1]]['epoch']} and {lines[after[-1]]['epoch']})"
    return [f"By the known identities, which no answer sees: {', '.join(words)} {epochs}."] if words else []
