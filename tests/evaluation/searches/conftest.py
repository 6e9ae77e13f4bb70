"""Small test sets with ties everywhere, and the counting of a ranking by loops."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from usvireid.data.crops import Crops
from usvireid.encoders.features import Features

# Unit vectors whose products are exact in float32 whatever the order of summation, and few: ties are the rule.
_AXES = np.concatenate([np.eye(4), -np.eye(4)])
_HALVES = np.array(list(itertools.product([-0.5, 0.5], repeat=4)))
_PALETTE = np.concatenate([_AXES, _HALVES]).astype(np.float32)

Row = dict[str, Any]


def _tied_features(rows: list[Row], layout: str, seed: int) -> Features:
    rng = np.random.default_rng(seed)
    shuffled = [rows[i] for i in rng.permutation(len(rows))]
    crops = Crops.from_table(Path(), pd.DataFrame(shuffled), "test", layout)
    return Features(_PALETTE[rng.integers(len(_PALETTE), size=len(rows))], crops)


@pytest.fixture(scope="session")
def tied_features() -> Callable[[list[Row], str, int], Features]:
    """Features of crops in random order, with many equal similarities."""
    return _tied_features


def _slow_trial(
    values: np.ndarray,
    rows: list[Row],
    queries: list[int],
    gallery: list[int],
    dropped: Callable[[Row, Row], bool],
    distinct: bool,
) -> list[float] | None:
    """Rank-1, 5, 10, 20, mAP and mINP of one trial, and how many queries count."""
    scores = []
    for q in queries:
        similarity = {place: float(values[q] @ values[g]) for place, g in enumerate(gallery)}
        order = sorted(similarity, key=lambda place: (-similarity[place], place))
        kept = [gallery[place] for place in order if not dropped(rows[q], rows[gallery[place]])]
        ranked = [rows[g]["identity"] for g in kept]
        if rows[q]["identity"] not in ranked:
            continue
        counted = list(dict.fromkeys(ranked)) if distinct else ranked
        place = counted.index(rows[q]["identity"]) + 1
        hits = [position for position, identity in enumerate(ranked, 1) if identity == rows[q]["identity"]]
        precision = sum(nth / position for nth, position in enumerate(hits, 1)) / len(hits)
        scores.append([*(place <= k for k in (1, 5, 10, 20)), precision, len(hits) / hits[-1]])
    return [*np.mean(scores, axis=0), len(scores)] if scores else None


def _slow_row(trials: list[list[float]], asked: int, gallery: int) -> dict[str, Any]:
    """The row of a result from the trials."""
    keys = ("rank1", "rank5", "rank10", "rank20", "mAP", "mINP")
    table = np.array(trials)
    row: dict[str, Any] = dict(zip(keys, table.mean(axis=0), strict=False))
    counted = int(table[0, -1])
    row |= {"queries": counted, "skipped_queries": asked - counted, "gallery": gallery}
    if len(trials) > 1:
        row |= {"trials": len(trials), "std": dict(zip(keys, table.std(axis=0, ddof=1), strict=False))}
    return row


@pytest.fixture(scope="session")
def slow_trial() -> Callable[..., list[float] | None]:
    return _slow_trial


@pytest.fixture(scope="session")
def slow_row() -> Callable[..., dict[str, Any]]:
    return _slow_row


def _assert_row(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert list(found) == list(expected)
    assert found.get("std") == pytest.approx(expected.get("std"), abs=1e-12)
    plain = [{key: value for key, value in row.items() if key != "std"} for row in (found, expected)]
    assert plain[0] == pytest.approx(plain[1], abs=1e-12)


@pytest.fixture(scope="session")
def assert_row() -> Callable[[dict[str, Any], dict[str, Any]], None]:
    return _assert_row
