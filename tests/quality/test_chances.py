import numpy as np
import pytest

from tests.quality.made_labels import random_case
from usvireid.quality import coefficients
from usvireid.quality.chances import chances
from usvireid.quality.confidence import BOTH, LABELS, NETWORK, Logistic, suited
from usvireid.quality.examined import examine


def test_a_logistic_function_by_hand() -> None:
    model = Logistic(-1.0, {"a": (0.5, 2.0), "b": (1.0, -1.0)})
    cues = {"a": np.array([0.5, 1.5, np.nan]), "other": np.array([9.0, 9.0, 9.0])}
    expected = 1 / (1 + np.exp(-np.array([-1.0, 1.0, -1.0])))
    assert model.chance(cues, 3) == pytest.approx(expected)
    assert model.shares(cues, 1) == {"a": 2.0} and model.shares(cues, 2) == {}


@pytest.mark.parametrize("value", [1e9, -1e9])
def test_a_chance_stays_within_its_bounds(value: float) -> None:
    chance = Logistic(0.0, {"a": (0.0, 1.0)}).chance({"a": np.array([value])}, 1)
    assert 0 < chance[0] < 1


def test_the_richest_model_that_the_cues_allow_is_taken() -> None:
    nothing = np.zeros(1)
    labels = {"confidence": nothing, "size": nothing}
    network = {**labels, "seat": nothing, "spread": nothing, "gap": nothing}
    assert suited(coefficients.PART, labels) is coefficients.PART[LABELS]
    assert suited(coefficients.PART, network) is coefficients.PART[NETWORK]
    assert suited(coefficients.PART, {**network, "seat by gradients": nothing}) is coefficients.PART[BOTH]
    assert suited(coefficients.CROP, {**labels}) is coefficients.CROP[LABELS]
    assert suited(coefficients.PAIR, {}) is coefficients.PAIR[NETWORK]


@pytest.mark.parametrize("seed", range(3))
def test_everything_examined_has_a_chance(seed: int) -> None:
    crops, labels, features = random_case(seed)
    for network, gradients in ((None, None), (features, None), (features, features)):
        seen = examine(labels, network, gradients, crops)
        sure = chances(seen)
        assert np.array_equal(np.isnan(sure.crop), labels.column("identity") < 0)
        counts = {"part": len(seen.parts), "link": len(seen.links), "pair": len(seen.pairs)}
        for kind, count in counts.items():
            values = getattr(sure, kind)
            assert values.shape == (count,) and ((values > 0) & (values < 1)).all()


def test_cues_point_the_way_they_should() -> None:
    ways = {
        "crop": {"confidence": -1, "size": 1, "track": 1, "seat": -1, "seat by gradients": -1},
        "part": {"confidence": -1, "size": 1, "seat": -1, "spread": 1, "gap": 1, "seat by gradients": -1},
        "pair": {"distance": -1, "apart": 1, "size": -1, "distance by gradients": -1},
    }
    for kind, signs in ways.items():
        for model in getattr(coefficients, kind.upper()).values():
            assert all(signs[name] * weight >= 0 for name, (_, weight) in model.terms.items())
    for model in coefficients.LINK.values():
        assert all(weight >= 0 for _, weight in model.terms.values())
