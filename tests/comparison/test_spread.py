from statistics import mean, stdev

import pytest

from usvireid.comparison.spread import Spread, spread_over, spread_to_dict


def test_one_value_has_no_deviation() -> None:
    assert Spread.of([0.5]) == Spread(0.5, None, (0.5,))
    assert Spread.of([0.5]).text() == "50.0"


def test_several_values() -> None:
    values = (0.1, 0.2, 0.6)
    found = Spread.of(values)
    assert (found.mean, found.std) == (pytest.approx(mean(values)), pytest.approx(stdev(values)))
    assert found.text() == "30.0 ±26.5"


def test_what_a_run_lacks_has_no_mean() -> None:
    runs = [
        {"a": {"rank1": 0.5, "mAP": 0.2, "queries": 3}, "b": {"rank1": 0.1}},
        {"a": {"rank1": 0.7, "mAP": None, "queries": 3}},
    ]
    found = spread_over(runs)
    assert list(found) == ["a"]
    assert list(found["a"]) == ["rank1"]
    assert spread_to_dict(found)["a"]["rank1"]["values"] == [0.5, 0.7]
    assert spread_over([]) == spread_over([{}]) == {}
