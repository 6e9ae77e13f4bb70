"""The benchmarks' published counts, and what was found beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from usvireid import names
from usvireid.data.crops import Crops

TITLES: Final = {names.SYSU_MM01: "SYSU-MM01", names.REGDB: "RegDB", names.LLCM: "LLCM"}

SYSU_INDOOR: Final = ("cam1", "cam2")
"""SYSU-MM01's visible cameras of the indoor search; the all search takes cam4 and cam5 too."""

LISTED_IDENTITIES: Final = {names.SYSU_MM01: (395, 96), names.REGDB: (206, 206), names.LLCM: (713, 351)}
"""People to train on and to test on. SYSU-MM01: Wu et al., "RGB-infrared cross-modality person re-identification" (ICCV
2017), training and validation together; RegDB: Nguyen et al., "Person recognition system based on a combination of body
images from visible light and thermal cameras" (Sensors, 2017), halves of 412 in each trial; LLCM: Zhang and Wang,
"Diverse embedding expansion network and low-light cross-modality benchmark" (CVPR 2023)."""

_TRAINING_IMAGES: Final = {
    names.SYSU_MM01: (22_258, 11_909),
    names.REGDB: (2_060, 2_060),
    names.LLCM: (16_946, 13_975),
}
"""Visible and infrared images, from the same papers. The total that LLCM's paper gives for its test half does not match
its own parts, so images of that half are counted and not compared."""

_REGDB_TEST_IMAGES: Final = 2_060
_SYSU_QUERIES: Final = 3_803
_SYSU_SINGLE_SHOT: Final = {"all": 301, "indoor": 112}
"""Gallery images of SYSU-MM01's single-shot searches: one of each identity and camera."""

_SYSU_CAMERA_IMAGES: Final = {
    names.TRAIN: {"cam1": 4_721, "cam2": 5_753, "cam3": 7_909, "cam4": 5_811, "cam5": 5_973, "cam6": 4_000},
    names.TEST: {"cam1": 1_374, "cam2": 1_565, "cam3": 1_883, "cam4": 1_918, "cam5": 1_918, "cam6": 1_920},
}
"""Images of each of SYSU-MM01's cameras in the official split, from its identity lists and folders."""


@dataclass(frozen=True)
class Comparison:
    """One count beside the published one.

    `part` is "train" or "test"; `what` says what is counted, in the plural; `published` is None where there is no
    figure to compare with.
    """

    part: str
    what: str
    found: int
    published: int | None

    @property
    def ok(self) -> bool:
        """Whether the count is the published one, or there is none."""
        return self.published is None or self.found == self.published


def compare_with_published(crops: Crops) -> tuple[Comparison, ...]:
    """The counts of a benchmark beside the published ones; nothing for a user's own crops."""
    if crops.layout == names.OWN:
        return ()
    counts = _Counts(crops)
    return (*_training(counts), *_TEST_COUNTS[crops.layout](counts))


def differences(crops: Crops) -> str | None:
    """One line that names the counts other than the published ones; None where there is none.

    Counts that say the same again are left out: those of a modality's identities where they are all the identities,
    and those of the cameras where most of them are off.
    """
    lines = compare_with_published(crops)
    parts = []
    for part in (names.TRAIN, names.TEST):
        wrong = _telling([line for line in lines if line.part == part])
        if wrong:
            told = [f"{line.found:,} {line.what} instead of {line.published:,}" for line in wrong]
            parts.append(f"{part}: " + ", ".join(told))
    return f"not {TITLES[crops.layout]} as published: {'; '.join(parts)}" if parts else None


def _telling(lines: list[Comparison]) -> list[Comparison]:
    everybody = next((line.found for line in lines if line.what == "identities"), None)
    cameras = [line for line in lines if line.what.startswith("cam")]
    off = [line for line in cameras if not line.ok]
    repeated = cameras if 2 * len(off) > len(cameras) else []
    repeated += [line for line in lines if line.what.endswith(" identities") and line.found == everybody]
    return [line for line in lines if not line.ok and line not in repeated]


class _Counts:
    """Counts of some crops by part, modality and camera."""

    def __init__(self, crops: Crops) -> None:
        self.layout = crops.layout
        self._table = crops.table
        train = crops.table[names.SPLIT].eq(names.TRAIN).to_numpy(dtype=bool, na_value=False)
        self._part = {names.TRAIN: train, names.TEST: ~train}

    def images(self, part: str, column: str = names.PATH, value: str = "") -> int:
        return int(self._rows(part, column, value).sum())

    def identities(self, part: str, column: str = names.PATH, value: str = "") -> int:
        return int(self._table[names.IDENTITY][self._rows(part, column, value)].nunique())

    def places(self, cameras: tuple[str, ...] | None) -> int:
        """Pairs of a gallery identity and a camera."""
        rows = self._rows(names.TEST, names.SPLIT, names.GALLERY)
        if cameras is not None:
            rows &= self._table[names.CAMERA].isin(cameras).to_numpy(dtype=bool)
        return len(self._table[rows][[names.IDENTITY, names.CAMERA]].drop_duplicates())

    def _rows(self, part: str, column: str, value: str) -> np.ndarray:
        rows = self._part[part].copy()
        if value:
            rows &= self._table[column].eq(value).to_numpy(dtype=bool, na_value=False)
        return rows


def _training(counts: _Counts) -> Iterator[Comparison]:
    yield from _identities(counts, names.TRAIN)
    for modality, published in zip(names.MODALITIES, _TRAINING_IMAGES[counts.layout], strict=True):
        found = counts.images(names.TRAIN, names.MODALITY, modality)
        yield Comparison(names.TRAIN, f"{modality} images", found, published)
    if counts.layout == names.SYSU_MM01:
        yield from _sysu_cameras(counts, names.TRAIN)


def _identities(counts: _Counts, part: str) -> Iterator[Comparison]:
    """All identities, and those of each modality: on SYSU-MM01 and RegDB everybody is seen in both."""
    published = LISTED_IDENTITIES[counts.layout][part == names.TEST]
    yield Comparison(part, "identities", counts.identities(part), published)
    for modality in names.MODALITIES:
        found = counts.identities(part, names.MODALITY, modality)
        yield Comparison(part, f"{modality} identities", found, None if counts.layout == names.LLCM else published)


def _sysu_cameras(counts: _Counts, part: str) -> Iterator[Comparison]:
    for camera, published in _SYSU_CAMERA_IMAGES[part].items():
        yield Comparison(part, f"{camera} images", counts.images(part, names.CAMERA, camera), published)


def _sysu_test(counts: _Counts) -> Iterator[Comparison]:
    yield from _identities(counts, names.TEST)
    yield Comparison(names.TEST, "queries", counts.images(names.TEST, names.SPLIT, names.QUERY), _SYSU_QUERIES)
    for mode, cameras in (("all", None), ("indoor", SYSU_INDOOR)):
        what = f"gallery images ({mode} search)"
        yield Comparison(names.TEST, what, counts.places(cameras), _SYSU_SINGLE_SHOT[mode])
    yield from _sysu_cameras(counts, names.TEST)


def _regdb_test(counts: _Counts) -> Iterator[Comparison]:
    yield from _identities(counts, names.TEST)
    for modality in names.MODALITIES:
        found = counts.images(names.TEST, names.MODALITY, modality)
        yield Comparison(names.TEST, f"{modality} images", found, _REGDB_TEST_IMAGES)


def _llcm_test(counts: _Counts) -> Iterator[Comparison]:
    yield from _identities(counts, names.TEST)
    for modality in names.MODALITIES:
        found = counts.images(names.TEST, names.MODALITY, modality)
        yield Comparison(names.TEST, f"{modality} images", found, None)


_TEST_COUNTS: Final = {names.SYSU_MM01: _sysu_test, names.REGDB: _regdb_test, names.LLCM: _llcm_test}
