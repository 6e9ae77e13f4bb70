"""Tracklets in the order of how likely they show the person who is looked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from usvireid import names
from usvireid.errors import UsageError
from usvireid.search.calibration import LEAST_TRACKLETS
from usvireid.search.folder import TRACKLETS, damaged
from usvireid.search.gallery import unit
from usvireid.search.index import Index
from usvireid.search.query import Query
from usvireid.search.thresholds import Refusal, Threshold, threshold_at

ANY: Final = "any"


@dataclass(frozen=True)
class Match:
    """A tracklet that was found.

    Attributes:
        rank: from 1.
        tracklet: its name, CAMERA/TRACK or the path of a crop without a track.
        modality: visible or infrared.
        camera: None where not known; so are the next five.
        track: its name.
        first_frame: of its crops.
        last_frame: of its crops.
        first_time: of its crops, seconds.
        last_time: of its crops, seconds.
        crops: their paths, the most alike first.
        similarity: cosine of its mean feature with the query's, each modality's centre subtracted.
        score: the similarity as a standard score: how many standard deviations above strangers it is.
        chance: that it is the same person; None without calibration.
        passes: whether it is above the threshold; None without one.
        rows: the crops' rows in the index.
    """

    rank: int
    tracklet: str
    modality: str
    camera: str | None
    track: str | None
    first_frame: int | None
    last_frame: int | None
    first_time: float | None
    last_time: float | None
    crops: tuple[str, ...]
    similarity: float
    score: float
    chance: float | None
    passes: bool | None
    rows: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON; rows of the index mean nothing outside."""
        return {name: value for name, value in vars(self).items() if name != "rows"} | {"crops": list(self.crops)}


@dataclass(frozen=True)
class Found:
    """The result of a search.

    Attributes:
        query: who was looked for.
        modality: what was searched: visible, infrared or any.
        searched: tracklets that were compared.
        matches: the first of them.
        why_not: why there are no chances; None where there are.
        faint: what chances that are all small mean; None where some are not.
        threshold: for the false-match rate that was asked for, or why there is none; None where none was asked for.
    """

    query: Query
    modality: str
    searched: int
    matches: tuple[Match, ...]
    why_not: str | None
    faint: str | None
    threshold: Threshold | Refusal | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        known = self.threshold if isinstance(self.threshold, Threshold) else None
        refused = self.threshold if isinstance(self.threshold, Refusal) else None
        return {
            "query": {"title": self.query.title, "modality": self.query.modality, "facts": list(self.query.facts)},
            "modality": self.modality,
            "searched": self.searched,
            "calibrated": self.why_not is None,
            "why_not": self.why_not,
            "faint": self.faint,
            "threshold": None if known is None else known.to_dict(),
            "threshold_refused": None if refused is None else refused.why,
            "threshold_estimate": None if refused is None else refused.estimate,
            "matches": [match.to_dict() for match in self.matches],
        }


def search(index: Index, query: Query, modality: str = ANY, top: int = 20, rate: float | None = None) -> Found:
    """Rank the tracklets of an index.

    The order is that of the chance, then of the standard score; without calibration of the standard score. Every
    tracklet is compared: the search is exact.

    Args:
        index: what is searched.
        query: who is looked for.
        modality: of the tracklets: visible, infrared or any.
        top: tracklets wanted, at least 1.
        rate: false-match rate of a threshold, in (0, 1); None: no threshold.

    Raises:
        UsageError: another modality, number or rate.
        DataError: the index is damaged.
    """
    _refuse(modality, top, rate)
    value = index.gallery.centred(query.feature, query.modality)
    similarity = index.gallery.similarities(value)
    if not np.isfinite(similarity).all():
        raise damaged(index.folder / TRACKLETS)
    scores = index.gallery.standard_scores(similarity, query.modality, query.own)
    modalities = index.tracklets.column(names.MODALITY)
    wanted = np.ones(len(scores), dtype=bool) if modality == ANY else modalities == modality
    if query.own is not None:
        wanted[query.own] = False
    rows = np.flatnonzero(wanted)
    chance, why_not = _chances(index, query.modality, scores[rows], modalities[rows])
    keys = [-scores[rows]] if chance is None else [-scores[rows], -chance]
    order = np.lexsort([rows, *keys])[:top]
    laws = [] if index.calibration is None else [curve.law for curve in index.calibration.curves.values()]
    threshold = None if rate is None else threshold_at(rate, index.same, index.different, laws)
    bound = threshold.score if isinstance(threshold, Threshold) else None
    matches = tuple(
        _match(
            index,
            value,
            rank,
            row,
            (float(similarity[row]), float(scores[row]), None if chance is None else float(chance[place])),
            None if bound is None else bool(scores[row] > bound),
        )
        for rank, (place, row) in enumerate(zip(order.tolist(), rows[order].tolist(), strict=True), start=1)
    )
    faint = None if chance is None else _faint(index, query.modality, modalities[rows])
    return Found(query, modality, int(wanted.sum()), matches, why_not, faint, threshold)


def _faint(index: Index, query: str, modalities: np.ndarray) -> str | None:
    """In words, that no chance can be large, where that is so."""
    listed = [] if index.calibration is None else index.calibration.faint(query, modalities)
    if not listed:
        return None
    return (
        f"hardly a pair of {query} and {' or '.join(listed)} tracklets stands out from strangers: either nobody is in "
        "both, or there are too few tracklets or too little training to tell; go by the order, and by the pictures"
    )


def _refuse(modality: str, top: int, rate: float | None) -> None:
    if modality not in (*names.MODALITIES, ANY):
        raise UsageError(f"--modality {modality}: use {', '.join(names.MODALITIES)} or {ANY}.")
    if top < 1:
        raise UsageError(f"--top {top}: give at least 1.")
    if rate is not None and not 0 < rate < 1:
        raise UsageError(f"--false-match-rate {rate:g}: give a share between 0 and 1, for example 0.01.")


def _chances(
    index: Index, query: str, scores: np.ndarray, modalities: np.ndarray
) -> tuple[np.ndarray | None, str | None]:
    """The chances of some tracklets, or why there are none."""
    if index.calibration is None:
        return None, index.why_not
    if not index.calibration.covers(query, modalities):
        return None, (
            f"it takes {LEAST_TRACKLETS} tracklets of the query's modality, {query}, and of those that are searched to "
            "learn from"
        )
    return index.calibration.chance(scores, query, modalities), None


def _match(
    index: Index,
    value: np.ndarray,
    rank: int,
    tracklet: int,
    scored: tuple[float, float, float | None],
    passes: bool | None,
) -> Match:
    rows = index.tracklets.rows(tracklet)
    table = index.tracklets.crops.table.iloc[rows]
    first = table.iloc[0]
    centre = index.gallery.centres[names.MODALITIES.index(first[names.MODALITY])]
    alike = unit(index.features_of(rows) - centre) @ value
    order = np.argsort(-alike, kind="stable")
    frames, times = table[names.FRAME].dropna(), table[names.TIME].dropna()
    similarity, score, chance = scored
    return Match(
        rank=rank,
        tracklet=index.name(tracklet),
        modality=str(first[names.MODALITY]),
        camera=_text(first[names.CAMERA]),
        track=_text(first[names.TRACK]),
        first_frame=int(frames.min()) if len(frames) else None,
        last_frame=int(frames.max()) if len(frames) else None,
        first_time=float(times.min()) if len(times) else None,
        last_time=float(times.max()) if len(times) else None,
        crops=tuple(str(path) for path in table[names.PATH].iloc[order]),
        similarity=similarity,
        score=score,
        chance=chance,
        passes=passes,
        rows=tuple((rows.start + order).tolist()),
    )


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)
