"""Thresholds for a false-match rate, and what is said where pairs are too few."""

import numpy as np
import pytest
from scipy import stats

from usvireid.search.calibration import Calibration, Curve
from usvireid.search.free_truth import KnownPairs
from usvireid.search.reliability import reliability
from usvireid.search.thresholds import Refusal, Threshold, threshold_at


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.3])
def test_no_more_than_the_share_passes(rate: float) -> None:
    different = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    found = threshold_at(rate, np.array([9.0, 9.0, -9.0, -9.0]), different)
    assert isinstance(found, Threshold)
    assert found.above == (different > found.score).sum() == round(rate * 1000)
    assert found.low < rate < found.high
    exact = stats.binomtest(found.above, 1000).proportion_ci(0.95, "exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))
    assert found.found == 0.5
    assert "of 1,000 pairs" in found.sentence()


def test_ties_do_not_pass() -> None:
    found = threshold_at(0.1, np.zeros(0), np.ones(100))
    assert isinstance(found, Threshold)
    assert (found.score, found.above, found.low, found.found) == (1.0, 0, 0.0, None)
    assert found.high == pytest.approx(stats.binomtest(0, 100).proportion_ci(0.95, "exact").high)


@pytest.mark.parametrize(("pairs", "said"), [(0, "there are 0"), (2, "there are 2"), (57, "they can show is 0.053")])
def test_too_few_pairs_are_said(pairs: int, said: str) -> None:
    found = threshold_at(0.01, np.ones(3), np.zeros(pairs))
    assert isinstance(found, Refusal)
    assert "it takes 300 pairs" in found.why
    assert said in found.why
    assert found.sentence() == found.why
    guessed = threshold_at(0.01, np.ones(3), np.zeros(pairs), [(0.0, 1.0), (0.1, 1.0)])
    assert isinstance(guessed, Refusal)
    assert guessed.estimate == pytest.approx(2.426, abs=1e-3)
    assert guessed.sentence().endswith("by the law of strangers, uncounted, it would be 2.43")


@pytest.mark.parametrize(("rate", "said"), [(1e-300, "3e+300"), (5e-324, "inf"), (1e-7, "30,000,000")])
def test_a_tiny_rate_is_said_shortly(rate: float, said: str) -> None:
    found = threshold_at(rate, np.ones(3), np.zeros(5))
    assert isinstance(found, Refusal)
    assert f"it takes {said} pairs" in found.why


@pytest.mark.parametrize("rate", [0.0, 1.0, -1.0])
def test_a_rate_that_is_none(rate: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        threshold_at(rate, np.zeros(1), np.zeros(1))


def test_reliability_weighs_known_pairs_as_the_gallery_mixes_them() -> None:
    curve = Curve((0.0, 1.0), (0.0, 1.0), 100, (0.0, 1.0), 0.2)
    calibration = Calibration({"visible-visible": curve, "infrared-infrared": curve, "visible-infrared": curve})
    known = KnownPairs(
        same=np.array([0.9, 0.9, 0.6, 0.1], dtype=np.float32),
        same_side=np.zeros(4, dtype=np.int64),
        pairs=np.zeros((4, 2), dtype=np.int64),
        different=np.array([0.1, 0.1, 0.1, 0.6], dtype=np.float32),
        different_sides=np.zeros((4, 2), dtype=np.int64),
    )
    found = reliability(calibration, known)
    assert list(found) == ["visible"]
    shares = [(one.same, one.different, one.share) for one in found["visible"]]
    assert shares == [(1, 3, pytest.approx(0.05 / 0.65)), (1, 1, pytest.approx(0.2)), (2, 0, 1.0)]
    assert [one.chance for one in found["visible"]] == pytest.approx([0.1, 0.6, 0.9])
    last = found["visible"][2]
    none_seen, two_seen = stats.chi2.ppf(0.975, 2) / 2, stats.chi2.ppf(0.025, 4) / 2
    assert last.low == pytest.approx(0.05 * two_seen / (0.05 * two_seen + 0.2 * none_seen))
    assert last.high == 1.0
    assert all(one.low <= one.share <= one.high for one in found["visible"])
