"""The most doubtful clusters, links and crops of a run, with the reason in words.

Every doubt is a question that a person can answer by looking: are the crops on the one side and those on the other the
same person? `together` is what the labels say, `score` the chance that they are wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.encoders.features import Features
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.chances import Chances, chances
from usvireid.quality.confidence import Cues, Logistic
from usvireid.quality.examined import Examined, examine

Kind = Literal["cluster", "link", "crop"]
KINDS: tuple[Kind, ...] = ("cluster", "link", "crop")
Order = Literal["score", "gain"]

_LEAST = {"cluster": 0.02, "link": 0.02, "crop": 0.05}
"""Below this chance of being wrong nothing is listed."""


@dataclass(frozen=True)
class Doubt:
    """Something about the labels that may be wrong.

    Attributes:
        kind: "cluster", clusters of one modality; "link", across the modalities; "crop", a single crop in its cluster.
        score: the chance that the labels are wrong about it, in [0, 1].
        reason: why it is doubted, a sentence.
        rows: int64, ascending; all crops concerned: `first` and `second` together.
        first: int64; one side of the question "the same person?". Of a link the visible crops, of a crop itself.
        second: int64; the other side.
        together: whether the labels hold both sides for one person now.
    """

    kind: Kind
    score: float
    reason: str
    rows: np.ndarray
    first: np.ndarray
    second: np.ndarray
    together: bool = True

    @property
    def gain(self) -> float:
        """The crops that an answer is expected to put right: the chance times the smaller side."""
        return self.score * min(len(self.first), len(self.second))


def find_doubts(
    labels: PseudoLabels,
    features: Features | None = None,
    *,
    gradients: Features | None = None,
    crops: Crops | None = None,
    kinds: Sequence[Kind] = KINDS,
    top: int | None = None,
    order: Order = "score",
) -> list[Doubt]:
    """Rank what is doubtful about labels, the most doubtful first. No identity is looked at.

    Args:
        labels: N labels, edited by hand or not.
        features: of the run's network, for the same crops. Without them only what the labels say themselves counts,
            which orders less well and finds no cluster that should be joined to another.
        gradients: the gradient descriptors of the crops (`encoders.gradients`), a second opinion across modalities.
        crops: the crops, for their cameras and tracks; by default those of the features.
        kinds: which kinds to look for.
        top: how many at most; None: all that are worth a look.
        order: "score", by the chance of being wrong; "gain", by the crops that an answer is expected to put right.

    Raises:
        ValueError: features or crops of another number than labels.
    """
    return doubts_of(examine(labels, features, gradients, crops), kinds=kinds, top=top, order=order)


def doubts_of(
    seen: Examined, *, kinds: Sequence[Kind] = KINDS, top: int | None = None, order: Order = "score"
) -> list[Doubt]:
    """The same as `find_doubts`, for labels that have been examined already."""
    makers = {"cluster": (_mixed, _divided), "link": (_links,), "crop": (_crops,)}
    sure = chances(seen)
    found = [doubt for kind in KINDS if kind in kinds for make in makers[kind] for doubt in make(seen, sure)]
    found.sort(key=lambda doubt: (-getattr(doubt, order), -doubt.gain, doubt.rows.tolist()[:1]))
    return found[:top]


def _mixed(seen: Examined, sure: Chances) -> Iterator[Doubt]:
    """Clusters that may hold more than one person."""
    model, chance = sure.models["part"], 1 - sure.part
    members = seen.parts.members()
    for number in np.flatnonzero(chance >= _LEAST["cluster"]).tolist():
        rows = members[number]
        second = rows[seen.second[rows]]
        if not 0 < len(second) < len(rows):
            continue
        reason = _why(model, seen.part_cues, number, _WHY_MIXED) or "it is looser than other clusters"
        modality = names.MODALITIES[seen.parts.modality[number]]
        text = f"This {modality} cluster of {len(rows)} crops may hold more than one person: {reason}."
        yield Doubt("cluster", float(chance[number]), text, rows, rows[~seen.second[rows]], second)


def _divided(seen: Examined, sure: Chances) -> Iterator[Doubt]:
    """Clusters of one modality that may be one person."""
    model, chance = sure.models["pair"], sure.pair
    members = seen.parts.members()
    for number in np.flatnonzero(chance >= _LEAST["cluster"]).tolist():
        first, second = members[seen.pairs.one[number]], members[seen.pairs.other[number]]
        reason = _why(model, seen.pair_cues, number, _WHY_DIVIDED) or "they are next to each other"
        modality = names.MODALITIES[seen.parts.modality[seen.pairs.one[number]]]
        text = f"These two {modality} clusters of {len(first)} and {len(second)} crops may be one person: {reason}."
        yield Doubt("cluster", float(chance[number]), text, _both(first, second), first, second, together=False)


def _links(seen: Examined, sure: Chances) -> Iterator[Doubt]:
    """Links that may join two people, and clusters that may be one person and are not linked."""
    model, chance = sure.models["link"], np.where(seen.links.linked, 1 - sure.link, sure.link)
    members = seen.parts.members()
    for number in np.flatnonzero(chance >= _LEAST["link"]).tolist():
        first, second = members[seen.links.visible[number]], members[seen.links.infrared[number]]
        linked = bool(seen.links.linked[number])
        if linked:
            reason = _why(model, seen.link_cues, number, _WHY_LINK, sign=-1) or "other clusters are nearly as near"
            text = f"This match of {len(first)} visible and {len(second)} infrared crops may be wrong: {reason}."
        else:
            text = (
                f"These {len(first)} visible and {len(second)} infrared crops are not matched, "
                "though each is the other's nearest."
            )
        yield Doubt("link", float(chance[number]), text, _both(first, second), first, second, together=linked)


def _crops(seen: Examined, sure: Chances) -> Iterator[Doubt]:
    """Crops that may be of another person than the cluster that they are in."""
    model, parts = sure.models["crop"], seen.parts
    chance = np.nan_to_num(1 - sure.crop)
    members = parts.members()
    yield from _strays(seen, chance, members)
    chance[parts.part < 0] = 0
    for row in np.flatnonzero(chance >= _LEAST["crop"]).tolist():
        number = parts.part[row]
        others = members[number][members[number] != row]
        if not len(others):
            continue
        reason = _why(model, seen.crop_cues, row, _WHY_CROP) or "it sits less well than others"
        text = f"This crop may not belong to the {len(others)} others of its cluster: {reason}."
        yield Doubt("crop", float(chance[row]), text, members[number], np.array([row]), others)


def _strays(seen: Examined, chance: np.ndarray, members: list[np.ndarray]) -> Iterator[Doubt]:
    """Crops that a person, or an accident, gave another identity than most crops of their cluster have."""
    parts = seen.parts
    homes = {(m, i): k for k, (m, i) in enumerate(zip(parts.modality.tolist(), parts.identity.tolist(), strict=True))}
    for row in parts.strays.tolist():
        home = homes.get((int(parts.crop_modality[row]), int(parts.crop_identity[row])))
        found_in = int(parts.found_in[row])
        number = found_in if home is None else home
        text = (
            "This crop is labelled as another identity than most crops of the cluster that it was found in"
            + (", and nobody else in its modality is" if home is None else "")
            + "."
        )
        score = float(max(chance[row], _LEAST["crop"])) if seen.seats is not None else 0.5
        second = members[number]
        yield Doubt(
            "crop", score, text, _both(np.array([row]), second), np.array([row]), second, together=home is not None
        )


_WHY_MIXED = {
    "seat": "many of its crops are about as near to another cluster",
    "seat by gradients": "the shapes of its crops are as near to another cluster",
    "spread": "its crops differ more than those of other clusters",
    "gap": "it falls into two groups",
    "size": "it is far larger than others",
    "confidence": "its crops hold together loosely",
}
_WHY_DIVIDED = {
    "distance": "they are unusually near to each other",
    "apart": "no camera has seen both, and they are near to each other",
    "distance by gradients": "the shapes of their crops are alike",
    "size": "one of them is small",
}
_WHY_LINK = {
    "margin by network": "by the network another cluster is nearer or as near",
    "larger margin by network": "by the network other clusters are as near",
    "margin by gradients": "by the shapes of the crops another cluster is nearer or as near",
    "larger margin by gradients": "by the shapes of the crops other clusters are as near",
    "similarity by network": "by the network the two are not much alike",
    "similarity by gradients": "by the shapes of the crops the two are not much alike",
    "confidence": "the clustering or the matching was not sure",
    "size": "one of the two has few crops",
}
_WHY_CROP = {
    "seat": "it is about as near to another cluster",
    "seat by gradients": "its shape is as near to another cluster",
    "confidence": "it hangs on to its cluster loosely",
    "size": "its cluster is large",
    "track": "other crops of its track are labelled as somebody else",
}


def _why(model: Logistic, cues: Cues, row: int, words: dict[str, str], sign: int = 1) -> str:
    """In words, the cues that speak most for a doubt."""
    shares = sorted(((sign * share, name) for name, share in model.shares(cues, row).items()), reverse=True)
    said = [words[name] for share, name in shares[:2] if share > 0.3 and name in words]
    return " and ".join(said)


def _both(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.sort(np.concatenate((first, second)))
