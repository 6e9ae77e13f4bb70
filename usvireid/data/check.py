"""Is this data what it should be? Counts, sizes and findings, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from usvireid import names
from usvireid.data import findings
from usvireid.data.crops import Crops
from usvireid.data.digests import Progress
from usvireid.data.findings import Finding
from usvireid.data.images import BadImage
from usvireid.data.measuring import Measurements, measure
from usvireid.data.near_duplicates import NearPairs, near_pairs
from usvireid.data.neighbourhood import Suggestion, suggest
from usvireid.data.open import AUTO, survey_crops
from usvireid.data.published import Comparison, compare_with_published
from usvireid.data.sources.survey import Survey
from usvireid.errors import DataError


@dataclass(frozen=True)
class Spread:
    """The smallest, the middle and the largest value."""

    low: float
    median: float
    high: float


@dataclass(frozen=True)
class ModalityCounts:
    """The crops of one modality; `cameras`, `tracks` and `identities` are 0 where the data does not tell.

    `width` and `height` are in pixels, `aspect` is height / width; None if no image can be decoded.
    """

    modality: str
    crops: int
    unreadable: int
    cameras: int
    tracks: int
    identities: int
    width: Spread | None
    height: Spread | None
    aspect: Spread | None


@dataclass(frozen=True)
class Count:
    """How many crops of each modality have a certain value."""

    value: str
    visible: int
    infrared: int


@dataclass(frozen=True)
class DataReport:
    """What `check` found.

    `layout` is one of `names.LAYOUTS`. `published` holds a benchmark's counts beside the published ones.
    `cameras`, `splits` and `identities` count crops by value, in sorted order, and are empty where the data does not
    tell; crops without a value are counted under "". `duplicates` lists the paths of files with equal content.
    `near_duplicates` is the number of pairs that look the same otherwise.
    """

    source: str
    layout: str
    crops: int
    modalities: tuple[ModalityCounts, ...]
    cameras: tuple[Count, ...]
    splits: tuple[Count, ...]
    identities: tuple[Count, ...]
    unreadable: tuple[BadImage, ...]
    duplicates: tuple[tuple[str, ...], ...]
    near_duplicates: int
    published: tuple[Comparison, ...]
    suggestion: Suggestion
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing has to be corrected; warnings and notes do not count."""
        return not any(finding.severity == "error" for finding in self.findings)

    def to_dict(self) -> dict[str, object]:
        """The report as plain values, ready for JSON."""
        published = [{**asdict(line), "ok": line.ok} for line in self.published]
        return {"ok": self.ok, **asdict(self), "published": published}


def check(
    data: Path,
    *,
    layout: str = AUTO,
    trial: int = 1,
    workers: int | None = None,
    progress: Progress | None = None,
) -> DataReport:
    """Look through crops of any layout. Every image is decoded; nothing is written.

    Args:
        data: whatever `open_crops` takes.
        layout: as for `open_crops`.
        trial: as for `open_crops`.
        workers: number of threads that decode; None takes one per core, at most 16.
        progress: called with how many images have been looked at and how many there are.

    Raises:
        UsageError: there is no such data.
        DataError: there is no crop to look at; single bad images are findings instead, and so are the faults of a
            benchmark.
    """
    survey = survey_crops(data, layout=layout, trial=trial)
    if not len(survey.crops):
        survey.usable()
        raise DataError(f"{data}: no crops.")
    return check_survey(survey, str(data), workers=workers, progress=progress)


def check_survey(
    survey: Survey, source: str, *, workers: int | None = None, progress: Progress | None = None
) -> DataReport:
    """`check` for crops that are open already; `source` is what to call them in the report."""
    crops = survey.crops
    measured = measure(crops, workers, progress)
    groups = _equal_files(measured)
    pairs = _near_pairs(measured, groups)
    paths = crops.table[names.PATH]
    order: dict[str, int] = {"error": 0, "warning": 1, "note": 2}
    every = [*findings.of_layout(survey), *_findings(crops, measured, groups, pairs)]
    return DataReport(
        source=source,
        layout=crops.layout,
        crops=len(crops),
        modalities=tuple(_modality_counts(crops, measured, modality) for modality in names.MODALITIES),
        cameras=_counts(crops, crops.table[names.CAMERA]),
        splits=_counts(crops, crops.table[names.SPLIT]),
        identities=_counts(crops, _people(crops)),
        unreadable=tuple(BadImage(str(paths.iloc[row]), why) for row, why in sorted(measured.problems.items())),
        duplicates=tuple(tuple(paths.iloc[group].tolist()) for group in groups),
        near_duplicates=len(pairs.rows),
        published=compare_with_published(crops),
        suggestion=suggest(crops),
        findings=tuple(sorted(every, key=lambda finding: order[finding.severity])),
    )


def _findings(crops: Crops, measured: Measurements, groups: list[np.ndarray], pairs: NearPairs) -> Iterator[Finding]:
    yield from findings.unreadable(crops, measured)
    yield from findings.wrong_modality(crops, measured)
    yield from findings.copies(crops, groups)
    yield from findings.near_copies(crops, pairs)
    yield from findings.odd_images(crops, measured)
    yield from findings.splits(crops)
    yield from findings.balance(crops)
    yield from findings.identities(crops)
    yield from findings.tracks(crops)
    yield from findings.rigs(crops)


def _equal_files(measured: Measurements) -> list[np.ndarray]:
    """The rows of each set of two or more equal files, by first row."""
    rows = np.flatnonzero(measured.good)
    if not len(rows):
        return []
    _, kind, size = np.unique(measured.digest[rows], axis=0, return_inverse=True, return_counts=True)
    order = rows[np.argsort(kind.ravel(), kind="stable")]
    groups = [group for group in np.split(order, np.cumsum(size)[:-1]) if len(group) > 1]
    return sorted(groups, key=lambda group: int(group[0]))


def _near_pairs(measured: Measurements, groups: list[np.ndarray]) -> NearPairs:
    """Pairs that look the same, one file standing for all that equal it."""
    rows = measured.good
    for group in groups:
        rows[group[1:]] = False
    kept = np.flatnonzero(rows)
    pairs = near_pairs(measured.sketch[kept])
    return NearPairs(kept[pairs.rows], pairs.complete)


def _modality_counts(crops: Crops, measured: Measurements, modality: str) -> ModalityCounts:
    rows = crops.rows_of(modality)
    good = rows[measured.good[rows]]
    width, height = measured.width[good], measured.height[good]
    table = crops.table.iloc[rows]
    return ModalityCounts(
        modality=modality,
        crops=len(rows),
        unreadable=len(rows) - len(good),
        cameras=int(table[names.CAMERA].nunique()),
        tracks=len(table[table[names.TRACK].notna()].drop_duplicates([names.CAMERA, names.TRACK])),
        identities=int(_people(crops).iloc[rows].nunique()),
        width=_spread(width),
        height=_spread(height),
        aspect=_spread(height / np.maximum(width, 1)),
    )


def _spread(values: np.ndarray) -> Spread | None:
    return Spread(float(values.min()), float(np.median(values)), float(values.max())) if len(values) else None


def _people(crops: Crops) -> pd.Series:
    """Who is seen, a text per crop. RegDB counts its labels from 0 in train and in test, and means other people."""
    people = crops.table[names.IDENTITY]
    return crops.table[names.SPLIT] + " " + people if crops.layout == names.REGDB else people


def _counts(crops: Crops, column: pd.Series) -> tuple[Count, ...]:
    if not column.notna().any():
        return ()
    values = column.fillna("")
    by_modality = [values[crops.table[names.MODALITY] == modality].value_counts() for modality in names.MODALITIES]
    return tuple(
        Count(value, *(int(counts.get(value, 0)) for counts in by_modality)) for value in sorted(values.unique())
    )
