"""Which clusters the report shows, and their crops as small inline pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from usvireid import names
from usvireid.matching.labels import PseudoLabels

ImagesOf = Callable[[np.ndarray], np.ndarray]
"""Row numbers (int64, N) to pictures (uint8, N x H x W x 3, RGB)."""

_IDENTITIES_PER_GROUP = 6
_CROPS_PER_STRIP = 8
_OUTLIERS_PER_MODALITY = 16
_THUMBNAIL = (64, 128)
_JPEG_QUALITY = 72
_READ_AT_ONCE = 64


@dataclass(frozen=True)
class Strip:
    """Some crops of one modality.

    Attributes:
        modality: visible or infrared.
        crops: how many crops there are in all.
        rows: the rows shown, most confident first.
    """

    modality: str
    crops: int
    rows: Sequence[int]
    clusters: Sequence[int] = ()


@dataclass(frozen=True)
class Example:
    """One pseudo-identity to look at.

    Attributes:
        identity: its number.
        confidence: mean confidence of its crops, in [0, 1].
        strips: one for each modality, visible first.
        right: whether its most frequent true identity agrees in both modalities; None where that is not known.
    """

    identity: int
    confidence: float
    strips: Sequence[Strip]
    right: bool | None

    @property
    def shared(self) -> bool:
        """Whether it has crops in both modalities."""
        return all(strip.crops for strip in self.strips)


@dataclass(frozen=True)
class Group:
    """Examples under one heading."""

    title: str
    explanation: str
    examples: Sequence[Example]


def choose_groups(labels: PseudoLabels, identity_codes: np.ndarray | None, seed: int = 0) -> list[Group]:
    """The largest, the most doubtful and some other, random pseudo-identities.

    Doubtful are those with the lowest mean confidence, taken from the identities seen in both modalities as long as
    there are any. Equal ones stand in the order of their numbers.

    Args:
        labels: N labels.
        identity_codes: int64, N; true identities, -1 where unknown, only to mark right and wrong matches. None if
            there are none.
        seed: of the random choice.
    """
    identity = np.asarray(labels.column(names.IDENTITY), dtype=np.int64)
    confidence = np.asarray(labels.column(names.CONFIDENCE), dtype=np.float64)
    numbers, place, sizes = np.unique(identity[identity >= 0], return_inverse=True, return_counts=True)
    if not len(numbers):
        return []
    mean = np.bincount(place.ravel(), weights=confidence[identity >= 0]) / sizes
    shared = np.isin(numbers, labels.shared_identities())
    largest = np.argsort(-sizes, kind="stable")[:_IDENTITIES_PER_GROUP]
    order = np.lexsort((numbers, mean, ~shared))
    doubtful = order[:_IDENTITIES_PER_GROUP]
    rest = np.setdiff1d(np.arange(len(numbers)), np.concatenate([largest, doubtful]))
    generator = np.random.default_rng(seed)
    drawn = np.sort(generator.choice(rest, size=min(_IDENTITIES_PER_GROUP, len(rest)), replace=False))
    chosen = (
        ("Largest", "Most crops in one pseudo-identity. Two people in one show here first.", largest),
        ("Doubtful", "Lowest mean confidence, matched ones first. Begin here when you correct labels.", doubtful),
        ("Random", "Neither of the above: what most of them look like.", drawn),
    )
    return [
        Group(title, explanation, [_example(labels, int(numbers[i]), float(mean[i]), identity_codes) for i in picks])
        for title, explanation, picks in chosen
        if len(picks)
    ]


def choose_outliers(labels: PseudoLabels) -> list[Strip]:
    """Crops without an identity, spread over the rows of each modality."""
    identity = np.asarray(labels.column(names.IDENTITY), dtype=np.int64)
    strips = []
    for modality in names.MODALITIES:
        rows = labels.rows_of(modality)
        rows = rows[identity[rows] < 0]
        strips.append(Strip(modality, len(rows), _spread(rows, _OUTLIERS_PER_MODALITY)))
    return [strip for strip in strips if strip.crops]


def rows_shown(groups: Sequence[Group], outliers: Sequence[Strip]) -> np.ndarray:
    """Every row that a picture is needed for (int64, ascending, unique)."""
    strips = [strip for group in groups for example in group.examples for strip in example.strips]
    return np.unique(np.array([row for strip in [*strips, *outliers] for row in strip.rows], dtype=np.int64))


def thumbnails(rows: np.ndarray, images: ImagesOf) -> dict[int, str]:
    """Small JPEG pictures of the rows as data URIs.

    Raises:
        ValueError: `images` returns something other than uint8, N x H x W x 3.
    """
    uris: dict[int, str] = {}
    for start in range(0, len(rows), _READ_AT_ONCE):
        block = rows[start : start + _READ_AT_ONCE]
        pictures = images(block)
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[::3] != (len(block), 3):
            raise ValueError(
                f"images must return uint8, {len(block)} x H x W x 3; got {pictures.dtype} {pictures.shape}"
            )
        uris.update(zip(block.tolist(), map(_data_uri, _each(pictures)), strict=True))
    return uris


def _each(pictures: np.ndarray) -> Iterator[np.ndarray]:
    for picture in pictures:
        yield np.ascontiguousarray(picture)


def _data_uri(picture: np.ndarray) -> str:
    image = Image.fromarray(picture)
    image.thumbnail(_THUMBNAIL)
    file = io.BytesIO()
    image.save(file, format="JPEG", quality=_JPEG_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _example(labels: PseudoLabels, number: int, confidence: float, codes: np.ndarray | None) -> Example:
    identity = labels.column(names.IDENTITY)
    sure = np.asarray(labels.column(names.CONFIDENCE), dtype=np.float64)
    strips, majorities = [], []
    for modality in names.MODALITIES:
        rows = labels.rows_of(modality)
        rows = rows[identity[rows] == number]
        ranked = rows[np.argsort(-sure[rows], kind="stable")]
        strips.append(Strip(modality, len(rows), _spread(ranked, _CROPS_PER_STRIP)))
        known = rows[codes[rows] >= 0] if codes is not None else rows[:0]
        majorities.append(np.bincount(codes[known]).argmax() if codes is not None and len(known) else None)
    right = None if None in majorities else bool(majorities[0] == majorities[1])
    return Example(number, confidence, strips, right)


def _spread(rows: np.ndarray, count: int) -> list[int]:
    """At most `count` of the rows, evenly spaced, the first and the last among them."""
    if len(rows) > count:
        rows = rows[np.linspace(0, len(rows) - 1, count).round().astype(np.int64)]
    return [int(row) for row in rows]
