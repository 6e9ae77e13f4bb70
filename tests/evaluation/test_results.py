"""Means, spread, JSON and the table."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

from usvireid.evaluation.metrics import QueryScores
from usvireid.evaluation.results import Evaluation, Retrieval


def scores(first: list[int], precision: list[float]) -> QueryScores:
    return QueryScores(np.array(first), np.array(precision), np.array(precision) / 2)


TWO = [scores([1, 0, 3], [1.0, 0.0, 0.5]), scores([2, 0, 3], [0.5, 0.0, 0.5])]


def test_mean_and_spread_over_trials():
    found = Retrieval.over_trials(TWO, 7, (1, 3))
    assert found.cmc == {1: 0.25, 3: 1.0}
    assert found.mean_average_precision == 0.625 and found.mean_inverse_penalty == 0.3125
    assert (found.queries, found.skipped_queries, found.gallery, found.trials) == (2, 1, 7, 2)
    assert found.deviation == pytest.approx(
        {"rank1": np.std([0.5, 0.0], ddof=1), "rank3": 0, "mAP": np.std([0.75, 0.5], ddof=1), "mINP": 0.125 / 2**0.5}
    )
    values = found.to_dict()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert list(values)[-2:] == ["trials", "std"]


def test_one_trial_has_no_spread():
    one = Retrieval.over_trials(TWO[:1], 7)
    assert one.deviation is None
    assert "std" not in one.to_dict() and "trials" not in one.to_dict()


def test_a_trial_without_a_scored_query_has_no_part_in_the_mean():
    empty = scores([0, 0, 0], [0, 0, 0])
    found = Retrieval.over_trials([TWO[0], empty], 7, (1,))
    assert found.mean_average_precision == 0.75 and found.queries == 2 and found.deviation is None
    nothing = Retrieval.over_trials([empty, empty], 7, (1,))
    assert nothing.cmc == {1: None} and nothing.mean_average_precision is None and nothing.queries == 0
    assert json.dumps(nothing.to_dict(), allow_nan=False)


def test_the_table_fits_80_columns():
    row = Retrieval.over_trials(TWO, 3010)
    names = ("all single-shot", "indoor multi-shot", "indoor multi-shot re-ranked", "infrared->visible")
    facts = {name: {"protocol": "sysu-mm01", "digest": f"{number:012x}"} for number, name in enumerate(names)}
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(Evaluation(dict.fromkeys(names, row), facts).table())
    text = console.export_text()
    assert "…" not in text
    for part in ("Rank-20", "gallery", "3,010", "62.5", "±17.7", "infrared → visible", "000000000003"):
        assert part in text
    assert "mean and standard deviation of 2 galleries" in text and "gallery: all single-shot 1, indoor" in " ".join(
        text.split()
    )
