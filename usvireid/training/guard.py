"""Notices within an epoch that pseudo-labels or features have collapsed, and says what to change. Ours; reads no truth.

A collapse feeds itself: what is clustered wrongly is learnt, and then looks alike. So a collapsed epoch is not trained
on. The run goes back to the state before the epoch that led there, with other values:

- `clustering.eps`: where it is fixed, "auto", which follows the encoder as it learns. One that suits the encoder as it
  is now would not: the best eps grows with what was learnt;
- `clustering.min_samples`, where eps is "auto" or the method has none: half as much again where clusters have swallowed
  each other, two thirds of it where there are none, 2 at least;
- `memory.momentum`, once anything was learnt: half of what an update took so far, so that centres follow the encoder's
  errors half as fast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from usvireid.clustering.advice import GIANT_LEAST, GIANT_SHARE
from usvireid.config import Settings
from usvireid.errors import DataError, UsvireidError
from usvireid.layers import flatten, merge, nested

FEWEST_CLUSTERED = 0.1
"""Below this share of crops in clusters there is nothing to learn from."""
FEWEST_AT_FIXED_EPS = 0.5
"""The same where eps is fixed: with most crops left out another eps is no risk. Where it is "auto" already, data may be
such that most crops have no company, and other values would force clusters on them."""
FALLEN = 3
"""Falling to less than the third part is a collapse: of the usual number of clusters, or of the spread of features."""
RECENT = 5
"""Epochs over which the usual number of clusters is taken; two at least have to have passed."""
ALIKE = 0.05
"""A spread below this is a mean cosine above 0.95."""

_EPS, _LEAST, _MOMENTUM = "clustering.eps", "clustering.min_samples", "memory.momentum"


@dataclass(frozen=True)
class Signs:
    """What one modality shows in an epoch.

    Attributes:
        crops: number of crops.
        clusters: number of clusters.
        clustered: crops in any cluster.
        largest: crops in the largest cluster.
        spread: 1 - the mean cosine between two different crops; see `spread_of`.
    """

    crops: int
    clusters: int
    clustered: int
    largest: int
    spread: float


@dataclass(frozen=True)
class Symptom:
    """What is wrong with a modality: clusters have swallowed each other ("merged"), or there are none ("scattered")."""

    kind: Literal["merged", "scattered"]
    text: str


class Rollback(BaseModel):
    """A return to an earlier state: noticed when, back to which epoch, why in each modality, which values changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epoch: int
    to: int
    why: dict[str, str]
    changed: dict[str, tuple[Any, Any]]

    def sentence(self) -> str:
        """What happened, for a person."""
        why = ", ".join(f"{modality}: {text}" for modality, text in self.why.items())
        changes = "".join(f", {name} {old} -> {new}" for name, (old, new) in self.changed.items())
        back = f"back to the state after epoch {self.to}" if self.to else "back to the untrained encoder"
        return f"epoch {self.epoch} collapsed ({why}); {back}{changes}"


class GuardState(BaseModel):
    """What the guard knows after an epoch; kept in its checkpoint.

    Attributes:
        changes: values that differ from those of the settings, by dotted name.
        rollbacks: all so far.
        seen: the signs of every healthy epoch by modality, each with its epoch.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    changes: dict[str, Any] = {}
    rollbacks: tuple[Rollback, ...] = ()
    seen: tuple[tuple[int, dict[str, Signs]], ...] = ()

    @classmethod
    def of_fact(cls, fact: object) -> GuardState:
        """What a checkpoint holds under "guard".

        Raises:
            DataError: something else.
        """
        try:
            return cls.model_validate(fact)
        except ValidationError:
            raise DataError(
                "the newest checkpoint holds no state of the guard, so no run wrote it as it is; remove its file, and "
                "the same command goes on from the one before."
            ) from None


class Guard:
    """Judges the pseudo-labels of every epoch before they are trained on.

    Args:
        settings: of the run.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.state = GuardState()

    def settings(self) -> Settings:
        """The settings of the run with the values that have changed since."""
        tree = self._settings.model_dump()
        for name, value in self.state.changes.items():
            tree = merge(tree, nested(name, value))
        return Settings.model_validate(tree)

    def judge(self, epoch: int, signs: dict[str, Signs]) -> dict[str, Symptom]:
        """What is wrong with an epoch, by modality; where that is nothing, its signs are kept.

        A modality of fewer than 50 crops is not judged: half of them may well be one person.
        """
        before = [seen for number, seen in self.state.seen if number < epoch]
        fewest = FEWEST_AT_FIXED_EPS if _eps_is_fixed(self.settings()) else FEWEST_CLUSTERED
        found = {}
        for modality, now in signs.items():
            symptom = symptom_of(now, [seen[modality] for seen in before if modality in seen], fewest)
            if symptom is not None:
                found[modality] = symptom
        if not found:
            seen = (*(entry for entry in self.state.seen if entry[0] < epoch), (epoch, signs))
            self.state = self.state.model_copy(update={"seen": seen})
        return found

    def go_back(self, epoch: int, to: int, symptoms: dict[str, Symptom]) -> Rollback:
        """Change what is to be changed, and note it.

        Args:
            epoch: whose labels are ill.
            to: the epoch to go back to.
            symptoms: of `judge`.

        Raises:
            UsvireidError: there have been as many rollbacks as the settings allow, or nothing is left to change.
        """
        why = {modality: symptom.text for modality, symptom in symptoms.items()}
        changes = remedies(self.settings(), symptoms, learnt=epoch > 1)
        if len(self.state.rollbacks) >= self._settings.guard.rollbacks or not changes:
            raise UsvireidError(self._last_word(epoch, why))
        flat = flatten(self.settings().model_dump(mode="json"))
        changed = {name: (flat[name], value) for name, value in changes.items()}
        rollback = Rollback(epoch=epoch, to=to, why=why, changed=changed)
        self.state = GuardState(
            changes={**self.state.changes, **changes},
            rollbacks=(*self.state.rollbacks, rollback),
            seen=tuple(entry for entry in self.state.seen if entry[0] <= to),
        )
        return rollback

    def messages(self, epoch: int) -> list[str]:
        """What led to this epoch being trained anew."""
        return [rollback.sentence() for rollback in self.state.rollbacks if rollback.to == epoch - 1]

    def facts(self, signs: dict[str, Signs]) -> dict[str, Any]:
        """For the line of metrics: the spread of the features, changed values, and all rollbacks so far."""
        return {
            "spread": {modality: round(found.spread, 4) for modality, found in signs.items()},
            "changes": self.state.changes,
            "rollbacks": [rollback.model_dump(mode="json") for rollback in self.state.rollbacks],
        }

    def _last_word(self, epoch: int, why: dict[str, str]) -> str:
        said = ", ".join(f"{modality}: {text}" for modality, text in why.items())
        times = len(self.state.rollbacks)
        tried = f" after {times} rollback{'s' * (times > 1)}" if times else " and nothing is left to change"
        return (
            f"epoch {epoch} collapsed{tried} ({said}). Start anew, with another --out and weights to start from "
            f"(encoder.weights), another neighbors.k1 or a smaller optimizer.learning_rate; guard.use=false trains on "
            "whatever the clusters are."
        )


def spread_of(features: np.ndarray) -> float:
    """1 - the mean cosine between two different rows; 0: all are equal, 1: unrelated.

    Args:
        features: float32, N x D, unit rows. Below two rows the spread is 1.
    """
    count = len(features)
    if count < 2:
        return 1.0
    total = features.sum(axis=0, dtype=np.float64)
    return float(1 - (total @ total - count) / (count * (count - 1)))


def symptom_of(now: Signs, before: list[Signs], fewest: float = FEWEST_CLUSTERED) -> Symptom | None:
    """What is wrong with a modality, or None.

    Args:
        now: what it shows.
        before: what it showed in healthy epochs, oldest first.
        fewest: share of crops that have to be in a cluster.
    """
    if now.crops < GIANT_LEAST:
        return None
    if now.clustered < fewest * now.crops:
        return Symptom("scattered", f"{now.clustered} of {now.crops} crops are in a cluster")
    if now.largest > GIANT_SHARE * now.crops:
        return Symptom("merged", f"one cluster holds {now.largest} of {now.crops} crops")
    recent = before[-RECENT:] if len(before) > 1 else [now]
    usual, inside = median(seen.clusters for seen in recent), median(seen.clustered for seen in recent)
    if now.clusters * FALLEN < usual:
        kind: Literal["merged", "scattered"] = "scattered" if 2 * now.clustered < inside else "merged"
        return Symptom(kind, f"{now.clusters} clusters, where {usual:g} were usual")
    widest = max((seen.spread for seen in before), default=0.0)
    if now.spread < ALIKE and now.spread * FALLEN < widest:
        return Symptom("merged", f"two crops have a cosine of {1 - now.spread:.3f} on average, {1 - widest:.3f} before")
    return None


def remedies(settings: Settings, symptoms: dict[str, Symptom], learnt: bool) -> dict[str, Any]:
    """Which values to change against some symptoms, by dotted name; the rule is at the top of this file.

    Args:
        settings: as they are now.
        symptoms: by modality.
        learnt: whether anything was trained so far.
    """
    changes: dict[str, Any] = {}
    kinds = {symptom.kind for symptom in symptoms.values()}
    clustering = settings.clustering
    if _eps_is_fixed(settings):
        changes[_EPS] = "auto"
    elif kinds == {"merged"}:
        changes[_LEAST] = math.ceil(1.5 * clustering.min_samples)
    elif kinds == {"scattered"} and clustering.min_samples > 2:
        changes[_LEAST] = max(2, 2 * clustering.min_samples // 3)
    if learnt:
        changes[_MOMENTUM] = round(1 - (1 - settings.memory.momentum) / 2, 6)
    return changes


def _eps_is_fixed(settings: Settings) -> bool:
    return settings.clustering.method == "dbscan" and settings.clustering.eps != "auto"
