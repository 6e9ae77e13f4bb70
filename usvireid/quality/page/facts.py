"""Figures of a run as tiles and tables of text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from usvireid import names
from usvireid.quality.lines import Lines, find, number, score_rows
from usvireid.quality.page.material import Evaluations
from usvireid.quality.selection import LAST
from usvireid.quality.truth import TruthMeasures
from usvireid.quality.verdict import percent

_MOST_MESSAGES = 50


@dataclass(frozen=True)
class Tile:
    """One figure at the head of the report."""

    label: str
    value: str
    note: str


@dataclass(frozen=True)
class Table:
    """A heading row and rows of text; the first cell of a row names it."""

    heading: Sequence[str]
    rows: Sequence[Sequence[str]]


def tiles_of(
    quality: Mapping[str, Any] | None,
    trained: Evaluations | None,
    untrained: Evaluations | None,
    selection: Mapping[str, Any] | None,
) -> list[Tile]:
    """The key figures: clusters, matches and Rank-1."""
    tiles: list[Tile] = []
    if quality is not None:
        for modality in names.MODALITIES:
            clusters, outliers = (number(find(quality, modality, key)) for key in ("clusters", "outliers"))
            tiles.append(Tile(f"{modality} clusters", _count(clusters), f"{_count(outliers)} crops in none"))
        shared = number(find(quality, "shared_identities"))
        total = number(find(quality, "identities"))
        tiles.append(Tile("matched across both", _count(shared), f"of {_count(total)} pseudo-identities"))
    for name, label in score_rows(trained, untrained).items():
        now, before = (number(find(scores or {}, name, "rank1")) for scores in (trained, untrained))
        if now is not None:
            note = "untrained not scored" if before is None else f"{percent(before, 1)} untrained"
            if selection is not None and selection["method"] != LAST:
                note += f"; {selection['label']}"
            tiles.append(Tile(f"Rank-1, {label}", percent(now, 1), note))
    return tiles


def cluster_table(quality: Mapping[str, Any] | None) -> Table | None:
    """The label-free measures by modality, and those across both. What was not measured is left out."""
    if quality is None:
        return None
    sides = [
        [label, *(show(number(find(quality, modality, key))) for modality in names.MODALITIES), ""]
        for label, key, show in (*_COUNTS, *_SIDES)
        if (label, key, show) in _COUNTS or any(_known(quality, modality, key) for modality in names.MODALITIES)
    ]
    across = [
        [label, "", "", show(number(find(quality, "across", key)))]
        for label, key, show in _ACROSS
        if _known(quality, "across", key)
    ]
    return Table(["", *names.MODALITIES, "both"], [*sides, *across])


def _known(quality: Mapping[str, Any], scope: str, key: str) -> bool:
    return number(find(quality, scope, key)) is not None


def score_table(trained: Evaluations | None, untrained: Evaluations | None) -> Table | None:
    """Retrieval before and after training."""
    rows = []
    for name, label in score_rows(untrained, trained).items():
        for encoder, scores in (("untrained", untrained), ("trained", trained)):
            found = find(scores or {}, name)
            if isinstance(found, Mapping):
                shares = [number(found.get(key)) for key in ("rank1", "rank5", "rank10", "rank20", "mAP", "mINP")]
                counts = [number(found.get(key)) for key in ("queries", "skipped_queries", "gallery")]
                rows.append([f"{label}, {encoder}", *map(_points, shares), *map(_count, counts)])
    heading = ["query to gallery", "Rank-1", "Rank-5", "Rank-10", "Rank-20", "mAP", "mINP"]
    return Table([*heading, "queries", "no match", "gallery"], rows) if rows else None


def truth_table(truth: TruthMeasures | None) -> Table | None:
    """How the labels agree with the known identities."""
    if truth is None:
        return None
    sides = [truth.modalities[modality] for modality in names.MODALITIES]
    rows = [
        ["true identities", *(_count(side.identities) for side in sides), ""],
        ["ARI of the clusters", *(_decimal(side.ari) for side in sides), ""],
        ["ARI of the pseudo-identities", "", "", _decimal(truth.ari)],
        ["purity of the clusters", *(percent(side.purity) for side in sides), ""],
        ["right matches", "", "", percent(truth.match_accuracy)],
        ["crops matched to their own person", "", "", percent(truth.match_accuracy_crops)],
    ]
    return Table(["", *names.MODALITIES, "both"], rows)


def time_table(lines: Lines) -> Table | None:
    """Seconds of every step over all epochs."""
    steps: dict[str, list[float]] = {}
    for line in lines:
        seconds = line.get("seconds")
        for step, value in seconds.items() if isinstance(seconds, Mapping) else ():
            if (known := number(value)) is not None:
                steps.setdefault(str(step), []).append(known)
    if not steps:
        return None
    total = sum(map(sum, steps.values()))
    rows = [
        [
            step,
            _seconds(sum(own)),
            percent(sum(own) / total) if total else "n/a",
            _seconds(sum(own) / len(own)),
        ]
        for step, own in steps.items()
    ]
    return Table(["step", "in all", "share", "each time"], [*rows, ["together", _seconds(total), "", ""]])


def memory_sentence(lines: Lines) -> str | None:
    """The most memory that any epoch took; None where no line says."""
    peaks = []
    for key, where in (("peak_memory_mb", "of main memory"), ("peak_gpu_memory_mb", "on the GPU")):
        values = [value for line in lines if (value := number(line.get(key)))]
        if values:
            peaks.append(f"{max(values):,.0f} MB {where}")
    return f"At most {' and '.join(peaks)}." if peaks else None


def messages_of(lines: Lines) -> list[tuple[int, str]]:
    """What the run had to say, the last ones where there are very many."""
    said = []
    for line in lines:
        messages = line.get("messages")
        if isinstance(messages, list | tuple):
            said += [(int(line["epoch"]), str(message)) for message in messages]
    return said[-_MOST_MESSAGES:]


def flatten(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as (dotted name, text), in their order."""
    rows: list[tuple[str, str]] = []
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            rows += flatten(value, f"{name}.")
        elif isinstance(value, list | tuple):
            rows.append((name, ", ".join(map(str, value)) or "none"))
        else:
            rows.append((name, "none" if value is None or value == {} else str(value)))
    return rows


def _count(value: float | None) -> str:
    return "n/a" if value is None else f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _decimal(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.2f}"


def _points(share: float | None) -> str:
    """A share in percent, without the sign that the heading carries."""
    return "n/a" if share is None else f"{100 * share:.1f}"


def _seconds(value: float) -> str:
    """Seconds as people say them."""
    if value >= 5400:
        return f"{value / 3600:.1f} h"
    return f"{value / 60:.1f} min" if value >= 90 else f"{value:.1f} s"


_Rows = tuple[tuple[str, str, Callable[[float | None], str]], ...]
_COUNTS: _Rows = (
    ("crops", "crops", _count),
    ("clusters", "clusters", _count),
    ("crops in no cluster", "outliers", _count),
    ("share in no cluster", "outlier_share", percent),
    ("crops trained on", "trained", _count),
    ("median cluster size", "size_median", _count),
    ("largest cluster", "size_max", _count),
    ("share in the largest", "largest_share", percent),
    ("clusters matched", "matched_clusters", _count),
    ("share of clusters matched", "matched_share", percent),
    ("share of crops matched", "matched_crops_share", percent),
    ("agreement with the epoch before (adjusted Rand)", "stability", _decimal),
)
_SIDES: _Rows = (
    ("silhouette on the graph", "silhouette", _decimal),
    ("distance within clusters", "compactness", _decimal),
    ("margin to the nearest other cluster", "margin", _decimal),
    ("agreement with a 10\u00a0% smaller eps", "smaller_eps_agreement", _decimal),
    ("agreement with a 10\u00a0% larger eps", "larger_eps_agreement", _decimal),
    ("agreement with HDBSCAN", "hdbscan_agreement", _decimal),
    ("crops nearer to another cluster, by the network", "misplaced_share", percent),
    ("clusters of one camera only", "single_camera_share", percent),
    ("pairs of one track in different clusters: wrong for certain", "must_split_share", percent),
    ("tracks seen at once in one cluster: wrong for certain", "cannot_joined_share", percent),
    ("crops wrong by their tracks, at least", "wrong_crops_share", percent),
)
_ACROSS: _Rows = (
    ("matches with another match at one end", "one_to_many_share", percent),
    ("crops whose match looks back at them", "confirmed_share", percent),
    ("clusters chosen by the cluster they choose", "mutual_share", percent),
    ("median margin of a match, by the network", "link_margin", _decimal),
    ("median margin of a match, by shapes", "gradient_margin", _decimal),
    ("clusters matched alike by network and shapes", "signals_agree", percent),
    ("agreement across beyond chance", "beyond_chance", _decimal),
)
