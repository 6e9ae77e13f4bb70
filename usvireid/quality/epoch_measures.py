"""All label-free measures of an epoch, put together for its line of metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from usvireid import names
from usvireid.clustering.constraints import Constraints
from usvireid.config import Settings
from usvireid.data.crops import Crops
from usvireid.data.looks import Looks
from usvireid.encoders.features import Features
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.context_measures import camera_mix, track_constraints, violations
from usvireid.quality.crop_cues import seats
from usvireid.quality.cross_measures import count_links, measure_matches
from usvireid.quality.graph_measures import measure_graph
from usvireid.quality.measures import clusters_of, measure_labels
from usvireid.quality.parts import Parts, parts_of_labels
from usvireid.training.monitor import Shown


@dataclass(frozen=True)
class Seen:
    """What there is to measure labels by, besides themselves. Whatever is missing leaves its measures None.

    Attributes:
        crops: the N crops, for cameras and tracks; identities are not looked at.
        shown: by modality, how the recipe clustered, as far as it says.
        looks: how the images of each modality and camera look.
        features: of the network that the labels were made by.
        gradients: the gradient descriptors of the crops.
        constraints: what the clustering kept to.
    """

    crops: Crops
    shown: Mapping[str, Shown] = field(default_factory=dict)
    looks: Sequence[Looks] = ()
    features: Features | None = None
    gradients: Features | None = None
    constraints: Constraints | None = None


def measure_epoch(
    labels: PseudoLabels, previous: PseudoLabels | None, seen: Seen, settings: Settings
) -> dict[str, Any]:
    """Measure labels without any truth.

    Args:
        labels: N labels of this epoch.
        previous: those of the epoch before, None where there are none.
        seen: what else there is.
        settings: of the run; `quality.measures` says how much is measured.

    Returns:
        Plain JSON values: `LabelMeasures.to_dict()`, with more under each modality and "across".
    """
    parts = parts_of_labels(labels)
    found = _of_table(labels, previous, parts, seen.crops)
    found["looks"] = {modality: _looks(modality, seen.looks) for modality in names.MODALITIES}
    if settings.quality.measures == "counts":
        return found
    for modality in names.MODALITIES:
        found[modality] |= _on_graph(modality, seen, settings)
    if seen.features is not None:
        silhouette = seats(seen.features.values, parts).silhouette
        for number, modality in enumerate(names.MODALITIES):
            found[modality] |= _seating(silhouette, parts, number)
        gradients = None if seen.gradients is None else seen.gradients.values
        found["across"] |= asdict(measure_matches(parts, seen.features.values, gradients, settings.matching.tau))
    return found


def remeasured(last: Mapping[str, Any] | None, labels: PseudoLabels | None, crops: Crops) -> dict[str, Any] | None:
    """The measures of labels as they stand in their file now, with what only the run could see taken from its line.

    Args:
        last: the measures in the run's last line, as of `measure_epoch`; None where there is none.
        labels: the labels, which a person may have edited since; None: those measures as they are.
        crops: of these labels.
    """
    if labels is None:
        return None if last is None else dict(last)
    known = last or {}
    found = _of_table(labels, None, parts_of_labels(labels), crops)
    for scope in (*names.MODALITIES, "across"):
        before = known.get(scope)
        of_run = dict(before) if isinstance(before, Mapping) else {}
        measured = {key: value for key, value in found[scope].items() if key != "stability"}
        found[scope] = {"stability": None, **of_run, **measured} if scope != "across" else {**of_run, **measured}
    return {**known, **found, "stability": known.get("stability")}


def _of_table(labels: PseudoLabels, previous: PseudoLabels | None, parts: Parts, crops: Crops) -> dict[str, Any]:
    """What the tables of labels and crops say."""
    found: dict[str, Any] = measure_labels(labels, previous).to_dict()
    for number, modality in enumerate(names.MODALITIES):
        found[modality] |= _context(labels, parts, crops, number)
    links = count_links(parts)
    found["across"] = {"links": links.links, "one_to_many_share": links.one_to_many_share}
    for modality in names.MODALITIES:
        found[modality]["unmatched_share"] = links.unmatched_share[modality]
    return found


def _looks(modality: str, looks: Sequence[Looks]) -> dict[str, int]:
    """How many images of a modality were looked at, and how many of them look like the other modality."""
    mine = [each for each in looks if each.modality == modality]
    return {"looked_at": sum(each.images for each in mine), "wrong": sum(each.wrong for each in mine)}


def _context(labels: PseudoLabels, parts: Parts, crops: Crops, number: int) -> dict[str, Any]:
    """Cameras, tracks and torn clusters of one modality."""
    rows = crops.rows_of(names.MODALITIES[number])
    cluster = clusters_of(labels)[rows]
    of_modality = crops.take(rows)
    labelled = int((parts.crop_identity[rows] >= 0).sum())
    strays = int((parts.crop_modality[parts.strays] == number).sum())
    tracks = track_constraints(of_modality)
    return {
        **asdict(camera_mix(cluster, of_modality.codes(names.CAMERA))),
        **({} if tracks is None else asdict(violations(cluster, tracks))),
        "torn_share": strays / labelled if labelled else None,
    }


def _on_graph(modality: str, seen: Seen, settings: Settings) -> dict[str, Any]:
    """The measures on the graph, where the recipe hands it over."""
    shown = seen.shown.get(modality)
    if shown is None or shown.graph is None or shown.graph.shape[0] != len(shown.result.clusters):
        return {}
    constraints = None
    if seen.constraints is not None:
        constraints = seen.constraints.take(seen.crops.rows_of(modality))
    measured = measure_graph(
        shown.graph,
        shown.result.clusters,
        eps=shown.result.eps,
        automatic=settings.clustering.eps == "auto",
        min_samples=settings.clustering.min_samples,
        constraints=constraints,
        dear=settings.quality.measures == "all",
    )
    automatic = shown.result.eps is not None and settings.clustering.eps == "auto"
    return {"eps": shown.result.eps, "eps_automatic": automatic, **asdict(measured)}


def _seating(silhouette: np.ndarray, parts: Parts, number: int) -> dict[str, Any]:
    """How the labelled crops of one modality sit among its identities, by the network."""
    mine = (parts.crop_modality == number) & (parts.crop_identity >= 0)
    known = silhouette[mine & np.isfinite(silhouette)]
    return {
        "seat": float(known.mean()) if len(known) else None,
        "misplaced_share": float((known < 0).mean()) if len(known) else None,
    }
