"""What is wrong with a run, in words and with advice, from measures that need no truth.

The thresholds are ours. They were set on the runs of `docs/quality.md`: each fault that is named here was provoked
there and is found, and runs without one are not accused of it. They say where to look, not what is right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from usvireid import names
from usvireid.quality.lines import find, number

Level = Literal["good", "note", "warning", "bad"]
Quality = Mapping[str, Any]
"""The label-free measures of an epoch, as in its line (`quality.epoch_measures`); any of them may be missing."""

_MANY_OUTLIERS, _MOSTLY_OUTLIERS = 0.3, 0.5
_SWOLLEN_SHARE, _SWOLLEN_TIMES_MEDIAN = 0.25, 5
"""A cluster this large among far smaller ones is suspicious. `clustering.advice.GIANT_SHARE` is another thing: the
share at which an eps has put everybody together, whatever the other clusters are."""
_BELOW_ADVICE, _CHANGED = 0.05, 0.9
_FEW_MATCHED = 0.3
_UNSTABLE = 0.5
_UNEVEN = 2.0
_UNEVEN_CROPS = 10.0
_BY_CAMERA = 0.75
_SPLIT_TRACKS, _JOINED_TRACKS, _FEWEST_PAIRS = 0.1, 0.02, 3
_TORN = 0.05
_MISPLACED, _MISPLACED_FROM_FILE = 0.2, 0.12
_AT_CHANCE, _SURE = 0.018, 0.0185
_LOOK_WRONG = 0.5


@dataclass(frozen=True)
class Finding:
    """One observation and, where something is amiss, what to do about it."""

    level: Level
    text: str


def diagnose(quality: Quality | None, phase: str | None = None) -> list[Finding]:
    """Everything that label-free measures say about the labels of a run, as sentences.

    Args:
        quality: the measures of the last labels; None where there are none.
        phase: "intra" while the modalities are not matched yet, so that nothing matched is no fault.
    """
    if quality is None:
        return []
    findings = _looks(quality)
    for modality in names.MODALITIES:
        findings += _clusters(quality, modality)
    return [*findings, *_imbalance(quality), *_shuffled(quality), *_matching(quality, phase)]


def percent(share: float | None, digits: int = 0) -> str:
    """A share as text, "n/a" where there is none."""
    return "n/a" if share is None else f"{100 * share:.{digits}f}\u00a0%"


def value_of(source: Mapping[str, Any] | None, outer: str, inner: str) -> float | None:
    """A finite number two levels down; None where a level is missing or the value is no number."""
    return number(find(source or {}, outer, inner))


def _looks(quality: Quality) -> list[Finding]:
    """Folders that were swapped, or that hold images of the other modality."""
    seen = {modality: find(quality, "looks", modality) for modality in names.MODALITIES}
    counts = {
        modality: (number(find(look, "wrong")) or 0.0, number(find(look, "looked_at")) or 0.0)
        for modality, look in seen.items()
        if isinstance(look, Mapping)
    }
    wrong = [modality for modality, (bad, all_) in counts.items() if all_ and bad > _LOOK_WRONG * all_]
    said = {
        names.VISIBLE: "{0:.0f} of {1:.0f} visible images looked at are grey",
        names.INFRARED: "{0:.0f} of {1:.0f} infrared images looked at are in colour",
    }
    told = [said[modality].format(*counts[modality]) for modality in wrong]
    if len(wrong) == len(names.MODALITIES):
        return [
            Finding(
                "bad",
                f"The modalities are swapped: {' and '.join(told)}. Exchange the two folders (or the values of the "
                "column modality) and start the run anew.",
            )
        ]
    return [
        Finding("warning", f"{sentence}; check that they are in the right folder with `usvireid data check`.")
        for sentence in told
    ]


def _clusters(quality: Quality, modality: str) -> list[Finding]:
    """What is wrong with the clusters of one modality."""
    if not value_of(quality, modality, "crops"):
        return [Finding("warning", f"There are no {modality} crops.")]
    if not value_of(quality, modality, "clusters"):
        text = f"No {modality} cluster was found. {_larger_eps(quality, modality)} and cluster again."
        return [Finding("bad", text)]
    return [
        *_outliers(quality, modality),
        *_swollen(quality, modality),
        *_split(quality, modality),
        *_by_camera(quality, modality),
        *_tracks(quality, modality),
        *_overlap(quality, modality),
        *_moving(quality, modality),
    ]


def _larger_eps(quality: Quality, modality: str) -> str:
    """The advice to raise eps, to which value where one is known."""
    advised, eps = (value_of(quality, modality, key) for key in ("advised_eps", "eps"))
    if advised is not None and eps is not None and advised > eps:
        return f"Raise clustering.eps from {eps:g} to about {advised:g} (or set it to auto)"
    if find(quality, modality, "eps_automatic") is True:
        return "Lower clustering.min_samples, or set neighbors.k1 to about twice the crops of a person in a modality"
    return "Raise eps or lower min_samples"


def _outliers(quality: Quality, modality: str) -> list[Finding]:
    share = value_of(quality, modality, "outlier_share") or 0.0
    text = f"{percent(share)} of the {modality} crops are in no cluster"
    if share > _MOSTLY_OUTLIERS:
        return [Finding("bad", f"{text}: most are not trained on. {_larger_eps(quality, modality)}.")]
    if share > _MANY_OUTLIERS:
        return [Finding("warning", f"{text}, so much is not trained on. {_larger_eps(quality, modality)}.")]
    return [Finding("good", f"{text}.")]


def _swollen(quality: Quality, modality: str) -> list[Finding]:
    """One cluster that swallows the others."""
    share = value_of(quality, modality, "largest_share") or 0.0
    largest, median = (value_of(quality, modality, key) or 0.0 for key in ("size_max", "size_median"))
    alone = value_of(quality, modality, "clusters") == 1
    if share <= _SWOLLEN_SHARE or not (alone or largest > _SWOLLEN_TIMES_MEDIAN * median):
        return []
    advised, eps = (value_of(quality, modality, key) for key in ("advised_eps", "eps"))
    remedy = "Lower eps or k1."
    if advised is not None and eps is not None and advised < eps:
        remedy = f"Lower clustering.eps from {eps:g} to about {advised:g} (or set it to auto)."
    return [
        Finding(
            "bad",
            f"One giant {modality} cluster holds {percent(share)} of the crops ({largest:,.0f}; the median cluster has "
            f"{median:g}): several people have run together. {remedy}",
        )
    ]


def _split(quality: Quality, modality: str) -> list[Finding]:
    """An eps that is clearly below the one that the graph suggests."""
    advised, eps = (value_of(quality, modality, key) for key in ("advised_eps", "eps"))
    if advised is None or eps is None or advised < eps + _BELOW_ADVICE:
        return []
    agreement = value_of(quality, modality, "larger_eps_agreement")
    changed = ""
    if agreement is not None and agreement < _CHANGED:
        changed = f", and with a slightly larger one the clusters change (adjusted Rand {agreement:.2f})"
    return [
        Finding(
            "warning",
            f"The {modality} crops are over-split: eps {eps:g} leaves people in pieces or out{changed}. "
            f"Raise clustering.eps to about {advised:g} (or set it to auto).",
        )
    ]


def _by_camera(quality: Quality, modality: str) -> list[Finding]:
    share, cameras = (value_of(quality, modality, key) for key in ("single_camera_share", "cameras"))
    if share is None or share <= _BY_CAMERA:
        return []
    return [
        Finding(
            "note",
            f"{percent(share)} of the {modality} clusters are from one of the {cameras:.0f} cameras alone. Unless "
            "people pass one camera only, they are split by camera: train longer, in the intra phase above all.",
        )
    ]


def _tracks(quality: Quality, modality: str) -> list[Finding]:
    """Labels that tracks prove wrong."""
    findings = []
    split, joined = (value_of(quality, modality, key) for key in ("must_split_share", "cannot_joined_share"))
    least = value_of(quality, modality, "wrong_crops_share") or 0.0
    remedy = "constraints.tracks keeps the clusters to it."
    if split is not None and split > _SPLIT_TRACKS:
        text = (
            f"{percent(split)} of the pairs of {modality} crops of one track are in different clusters, so at least "
            f"{percent(least)} of these crops are labelled wrongly; {remedy}"
        )
        findings.append(Finding("warning", text))
    pairs = value_of(quality, modality, "cannot_pairs") or 0.0
    if joined is not None and joined > _JOINED_TRACKS and joined * pairs >= _FEWEST_PAIRS:
        text = (
            f"{percent(joined)} of the pairs of people that one {modality} camera saw at the same time are in "
            f"one cluster; {remedy}"
        )
        findings.append(Finding("warning", text))
    return findings


def _overlap(quality: Quality, modality: str) -> list[Finding]:
    share = value_of(quality, modality, "misplaced_share") or 0.0
    if share <= _MISPLACED or value_of(quality, modality, "silhouette") is None:
        return []
    return [
        Finding(
            "warning",
            f"{percent(share)} of the labelled {modality} crops are nearer to another cluster than to their own: the "
            "clusters overlap. Train longer, or start from a pretrained encoder.",
        )
    ]


def _moving(quality: Quality, modality: str) -> list[Finding]:
    stability = value_of(quality, modality, "stability")
    if stability is None or stability >= _UNSTABLE:
        return []
    return [
        Finding(
            "warning",
            f"The {modality} clusters still change much from epoch to epoch (adjusted Rand {stability:.2f}). "
            "Train longer, or lower the learning rate.",
        )
    ]


def _imbalance(quality: Quality) -> list[Finding]:
    """Modalities of very different size."""
    findings = []
    clusters = [value_of(quality, modality, "clusters") or 0.0 for modality in names.MODALITIES]
    if min(clusters) and max(clusters) > _UNEVEN * min(clusters):
        many, few = sorted(zip(clusters, names.MODALITIES, strict=True), reverse=True)
        text = (
            f"{many[1].capitalize()} has {many[0]:,.0f} clusters and {few[1]} {few[0]:,.0f}: one is probably split too "
            "far or the other merged, or more people are seen in one than in the other."
        )
        findings.append(Finding("warning", text))
    crops = [value_of(quality, modality, "crops") or 0.0 for modality in names.MODALITIES]
    if min(crops) and max(crops) > _UNEVEN_CROPS * min(crops):
        many, few = sorted(zip(crops, names.MODALITIES, strict=True), reverse=True)
        text = f"There are {many[0] / few[0]:.0f} times as many {many[1]} crops as {few[1]} ones; add {few[1]} footage."
        findings.append(Finding("note", text))
    return findings


def _shuffled(quality: Quality) -> list[Finding]:
    """Labels that do not belong to their crops: torn clusters, or crops that sit among strangers."""
    torn = [value_of(quality, modality, "torn_share") or 0.0 for modality in names.MODALITIES]
    if max(torn) > _TORN:
        told = " and ".join(f"{percent(share)} of the {m}" for m, share in zip(names.MODALITIES, torn, strict=True))
        text = f"{told} crops carry another identity than most crops of the cluster they were found in"
    else:
        misplaced = [value_of(quality, modality, "misplaced_share") or 0.0 for modality in names.MODALITIES]
        clustered = any(value_of(quality, modality, "silhouette") is not None for modality in names.MODALITIES)
        if clustered or max(misplaced) <= _MISPLACED_FROM_FILE:
            return []
        told = " and ".join(
            f"{percent(share)} of the {m}" for m, share in zip(names.MODALITIES, misplaced, strict=True)
        )
        text = f"{told} crops are nearer to another identity than to the one they are labelled with"
    remedy = "the labels look shuffled, or belong to other files. Check the edit, or cluster again (`--stage cluster`)."
    return [Finding("bad", f"{text}: {remedy}")]


def _matching(quality: Quality, phase: str | None) -> list[Finding]:
    if not all(value_of(quality, modality, "clusters") for modality in names.MODALITIES):
        return []
    if not quality.get("shared_identities"):
        if phase == "intra":
            return [Finding("note", "The modalities are not matched yet: the run is in its intra phase.")]
        return [
            Finding("warning", "No cluster is matched across the modalities; the encoder cannot learn to join them.")
        ]
    shares = {modality: value_of(quality, modality, "matched_share") for modality in names.MODALITIES}
    known = [share for share in shares.values() if share is not None]
    text = ", ".join(f"{percent(share)} of the {modality} clusters" for modality, share in shares.items())
    by_chance = _chance(quality)
    if known and max(known) < _FEW_MATCHED:
        return [*by_chance, Finding("note", f"Few clusters are matched across the modalities: {text}.")]
    return [*by_chance, Finding("note" if by_chance else "good", f"Matched across the modalities: {text}.")]


def _chance(quality: Quality) -> list[Finding]:
    """Matches that are no better than those between strangers."""
    beyond, error = (value_of(quality, "across", key) for key in ("beyond_chance", "beyond_chance_error"))
    if beyond is None or error is None or error > _SURE or beyond > _AT_CHANCE:
        return []
    return [
        Finding(
            "bad",
            "The matches across the modalities look no better than chance: the partner that most of a body suggests is "
            f"hardly confirmed by the rest of it ({beyond:+.3f} ± {error:.3f}, clearly above 0 for true matches). "
            "The two modalities may show different people: then training.intra_epochs at the number of epochs trains "
            "each by itself. If they show the same people, these images are too hard to match: look at the matches "
            "(`usvireid doubts`).",
        )
    ]
