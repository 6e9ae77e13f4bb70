"""What a run reached, in words: a judgement, what it rests on, and what to do.

What measures without truth have to say is in `quality.trouble`; this adds what scores and known identities say, clearly
apart. The thresholds are ours. They say where a person should look, not what is right: without identities no number
proves that a match across the modalities is correct.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from usvireid import names
from usvireid.quality.lines import score_rows
from usvireid.quality.trouble import Finding, Level, diagnose, percent, value_of
from usvireid.quality.truth import TruthMeasures

__all__ = ["Finding", "Level", "Verdict", "judge", "percent"]

_SEVERITY: dict[Level, int] = {"good": 0, "note": 1, "warning": 2, "bad": 3}

_WRONG_MATCHES, _DOUBTFUL_MATCHES = 0.5, 0.8
_SUPERVISED = "Identities were given, not found: the scores are an upper reference for what can be learnt without them."


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
        findings = [*diagnose(quality, phase), *_truth(truth), *_retrieval(trained, untrained)]
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


def _identity_sentence(quality: Mapping[str, Any] | None) -> list[str]:
    if quality is None:
        return []
    parts = [f"{value_of(quality, m, 'clusters') or 0:,.0f} in {m} crops" for m in names.MODALITIES]
    shared = quality.get("shared_identities") or 0
    return [f"The run was trained on known identities: {', '.join(parts)}, {shared:,} in both."]


def _cluster_sentence(quality: Mapping[str, Any] | None) -> list[str]:
    if quality is None:
        return []
    parts = [f"{value_of(quality, m, 'clusters') or 0:,.0f} clusters in {m} crops" for m in names.MODALITIES]
    outliers = sum(value_of(quality, m, "outliers") or 0 for m in names.MODALITIES)
    crops = sum(value_of(quality, m, "crops") or 0 for m in names.MODALITIES)
    shared = quality.get("shared_identities") or 0
    left = (
        f"{outliers:,.0f} of {crops:,.0f} crops ({percent(outliers / crops)}) are in none"
        if crops
        else "there are no crops"
    )
    return [f"The run found {' and '.join(parts)}; {left}. {shared:,} pseudo-identities are matched across both."]


def _score_sentence(trained: Mapping[str, Any] | None, untrained: Mapping[str, Any] | None) -> list[str]:
    parts = []
    for name, label in score_rows(trained, untrained).items():
        now, before = value_of(trained, name, "rank1"), value_of(untrained, name, "rank1")
        if now is None:
            continue
        now_map, before_map = value_of(trained, name, "mAP"), value_of(untrained, name, "mAP")
        text = f"{label} {percent(now, 1)} Rank-1 and {percent(now_map, 1)} mAP"
        if before is not None:
            text += f" (untrained {percent(before, 1)} and {percent(before_map, 1)})"
        parts.append(text)
    return [f"Retrieval: {'; '.join(parts)}."] if parts else []


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
        now, before = value_of(trained, name, "rank1"), value_of(untrained, name, "rank1")
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
