"""Everything that speaks for or against pseudo-labels, gathered once: the cues that confidences and doubts rest on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.encoders.features import Features
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.confidence import Cues
from usvireid.quality.crop_cues import Seats, centres_of, seats
from usvireid.quality.link_cues import CrossSimilarity, Links, joined, links_of
from usvireid.quality.part_cues import Pairs, halves, nearest_pairs, spread_of
from usvireid.quality.parts import Parts, parts_of_labels


@dataclass(frozen=True)
class Examined:
    """Labels and the cues about them; no identity is among these.

    Attributes:
        parts: the parts of the labels (K).
        crop_cues: cues about every crop (N values each).
        part_cues: cues about every part (K values each).
        links: pairs of a visible and an infrared part, linked or only choosing each other.
        link_cues: cues about them.
        pairs: parts of one modality that could be one person; none without features.
        pair_cues: cues about them.
        second: bool, N; the crops that would leave their part if it held two people.
        seats: where each crop sits by the network's features; None without them.
    """

    parts: Parts
    crop_cues: Cues
    part_cues: Cues
    links: Links
    link_cues: Cues
    pairs: Pairs
    pair_cues: Cues
    second: np.ndarray
    seats: Seats | None


def examine(
    labels: PseudoLabels,
    features: Features | None = None,
    gradients: Features | None = None,
    crops: Crops | None = None,
) -> Examined:
    """Gather the cues.

    Args:
        labels: N labels.
        features: of the network, for the same N crops; None leaves only what the labels say themselves.
        gradients: the gradient descriptors of these crops (`encoders.gradients`); None leaves their cues out.
        crops: the N crops, for cameras and tracks; by default those of the features.

    Raises:
        ValueError: features or crops of another number.
    """
    crops = crops if crops is not None or features is None else features.crops
    for what, given in (("features", features), ("gradients", gradients), ("crops", crops)):
        if given is not None and len(given) != len(labels):
            raise ValueError(f"{len(given)} {what} for {len(labels)} labels")
    parts = parts_of_labels(labels)
    confidence = np.asarray(labels.column(names.CONFIDENCE), dtype=np.float64)
    best = np.zeros(len(parts))
    inside = parts.part >= 0
    np.maximum.at(best, parts.part[inside], confidence[inside])
    relative = np.full(len(labels), np.nan)
    relative[inside] = confidence[inside] / np.maximum(best[parts.part[inside]], 1e-6)
    size = _against_usual(parts.sizes.astype(np.float64), parts)
    crop: dict[str, np.ndarray] = {"confidence": relative, "size": _of_part(size, parts)}
    part: dict[str, np.ndarray] = {"confidence": _mean(confidence, parts), "size": size}
    if crops is not None:
        crop["track"] = _track_dissent(crops, parts)
    links, link_cues = _links(parts, features, gradients, part["confidence"], size)
    second = confidence < _of_part(part["confidence"], parts)
    camera = np.full(len(labels), -1, dtype=np.int64) if crops is None else crops.codes(names.CAMERA)
    pairs, pair_cues = _pairs(parts, features, gradients, camera, size)
    found = None
    if features is not None:
        found = seats(features.values, parts)
        crop["seat"] = found.silhouette
        part["seat"] = _mean(found.silhouette, parts)
        part["spread"] = _against_usual(spread_of(features.values, parts).astype(np.float64), parts)
        divided = halves(features.values, parts)
        part["gap"] = divided.gap
        second = divided.second
    if gradients is not None:
        crop["seat by gradients"] = seats(gradients.values, parts).silhouette
        part["seat by gradients"] = _mean(crop["seat by gradients"], parts)
    return Examined(parts, crop, part, links, link_cues, pairs, pair_cues, second, found)


def _links(
    parts: Parts,
    features: Features | None,
    gradients: Features | None,
    confidence: np.ndarray,
    size: np.ndarray,
) -> tuple[Links, Cues]:
    """Linked pairs, those that choose each other although they are not linked, and what speaks for them."""
    signals = {
        name: CrossSimilarity(given.values, parts)
        for name, given in (("network", features), ("gradients", gradients))
        if given is not None
    }
    links = joined([links_of(parts), *(signal.unlinked_nearest() for signal in signals.values())])
    cues: dict[str, np.ndarray] = {
        "linked": links.linked.astype(np.float64),
        "confidence": np.where(links.linked, (confidence[links.visible] + confidence[links.infrared]) / 2, np.nan),
        "size": np.minimum(size[links.visible], size[links.infrared]),
    }
    for name, signal in signals.items():
        margins = signal.margins(links)
        cues[f"similarity by {name}"] = margins.similarity
        cues[f"margin by {name}"] = np.clip(margins.smaller, -0.5, 0.5)
        cues[f"larger margin by {name}"] = np.clip(np.maximum(margins.visible, margins.infrared), -0.5, 0.5)
    return links, cues


def _pairs(
    parts: Parts, features: Features | None, gradients: Features | None, camera: np.ndarray, size: np.ndarray
) -> tuple[Pairs, Cues]:
    if features is None:
        nothing = np.zeros(0, dtype=np.int64)
        return Pairs(nothing, nothing, np.zeros(0, dtype=np.float32), np.zeros(0, dtype=bool)), {}
    pairs = nearest_pairs(features.values, parts, camera)
    usual = _usual(pairs.distance, parts.modality[pairs.one])
    cues: dict[str, np.ndarray] = {
        "distance": np.log2(np.maximum(pairs.distance, 1e-6) / usual),
        "apart": np.where(camera.max(initial=-1) < 1, np.nan, pairs.apart),
        "size": np.minimum(size[pairs.one], size[pairs.other]),
    }
    if gradients is not None:
        cues["distance by gradients"] = _centre_distance(gradients.values, parts, pairs)
    return pairs, cues


def _centre_distance(values: np.ndarray, parts: Parts, pairs: Pairs) -> np.ndarray:
    centres = centres_of(values, parts)
    difference = centres[pairs.one] - centres[pairs.other]
    distance = np.einsum("md,md->m", difference, difference)
    usual = _usual(distance, parts.modality[pairs.one])
    return np.asarray(np.log2(np.maximum(distance, 1e-6) / usual))


def _usual(values: np.ndarray, modality: np.ndarray) -> np.ndarray:
    """The median of each modality's values, a value for every entry."""
    usual = np.ones(len(values))
    for number in np.unique(modality):
        usual[modality == number] = max(float(np.median(values[modality == number])), 1e-6)
    return usual


def _against_usual(values: np.ndarray, parts: Parts) -> np.ndarray:
    """The logarithm (base 2) of each part's value over the median of its modality's parts."""
    return np.asarray(np.log2(np.maximum(values, 1e-6) / _usual(values, parts.modality)))


def _of_part(values: np.ndarray, parts: Parts) -> np.ndarray:
    """The value of its part for every crop, NaN for crops in none."""
    spread = np.full(len(parts.part), np.nan)
    inside = parts.part >= 0
    spread[inside] = values[parts.part[inside]]
    return spread


def _mean(values: np.ndarray, parts: Parts) -> np.ndarray:
    """The mean over the crops of each part that have a value (float64, K); NaN where none has."""
    rows = np.flatnonzero((parts.part >= 0) & np.isfinite(values))
    count = np.bincount(parts.part[rows], minlength=len(parts))
    total = np.bincount(parts.part[rows], weights=values[rows], minlength=len(parts))
    return np.asarray(np.divide(total, count, out=np.full(len(parts), np.nan), where=count > 0))


def _track_dissent(crops: Crops, parts: Parts) -> np.ndarray:
    """The share of the other labelled crops of a crop's track with another identity; NaN where there are none."""
    track = crops.codes(names.TRACK)
    key = (track * (crops.codes(names.CAMERA).max(initial=-1) + 2)) + crops.codes(names.CAMERA) + 1
    rows = np.flatnonzero((track >= 0) & (parts.crop_identity >= 0))
    dissent = np.full(len(crops), np.nan)
    if not len(rows):
        return dissent
    both = np.stack((key[rows], parts.crop_identity[rows]))
    _, which, alike = np.unique(both, axis=1, return_inverse=True, return_counts=True)
    _, of_track, length = np.unique(key[rows], return_inverse=True, return_counts=True)
    others = length[of_track] - 1
    dissent[rows] = np.divide(
        length[of_track] - alike[which.ravel()], others, out=np.full(len(rows), np.nan), where=others > 0
    )
    return dissent
