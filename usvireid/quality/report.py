"""The report of a run: one HTML file that opens anywhere, offline, on a phone and on paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

import usvireid
from usvireid import names
from usvireid.data.crops import Crops
from usvireid.files import write_atomically
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.epoch_measures import remeasured
from usvireid.quality.examples import ImagesOf, choose_groups, choose_outliers, rows_shown, thumbnails
from usvireid.quality.lines import Lines, edited_by_hand, find, number, one_line_per_epoch, score_rows
from usvireid.quality.measures import clusters_of
from usvireid.quality.selection import LAST, Selection
from usvireid.quality.truth import TruthMeasures, truth_of
from usvireid.quality.verdict import judge, percent

Evaluations = Mapping[str, Mapping[str, Any]]
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


def write_report(
    run_folder: Path,
    *,
    images: ImagesOf | None,
    crops: Crops,
    labels: PseudoLabels | None,
    metrics: Lines,
    evaluation: Evaluations | None,
    settings: Mapping[str, Any],
    environment: Mapping[str, Any],
    selection: Mapping[str, Any] | None = None,
    supervised: bool = False,
    seed: int = 0,
) -> Path:
    """Write `report.html` into a run folder, whole or not at all.

    Args:
        run_folder: the run; its name is the title.
        images: row numbers of `crops` to RGB pictures (uint8, N x H x W x 3). None gives a report without pictures.
        crops: the crops that the labels were made for. Identities, where they are known, fill the truth columns.
        labels: the last pseudo-labels, a row for every crop; None before there are any.
        metrics: one dict per epoch as in the metrics file; epoch 0 is the encoder before training. Keys may be missing.
        evaluation: `Evaluation.to_dict()` of the encoder as it is now; None takes the last one in `metrics`.
        settings: the settings of the run, nested as they like.
        environment: versions and devices, nested as they like.
        selection: `Selection.to_dict()`, the epoch that the scores are of and how it was selected; None leaves it out.
        supervised: the labels are the known identities, so they are not compared with them.
        seed: of the choice of random examples.

    Returns:
        The path of the report.

    Raises:
        ValueError: labels for another number of crops, or pictures of another shape.
        UsvireidError: the file cannot be written.
    """
    if labels is not None and len(labels) != len(crops):
        raise ValueError(f"{len(labels)} labels for {len(crops)} crops")
    lines = one_line_per_epoch(metrics)
    trained, untrained = _scores(lines, evaluation)
    last = next((line["quality"] for line in reversed(lines) if isinstance(line.get("quality"), Mapping)), None)
    quality = remeasured(last, labels, crops)
    truth = truth_of(labels, crops) if labels is not None and not supervised else None
    context = {
        "title": run_folder.resolve().name or "run",
        "subtitle": _subtitle(crops, lines),
        "verdict": judge(
            quality,
            truth,
            trained,
            untrained,
            _last_phase(lines),
            edited_by_hand(lines),
            _on_test(selection),
            supervised,
        ),
        "tiles": _tiles(quality, trained, untrained, selection),
        "cluster_table": _cluster_table(quality),
        "scores": _score_table(trained, untrained),
        "selection": None if selection is None else Selection.of_dict(selection),
        "truth": _truth_table(truth),
        "messages": _messages(lines),
        "settings": flatten(settings),
        "environment": flatten(environment),
        **_charts(lines, labels),
        **_pictures(crops, labels, images, seed),
    }
    path = run_folder / names.REPORT_FILE
    write_atomically(path, _render(context).encode("utf-8"))
    return path


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


def _render(context: Mapping[str, Any]) -> str:
    environment = Environment(
        loader=PackageLoader("usvireid.quality"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.j2")
    written = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    return page.render(written=written, version=usvireid.__version__, **context)


def _scores(lines: Lines, evaluation: Evaluations | None) -> tuple[Evaluations | None, Evaluations | None]:
    """The scores of the trained and of the untrained encoder."""
    found = [(line["epoch"], line["evaluation"]) for line in lines if isinstance(line.get("evaluation"), Mapping)]
    untrained = next((scores for epoch, scores in found if epoch == 0), None)
    last = next((scores for epoch, scores in reversed(found) if epoch > 0), None)
    return (evaluation or last), untrained


def _last_phase(lines: Lines) -> str | None:
    return next((str(line["phase"]) for line in reversed(lines) if line.get("phase")), None)


def _on_test(selection: Mapping[str, Any] | None) -> bool:
    return selection is not None and Selection.of_dict(selection).on_test


def _subtitle(crops: Crops, lines: Lines) -> str:
    counts = [f"{len(crops.rows_of(modality)):,} {modality}" for modality in names.MODALITIES]
    epochs = sum(line["epoch"] > 0 for line in lines)
    return f"{' and '.join(counts)} crops, {epochs} {'epoch' if epochs == 1 else 'epochs'}"


def _tiles(
    quality: Mapping[str, Any] | None,
    trained: Evaluations | None,
    untrained: Evaluations | None,
    selection: Mapping[str, Any] | None,
) -> list[Tile]:
    tiles = []
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


def _cluster_table(quality: Mapping[str, Any] | None) -> Table | None:
    if quality is None:
        return None
    rows: list[tuple[str, str, Callable[[float | None], str]]] = [
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
    ]
    return Table(
        heading=["", *names.MODALITIES],
        rows=[
            [label, *(show(number(find(quality, modality, key))) for modality in names.MODALITIES)]
            for label, key, show in rows
        ],
    )


def _score_table(trained: Evaluations | None, untrained: Evaluations | None) -> Table | None:
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


def _truth_table(truth: TruthMeasures | None) -> Table | None:
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


def _charts(lines: Lines, labels: PseudoLabels | None) -> dict[str, Any]:
    # Matplotlib takes half a second to import, which only those who want a report should wait for.
    from usvireid.quality.charts import histogram
    from usvireid.quality.curves import curves, truth_curve

    sizes = None
    if labels is not None:
        sizes = histogram("Clusters by size", _cluster_sizes(labels), "crops in a cluster")
    return {"charts": curves(lines), "truth_curve": truth_curve(lines), "sizes": sizes}


def _cluster_sizes(labels: PseudoLabels) -> dict[str, list[int]]:
    cluster = clusters_of(labels)
    sizes = {}
    for modality in names.MODALITIES:
        inside = cluster[labels.rows_of(modality)]
        sizes[modality] = np.unique(inside[inside >= 0], return_counts=True)[1].tolist()
    return sizes


def _pictures(crops: Crops, labels: PseudoLabels | None, images: ImagesOf | None, seed: int) -> dict[str, Any]:
    groups, outliers = [], []
    if labels is not None:
        groups = choose_groups(labels, crops.codes(names.IDENTITY) if crops.has(names.IDENTITY) else None, seed)
        outliers = choose_outliers(labels)
    rows = rows_shown(groups, outliers)
    uris = thumbnails(rows, images) if images is not None else {}
    paths = crops.table[names.PATH]
    return {"groups": groups, "outliers": outliers, "uris": uris, "paths": {int(row): paths.iloc[row] for row in rows}}


def _messages(lines: Lines) -> list[tuple[int, str]]:
    """What the run had to say, the last ones where there are very many."""
    said = []
    for line in lines:
        messages = line.get("messages")
        if isinstance(messages, list | tuple):
            said += [(int(line["epoch"]), str(message)) for message in messages]
    return said[-_MOST_MESSAGES:]


def _count(value: float | None) -> str:
    return "n/a" if value is None else f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _decimal(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.2f}"


def _points(share: float | None) -> str:
    """A share in percent, without the sign that the heading carries."""
    return "n/a" if share is None else f"{100 * share:.1f}"
