"""The report of a run: one HTML file that opens anywhere, offline, on a phone and on paper."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from usvireid import names
from usvireid.files import write_atomically
from usvireid.matching.labels import PseudoLabels
from usvireid.printable import shown
from usvireid.quality.epoch_measures import remeasured
from usvireid.quality.lines import Lines, edited_by_hand, one_line_per_epoch
from usvireid.quality.measures import clusters_of
from usvireid.quality.page.album import Album, make_album
from usvireid.quality.page.changes import changes_by
from usvireid.quality.page.doubtful import cards_of, rows_on, standing_of
from usvireid.quality.page.facts import (
    cluster_table,
    flatten,
    memory_sentence,
    messages_of,
    score_table,
    tiles_of,
    time_table,
    truth_table,
)
from usvireid.quality.page.material import Evaluations, Material
from usvireid.quality.page.people import rows_by_turn, table_of_people
from usvireid.quality.page.sample import codes_in
from usvireid.quality.page.write import rendered
from usvireid.quality.selection import Selection
from usvireid.quality.strips import Strip, pseudo_identities, strip_of, unlabelled_rows
from usvireid.quality.truth import TruthMeasures, truth_of
from usvireid.quality.verdict import judge

_OUTLIERS = 16
"""Of each modality that are shown."""


def write_report(run_folder: Path, material: Material, *, seed: int = 0) -> Path:
    """Write `report.html` into a run folder, whole or not at all.

    Args:
        run_folder: the run; its name is the title.
        material: what there is to report.
        seed: of the map.

    Returns:
        The path of the report.

    Raises:
        ValueError: pictures of another shape.
        UsvireidError: the file cannot be written.
    """
    lines = one_line_per_epoch(material.metrics)
    truth = None
    if material.labels is not None and not material.supervised:
        truth = truth_of(material.labels, material.crops)
    context = {
        "title": shown(run_folder.resolve().name) or "run",
        **_judgement(material, lines, truth),
        **_curves(material, lines),
        **_people(material),
        **_features(material, seed),
        "selection": None if material.selection is None else Selection.of_dict(material.selection),
        "truth": truth_table(truth),
        "changes": None if material.labels is None else changes_by(material.answers, material.labels, lines),
        "messages": messages_of(lines),
        "times": time_table(lines),
        "memory": memory_sentence(lines),
        "settings": flatten(material.settings),
        "environment": flatten(material.environment),
    }
    path = run_folder / names.REPORT_FILE
    write_atomically(path, rendered(context).encode("utf-8"))
    return path


def _judgement(material: Material, lines: Lines, truth: TruthMeasures | None) -> dict[str, Any]:
    """The verdict in words, the key figures, and the tables that they rest on."""
    trained, untrained = _scores(lines, material.evaluation)
    quality = _last_quality(lines, material)
    on_test = material.selection is not None and Selection.of_dict(material.selection).on_test
    phase = next((str(line["phase"]) for line in reversed(lines) if line.get("phase")), None)
    return {
        "subtitle": _subtitle(material, lines),
        "verdict": judge(
            quality, truth, trained, untrained, phase, edited_by_hand(lines), on_test, material.supervised
        ),
        "tiles": tiles_of(quality, trained, untrained, material.selection),
        "cluster_table": cluster_table(quality),
        "scores": score_table(trained, untrained),
    }


def _scores(lines: Lines, evaluation: Evaluations | None) -> tuple[Evaluations | None, Evaluations | None]:
    """The scores of the trained and of the untrained encoder."""
    found = [(line["epoch"], line["evaluation"]) for line in lines if isinstance(line.get("evaluation"), Mapping)]
    untrained = next((scores for epoch, scores in found if epoch == 0), None)
    last = next((scores for epoch, scores in reversed(found) if epoch > 0), None)
    return (evaluation or last), untrained


def _last_quality(lines: Lines, material: Material) -> dict[str, Any] | None:
    """The measures of the labels at hand, with what only the run could see; else the run's last ones."""
    last = next((line["quality"] for line in reversed(lines) if isinstance(line.get("quality"), Mapping)), None)
    return remeasured(last, material.labels, material.crops)


def _subtitle(material: Material, lines: Lines) -> str:
    counts = [f"{len(material.crops.rows_of(modality)):,} {modality}" for modality in names.MODALITIES]
    epochs = sum(line["epoch"] > 0 for line in lines)
    return f"{' and '.join(counts)} crops, {epochs} {'epoch' if epochs == 1 else 'epochs'}"


def _curves(material: Material, lines: Lines) -> dict[str, Any]:
    # Matplotlib takes half a second to import, which only those who want a report should wait for.
    from usvireid.quality.curves import curves, truth_curve
    from usvireid.quality.histograms import histogram

    sizes = None
    if material.labels is not None:
        sizes = histogram("Clusters by size", _cluster_sizes(material.labels), "crops in a cluster")
    return {"charts": curves(lines), "truth_curve": truth_curve(lines), "sizes": sizes}


def _cluster_sizes(labels: PseudoLabels) -> dict[str, list[int]]:
    cluster = clusters_of(labels)
    sizes = {}
    for modality in names.MODALITIES:
        inside = cluster[labels.rows_of(modality)]
        sizes[modality] = np.unique(inside[inside >= 0], return_counts=True)[1].tolist()
    return sizes


def _people(material: Material) -> dict[str, Any]:
    """What is doubtful, the table of pseudo-identities, the crops without one, and the pictures of all of them."""
    labels, crops = material.labels, material.crops
    if labels is None:
        return {"cards": [], "outliers": [], "people": [], "album": Album({}, 0, False), "paths": {}}
    cards = cards_of(material.doubts, labels)
    standing = standing_of(material.doubts, labels)
    people = sorted(
        pseudo_identities(labels),
        key=lambda one: (-(standing[one.number].doubt or 0) if one.number in standing else 0, one.confidence),
    )
    unlabelled = unlabelled_rows(labels)
    outliers = [strip_of(modality, rows, _OUTLIERS) for modality, rows in unlabelled.items() if len(rows)]
    on_map = [] if material.sample is None else material.sample.rows.tolist()
    album = make_album(
        itertools.chain(rows_on(cards), _rows_of(outliers)),
        itertools.chain(itertools.islice(rows_by_turn(people), 2 * len(people)), on_map, rows_by_turn(people)),
        people=len(people),
        images=material.images,
        blur_heads=material.blur_heads,
    )
    known = crops.codes(names.IDENTITY) if crops.has(names.IDENTITY) and not material.supervised else None
    table = table_of_people(people, standing, crops, known, album.pictures)
    rows = {row for person in table for _, _, rows in person["sides"] for row in rows}
    rows.update(rows_on(cards), _rows_of(outliers), on_map)
    paths = crops.table[names.PATH].to_numpy(dtype=object)
    return {
        "cards": cards,
        "outliers": outliers,
        "people": table,
        "album": album,
        "paths": {row: shown(str(paths[row])) for row in sorted(rows)},
    }


def _rows_of(strips: Sequence[Strip]) -> list[int]:
    return [row for strip in strips for row in strip.rows]


def _features(material: Material, seed: int) -> dict[str, Any]:
    """The map and the distances, where there is a sample of the features."""
    nothing = {"map": None, "no_map": material.no_sample, "distances": None, "true_distances": None}
    sample, labels = material.sample, material.labels
    if sample is None or labels is None:
        return nothing
    from usvireid.quality.page.distances import distances
    from usvireid.quality.page.feature_map import feature_map

    identity, infrared = codes_in(labels, sample.rows)
    values = sample.features.values
    true = None
    if material.crops.has(names.IDENTITY):
        codes = material.crops.codes(names.IDENTITY)[sample.rows]
        true = distances("Distances by known identities", values, codes, infrared)
    return {
        "map": feature_map(sample, material.crops, labels, seed),
        "no_map": "Too few crops for a map.",
        "distances": distances("Distances by pseudo-identities", values, identity, infrared),
        "true_distances": true,
    }
