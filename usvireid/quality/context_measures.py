"""What cameras and tracks say about labels: who is seen where, and which labels cannot be true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usvireid import names
from usvireid.clustering.constraints import Constraints, ConstraintsBuilder
from usvireid.clustering.tracks import add_tracks
from usvireid.data.crops import Crops


@dataclass(frozen=True)
class CameraMix:
    """The cameras of the clusters of one modality.

    Attributes:
        cameras: cameras of the modality.
        single_camera_share: share of the clusters whose crops are all from one camera; None without clusters, or where
            the modality has fewer than two cameras.
        camera_entropy: mean over the clusters of the entropy of their cameras, over its largest value for that many
            crops and cameras: 0 where each is from one camera, 1 where all are as mixed as they can be; None likewise.
    """

    cameras: int
    single_camera_share: float | None
    camera_entropy: float | None


@dataclass(frozen=True)
class Violations:
    """How far labels contradict tracks: what is counted here is wrong for certain, whoever the people are.

    Attributes:
        must_pairs: pairs of labelled crops of one track.
        must_split_share: share of them in different clusters; None without such pairs.
        cannot_pairs: pairs of tracks that one camera saw at once, both with labelled crops.
        cannot_joined_share: share of them that have a cluster in common; None without such pairs.
        wrong_crops_share: share of the labelled crops that would have to move at least, for tracks to be in one piece;
            None without labelled crops of tracks.
    """

    must_pairs: int
    must_split_share: float | None
    cannot_pairs: int
    cannot_joined_share: float | None
    wrong_crops_share: float | None


def camera_mix(cluster: np.ndarray, camera: np.ndarray) -> CameraMix:
    """The cameras of clusters.

    Args:
        cluster: int64, N; of the crops of one modality, -1 for none.
        camera: int64, N; code of the camera, -1 where it is not known; such crops are left out.
    """
    rows = np.flatnonzero((cluster >= 0) & (camera >= 0))
    cameras = len(np.unique(camera[camera >= 0]))
    if not len(rows) or cameras < 2:
        return CameraMix(cameras, None, None)
    pairs, count = np.unique(np.stack((cluster[rows], camera[rows])), axis=1, return_counts=True)
    _, place, kinds = np.unique(pairs[0], return_inverse=True, return_counts=True)
    size = np.bincount(place, weights=count)
    share = count / size[place]
    entropy = np.bincount(place, weights=-share * np.log(share))
    largest = np.log(np.minimum(size, cameras))
    mixed = np.divide(entropy, largest, out=np.zeros(len(size)), where=largest > 0)
    return CameraMix(cameras, float((kinds == 1).mean()), float(np.clip(mixed, 0, 1).mean()))


def track_constraints(crops: Crops) -> Constraints | None:
    """What the tracks of the crops say; None where there are none."""
    if not crops.has(names.TRACK):
        return None
    builder = ConstraintsBuilder(len(crops))
    add_tracks(builder, crops)
    return builder.build()


def violations(label: np.ndarray, constraints: Constraints) -> Violations:
    """Count where labels contradict what is known.

    Args:
        label: int64, N; -1 for none. Labels of several modalities must not share numbers unless they mean one person.
        constraints: about the same N crops.
    """
    group = constraints.group
    size = np.bincount(group[label >= 0], minlength=len(constraints.known))
    rows = np.flatnonzero((label >= 0) & (size[group] > 1))
    pairs, count = np.unique(np.stack((group[rows], label[rows])), axis=1, return_counts=True)
    must = int((size * (size - 1) // 2).sum())
    kept = int((count * (count - 1) // 2).sum())
    largest = np.zeros(len(constraints.known), dtype=np.int64)
    np.maximum.at(largest, pairs[0], count)
    both, joined = _joined(label, constraints)
    return Violations(
        must_pairs=must,
        must_split_share=(must - kept) / must if must else None,
        cannot_pairs=both,
        cannot_joined_share=joined / both if both else None,
        wrong_crops_share=float(len(rows) - largest.sum()) / len(rows) if len(rows) else None,
    )


def _joined(label: np.ndarray, constraints: Constraints) -> tuple[int, int]:
    """Pairs of groups that cannot be one person and both have labels, and how many of them share a label."""
    rows = np.flatnonzero(label >= 0)
    labels_of: dict[int, set[int]] = {}
    for group, value in np.unique(np.stack((constraints.group[rows], label[rows])), axis=1).T.tolist():
        labels_of.setdefault(group, set()).add(value)
    known = [(labels_of.get(one), labels_of.get(other)) for one, other in constraints.cannot.tolist()]
    both = [(ones, others) for ones, others in known if ones and others]
    return len(both), sum(not ones.isdisjoint(others) for ones, others in both)
