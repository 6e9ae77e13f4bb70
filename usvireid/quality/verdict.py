"""What a run reached, in words: a judgement, what it rests on, and what to do.

The thresholds are ours. They say where a person should look, not what is right: without identities no number proves
that a match across the modalities is correct.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from usvireid import names
from usvireid.quality.lines import find, number, score_rows
from usvireid.quality.truth import TruthMeasures

Level = Literal["good", "note", "warning", "bad"]
_SEVERITY: dict[Level, int] = {"good": 0, "note": 1, "warning": 2, "bad": 3}

_MANY_OUTLIERS, _MOSTLY_OUTLIERS = 0.3, 0.5
_SWOLLEN_SHARE, _SWOLLEN_TIMES_MEDIAN = 0.25, 5
"""A cluster this large among far smaller ones is suspicious. `clustering.advice.GIANT_SHARE` is another thing: the
share at which an eps has put everybody together, whatever the other clusters are."""
_FEW_MATCHED = 0.3
_UNSTABLE = 0.5
_UNEVEN = 2.0
_WRONG_MATCHES, _DOUBTFUL_MATCHES = 0.5, 0.8
_SUPERVISED = "Identities were given, not found: the scores are an upper reference for what can be learnt without them."


@dataclass(frozen=True)
class Finding:
    """One observation and, where something is amiss, what to do about it."""

    level: Level
    text: str


@dataclass(frozen=True)
class Verdict:
    """The judgement of a run.

    Attributes:
        level: the worst level of the findings.
        title: the judgement in a few words.
        summary: what the run reached, in one or two sentences.
        findings: what the judgement rests on, the worst first.
    """

    level: Level
    title: str
    summary: str
    findings: Sequence[Finding]


def judge(
    quality: Mapping[str, Any] | None,
    truth: TruthMeasures | None,
    trained: Mapping[str, Any] | None,
    untrained: Mapping[str, Any] | None,
    phase: str | None = None,
    edited: str | None = None,
    on_test: bool = False,
    supervised: bool = False,
) -> Verdict:
    """Judge a run by its last labels and its scores.

    Args:
        quality: `LabelMeasures.to_dict()` of the last labels, None where there are none.
        truth: the agreement with identities, None where they are not known.
        trained: `Evaluation.to_dict()` of the trained encoder, None where nothing could be scored.
        untrained: the same of the encoder before training.
        phase: "intra" while the modalities are not matched yet, so that nothing matched is no fault.
        edited: which labels a person changed, in words; None if none.
        on_test: the scores chose the epoch that they are of.
        supervised: the labels are the known identities, so there is nothing to judge about them.
    """
    if supervised:
        findings = [Finding("note", _SUPERVISED), *_retrieval(trained, untrained)]
    else:
        findings = [*_clusters(quality), *_matching(quality, phase), *_truth(truth), *_retrieval(trained, untrained)]
    if edited is not None:
        findings.append(Finding("note", edited))
    if on_test and trained is not None:
        findings.append(Finding("warning", "The epoch was selected on test: its scores are too good."))
    if trained is None and truth is None and quality is not None and not supervised:
        findings.append(
            Finding("note", "No identities are known, so nothing here proves that the matches are right: look at them.")
        )
    findings.sort(key=lambda finding: -_SEVERITY[finding.level])
    if quality is None and trained is None:
        return Verdict("note", "Nothing to judge yet", "The run has neither labels nor scores so far.", findings)
    level: Level = max((finding.level for finding in findings), key=_SEVERITY.__getitem__, default="good")
    titles = {"warning": "Look closer before you rely on it", "bad": "Do not rely on these labels"}
    told = _identity_sentence(quality) if supervised else _cluster_sentence(quality)
    sentences = [*told, *_score_sentence(trained, untrained)]
    return Verdict(level, titles.get(level, "No sign of trouble"), " ".join(sentences), findings)


def percent(share: float | None, digits: int = 0) -> str:
    """A share as text, "n/a" where there is none."""
    return "n/a" if share is None else f"{100 * share:.{digits}f}\u00a0%"


def _identity_sentence(quality: Mapping[str, Any] | None) -> list[str]:
    if quality is None:
        return []
    parts = [f"{_get(quality, m, 'clusters') or 0:,} in {m} crops" for m in names.MODALITIES]
    shared = quality.get("shared_identities") or 0
    return [f"The run was trained on known identities: {', '.join(parts)}, {shared:,} in both."]


def _cluster_sentence(quality: Mapping[str, Any] | None) -> list[str]:
    if quality is None:
        return []
    parts = [f"{_get(quality, m, 'clusters') or 0:,} clusters in {m} crops" for m in names.MODALITIES]
    outliers = sum(_get(quality, m, "outliers") or 0 for m in names.MODALITIES)
    crops = sum(_get(quality, m, "crops") or 0 for m in names.MODALITIES)
    shared = quality.get("shared_identities") or 0
    left = (
        f"{outliers:,} of {crops:,} crops ({percent(outliers / crops)}) are in none" if crops else "there are no crops"
    )
    return [f"The run found {' and '.join(parts)}; {left}. {shared:,} pseudo-identities are matched across both."]


def _score_sentence(trained: Mapping[str, Any] | None, untrained: Mapping[str, Any] | None) -> list[str]:
    parts = []
    for name, label in score_rows(trained, untrained).items():
        now, before = _get(trained, name, "rank1"), _get(untrained, name, "rank1")
        if now is None:
            continue
        now_map, before_map = _get(trained, name, "mAP"), _get(untrained, name, "mAP")
        text = f"{label} {percent(now, 1)} Rank-1 and {percent(now_map, 1)} mAP"
        if before is not None:
            text += f" (untrained {percent(before, 1)} and {percent(before_map, 1)})"
        parts.append(text)
    return [f"Retrieval: {'; '.join(parts)}."] if parts else []


def _clusters(quality: Mapping[str, Any] | None) -> list[Finding]:
    findings = []
    for modality in names.MODALITIES if quality is not None else ():
        crops, clusters = _get(quality, modality, "crops"), _get(quality, modality, "clusters")
        if not crops:
            findings.append(Finding("warning", f"There are no {modality} crops."))
        elif not clusters:
            findings.append(
                Finding("bad", f"No {modality} cluster was found. Raise eps or lower min_samples and cluster again.")
            )
        else:
            findings += [*_outliers(quality, modality), *_swollen(quality, modality), *_moving(quality, modality)]
    sizes = [_get(quality, modality, "clusters") or 0 for modality in names.MODALITIES]
    if min(sizes) and max(sizes) > _UNEVEN * min(sizes):
        many, few = sorted(zip(sizes, names.MODALITIES, strict=True), reverse=True)
        findings.append(
            Finding(
                "warning",
                f"{many[1].capitalize()} has {many[0]:,} clusters and {few[1]} {few[0]:,}: one is probably split too "
                "far or the other merged.",
            )
        )
    return findings


def _outliers(quality: Mapping[str, Any] | None, modality: str) -> list[Finding]:
    share = _get(quality, modality, "outlier_share") or 0.0
    text = f"{percent(share)} of the {modality} crops are in no cluster"
    if share > _MOSTLY_OUTLIERS:
        return [Finding("bad", f"{text}: most are not trained on. Raise eps or lower min_samples.")]
    if share > _MANY_OUTLIERS:
        return [Finding("warning", f"{text}. A larger eps or a smaller min_samples keeps more of them.")]
    return [Finding("good", f"{text}.")]


def _swollen(quality: Mapping[str, Any] | None, modality: str) -> list[Finding]:
    share = _get(quality, modality, "largest_share") or 0.0
    largest, median = _get(quality, modality, "size_max") or 0, _get(quality, modality, "size_median") or 0.0
    alone = _get(quality, modality, "clusters") == 1
    if share <= _SWOLLEN_SHARE or not (alone or largest > _SWOLLEN_TIMES_MEDIAN * median):
        return []
    return [
        Finding(
            "bad",
            f"One {modality} cluster holds {percent(share)} of the crops ({largest:,}; the median cluster has "
            f"{median:g}): several people have run together. Lower eps or k1.",
        )
    ]


def _moving(quality: Mapping[str, Any] | None, modality: str) -> list[Finding]:
    stability = _get(quality, modality, "stability")
    if stability is None or stability >= _UNSTABLE:
        return []
    return [
        Finding(
            "warning",
            f"The {modality} clusters still change much from epoch to epoch (adjusted Rand {stability:.2f}). "
            "Train longer, or lower the learning rate.",
        )
    ]


def _matching(quality: Mapping[str, Any] | None, phase: str | None) -> list[Finding]:
    if quality is None or not all(_get(quality, modality, "clusters") for modality in names.MODALITIES):
        return []
    if not quality.get("shared_identities"):
        if phase == "intra":
            return [Finding("note", "The modalities are not matched yet: the run is in its intra phase.")]
        return [
            Finding("warning", "No cluster is matched across the modalities; the encoder cannot learn to join them.")
        ]
    shares = {modality: _get(quality, modality, "matched_share") for modality in names.MODALITIES}
    known = [share for share in shares.values() if share is not None]
    text = ", ".join(f"{percent(share)} of the {modality} clusters" for modality, share in shares.items())
    if known and max(known) < _FEW_MATCHED:
        return [Finding("warning", f"Few clusters are matched across the modalities: {text}.")]
    return [Finding("good", f"Matched across the modalities: {text}.")]


def _truth(truth: TruthMeasures | None) -> list[Finding]:
    if truth is None or truth.match_accuracy is None:
        return []
    text = (
        f"Judged by the known identities, {percent(truth.match_accuracy)} of {truth.compared_identities:,} matched "
        "pseudo-identities join the same person"
    )
    if truth.match_accuracy < _WRONG_MATCHES:
        return [Finding("bad", f"{text}: training pulls different people together.")]
    if truth.match_accuracy < _DOUBTFUL_MATCHES:
        return [Finding("warning", f"{text}; the others pull different people together.")]
    return [Finding("good", f"{text}.")]


def _retrieval(trained: Mapping[str, Any] | None, untrained: Mapping[str, Any] | None) -> list[Finding]:
    findings, better = [], []
    for name, label in score_rows(trained, untrained).items():
        now, before = _get(trained, name, "rank1"), _get(untrained, name, "rank1")
        if now is None or before is None:
            continue
        if now > before:
            better.append(label)
            continue
        change = f"Rank-1 {label} went from {percent(before, 1)} untrained to {percent(now, 1)}"
        findings.append(Finding("warning", f"{change}: training did not help this direction."))
    if better:
        findings.append(Finding("good", f"Training raised Rank-1 {' and '.join(better)}."))
    return findings


def _get(source: Mapping[str, Any] | None, outer: str, inner: str) -> Any:
    """A finite number two levels down; None where a level is missing or the value is no number."""
    value = find(source or {}, outer, inner)
    return value if number(value) is not None else None
