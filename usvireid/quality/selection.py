"""Which epoch's encoder a run stands for: the last one, unless the settings name a criterion. Ours.

`last` looks at nothing. `label-free` looks at the pseudo-labels. `held-out` looks at training identities that were kept
out of training (`training/held_out.py`). `test` looks at the scores that are reported, as much of the literature does:
its results are too good, and carry the words "selected on test" wherever they go.

The value of an epoch depends on that epoch alone, and an epoch that is not selected when it is the newest never is. So
the selected one never has to be looked for among checkpoints that are gone, and a resumed run selects what an
uninterrupted one selects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from usvireid import names
from usvireid.evaluation.results import RERANKED
from usvireid.quality.lines import Lines, find, number, one_line_per_epoch

LAST, LABEL_FREE, HELD_OUT, TEST = "last", "label-free", "held-out", "test"

_LABELS = {
    LAST: "last epoch",
    LABEL_FREE: "selected without labels",
    HELD_OUT: "selected on held-out identities",
    TEST: "selected on test",
}


STANDING = 2 / 3
"""`label-free` passes over epochs whose value is below this part of the largest. Between sound epochs the value differs
by less, and tells nothing of their order; collapse takes more."""


@dataclass(frozen=True)
class Selection:
    """The epoch that a run stands for, and why.

    Attributes:
        method: the setting `selection.method`.
        epoch: the epoch.
        epochs: the epochs that were finished when it was selected.
        value: what the criterion gave it; None for `last`, and where no epoch has a value, which leaves the last one.
    """

    method: str
    epoch: int
    epochs: int
    value: float | None

    @property
    def label(self) -> str:
        """How the epoch was selected, in few words: for titles."""
        return _LABELS[self.method]

    @property
    def on_test(self) -> bool:
        """Whether the scores that are reported chose the epoch."""
        return self.method == TEST

    def sentence(self) -> str:
        """Which epoch and why, for a person."""
        if self.method == LAST:
            return f"epoch {self.epoch}, the last one"
        if self.value is None:
            return f"epoch {self.epoch} of {self.epochs}, {self.label}: no epoch has a value so far, so it is the last"
        measured = {
            LABEL_FREE: f"stability x spread {self.value:.3f}",
            HELD_OUT: f"mAP {100 * self.value:.1f} %",
            TEST: f"Rank-1 {100 * self.value:.1f} %",
        }
        return f"epoch {self.epoch} of {self.epochs}, {self.label} ({measured[self.method]})"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: method, label, epoch, epochs, value."""
        return {**asdict(self), "label": self.label}

    @classmethod
    def of_dict(cls, values: Mapping[str, Any]) -> Selection:
        """What `to_dict` gave."""
        return cls(values["method"], values["epoch"], values["epochs"], values["value"])


def select_epoch(lines: Lines, method: str, finished: int) -> Selection | None:
    """The epoch that a run stands for; None before the first is finished.

    The epoch of the largest value is selected, the later one of equals; by `label-free` the last one whose value is not
    below `STANDING` of the largest. The values:

    - `label-free`: stability x spread of the pseudo-labels that the epoch trained on, see `label_free_value`.
    - `held-out`: mAP on the held-out identities, the mean over the two directions.
    - `test`: Rank-1 on the test crops, the mean over what is scored without re-ranking; mAP where that is equal.

    Args:
        lines: the lines of the metrics file.
        method: the setting `selection.method`.
        finished: the newest epoch that has a checkpoint; later lines are of epochs that were interrupted.
    """
    if finished < 1:
        return None
    trained = [line for line in one_line_per_epoch(lines) if 1 <= line["epoch"] <= finished and line.get("losses")]
    ranked = [(value, line["epoch"]) for line in trained if (value := _VALUES[method](line)) is not None]
    if not ranked:
        return Selection(method, finished, finished, None)
    value, epoch = max(ranked)
    if method == LABEL_FREE:
        standing = [entry for entry in ranked if entry[0][0] >= STANDING * value[0]]
        value, epoch = max(standing, key=lambda entry: entry[1])
    return Selection(method, epoch, finished, value[0])


def label_free_value(line: Mapping[str, Any]) -> float | None:
    """How sound an epoch looks without any label: stability x spread, each in [0, 1]. Ours.

    - stability: adjusted Rand index of the pseudo-identities against those of the epoch before, at least 0;
    - spread: 1 - share of the crops in the largest cluster, the larger one of the two modalities. One cluster that
      swallows all is perfectly stable; this takes it to 0.

    The pseudo-labels of an epoch were made by the encoder as the epoch found it, so this judges what an epoch was
    taught. Epochs in which nothing is matched have no value, and neither has the first, which has no epoch before it.

    Returns:
        The value; None where it is 0 or the line lacks a measure: such an epoch is selected only as the last.
    """
    quality = line.get("quality")
    if not isinstance(quality, Mapping):
        return None
    stability = number(quality.get("stability"))
    matched = [number(find(quality, modality, "matched_crops_share")) for modality in names.MODALITIES]
    largest = [number(find(quality, modality, "largest_share")) for modality in names.MODALITIES]
    if stability is None or not all(matched):
        return None
    return max(stability, 0.0) * (1 - max(1.0 if share is None else share for share in largest)) or None


def _held_out_value(line: Mapping[str, Any]) -> float | None:
    return mean_score(line.get("held_out"), "mAP")


def mean_score(scores: object, measure: str) -> float | None:
    """The mean of a measure over the rows of an evaluation, re-ranked ones left out; None where none has it."""
    if not isinstance(scores, Mapping):
        return None
    found = [number(find(scores, name, measure)) for name in scores if not str(name).endswith(RERANKED)]
    known = [value for value in found if value is not None]
    return fmean(known) if known else None


def _alone(value: float | None) -> tuple[float, float] | None:
    return None if value is None else (value, 0.0)


def _test_values(line: Mapping[str, Any]) -> tuple[float, float] | None:
    first = mean_score(line.get("evaluation"), "rank1")
    return None if first is None else (first, mean_score(line.get("evaluation"), "mAP") or 0.0)


# The value, and what decides between equals.
_VALUES: dict[str, Callable[[Mapping[str, Any]], tuple[float, float] | None]] = {
    LAST: lambda line: None,
    LABEL_FREE: lambda line: _alone(label_free_value(line)),
    HELD_OUT: lambda line: _alone(_held_out_value(line)),
    TEST: _test_values,
}
