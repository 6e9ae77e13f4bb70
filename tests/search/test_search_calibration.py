"""Chances that are learnt without labels, held against the truth."""

import numpy as np
import pytest

from tests.search.galleries import World, make_world, sums_of
from usvireid.search import calibration as module
from usvireid.search.calibration import CEILING, Calibration, Curve, calibrate, kind_name
from usvireid.search.free_truth import KnownPairs, known_pairs
from usvireid.search.gallery import Gallery, make_gallery


def learnt(world: World) -> tuple[Gallery, KnownPairs, Calibration]:
    gallery, moments = make_gallery(sums_of(world), world.tracklets)
    known = known_pairs(gallery, moments, world.features, world.tracklets, {})
    return gallery, known, calibrate(gallery, known)


def calibration_error(chance: np.ndarray, truth: np.ndarray, bins: int = 10) -> float:
    """Mean distance of what was said from what is so (ECE), over equally wide bins."""
    place = np.minimum((chance * bins).astype(int), bins - 1)
    parts = [place == number for number in range(bins) if (place == number).any()]
    return float(sum(part.mean() * abs(chance[part].mean() - truth[part].mean()) for part in parts))


@pytest.mark.parametrize(("noise", "error"), [(0.8, 0.06), (1.2, 0.3)])
def test_of_the_first_tracklets_about_as_many_are_right_as_is_said_and_rarely_fewer(noise: float, error: float) -> None:
    world = make_world(people=120, noise=noise, width=64)
    gallery, _, calibration = learnt(world)
    modalities = world.tracklets.column("modality")
    for one, other in (("visible", "visible"), ("infrared", "infrared"), ("visible", "infrared")):
        chance, truth = [], []
        for query in np.flatnonzero(modalities == one)[::2]:
            scores = gallery.standard_scores(gallery.similarities(gallery.values[query]), one, int(query))
            wanted = np.flatnonzero((modalities == other) & (np.arange(len(gallery)) != query))
            best = wanted[np.argsort(-scores[wanted])[:3]]
            chance.append(calibration.chance(scores, one, modalities)[best])
            truth.append(world.person[best] == world.person[query])
        said, so = np.concatenate(chance), np.concatenate(truth)
        assert 0.2 < so.mean() < 0.8
        assert calibration_error(said, so) < error
        assert said.mean() < so.mean() + 0.03


def test_pairs_are_counted_as_by_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROWS", 7)
    world = make_world(people=16)
    gallery, known, _ = learnt(world)
    apart = {tuple(pair) for pair in known.pairs.tolist()}
    for one, other in module.KINDS:
        pairs = [
            (a, b)
            for a in range(len(gallery))[gallery.sides[one]]
            for b in range(len(gallery))[gallery.sides[other]]
            if a != b and (min(a, b), max(a, b)) not in apart
        ]
        ends = np.array(pairs)
        slow = np.histogram(gallery.pair_scores(ends[:, 0], ends[:, 1]), module._EDGES)[0]
        found = module._count(gallery, known, one, other, "cpu", 0)
        assert found.sum() == len(pairs)
        assert np.abs(np.cumsum(found) - np.cumsum(slow)).max() <= 2  # a score on an edge may round to either side


def test_many_pairs_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(people=30)
    gallery, known, _ = learnt(world)
    monkeypatch.setattr(module, "_ROWS", 16)
    monkeypatch.setattr(module, "_MOST_PAIRS", 1)
    assert module._count(gallery, known, 0, 1, "cpu", 0).sum() <= 16 * 60
    first, again = (module._count(gallery, known, 0, 1, "cpu", 0) for _ in range(2))
    assert np.array_equal(first, again)


def test_strangers_law_comes_from_known_pairs_where_there_are_many() -> None:
    counts = np.histogram(np.random.default_rng(0).normal(0, 1, 20_000), module._EDGES)[0]
    mean, spread = module._law(np.full(10, 5.0, dtype=np.float32), counts, tracklets=20)
    assert (mean, spread) == pytest.approx((0, 1), abs=0.05)
    known = np.random.default_rng(1).normal(0.5, 1.2, module.ENOUGH_DIFFERENT).astype(np.float32)
    assert module._law(known, counts, tracklets=1000) == (mean, spread)
    assert module._law(known, counts, tracklets=50) == pytest.approx((float(known.mean()), float(known.std())))


def test_a_gallery_of_strangers_has_no_chance_beyond_its_known_halves() -> None:
    counts = np.histogram(np.random.default_rng(0).normal(0, 1, 50_000), module._EDGES)[0]
    nobody = module._fit(counts, np.zeros(0, dtype=np.float32), (0.0, 1.0))
    assert nobody(np.array([-3.0, 0.0, 2.5])).max() < 0.05
    halves = module._fit(counts, np.full(40, 6.0, dtype=np.float32), (0.0, 1.0))
    assert halves(np.array([6.0]))[0] == pytest.approx(CEILING, abs=2e-3)
    assert (np.diff(halves(np.linspace(-5, 9, 200))) >= 0).all()
    empty = module._fit(np.zeros_like(counts), np.zeros(0, dtype=np.float32), (0.0, 1.0))
    assert empty(np.array([9.0])).tolist() == [0.0]


def test_a_curve_comes_back_from_json() -> None:
    curve = Curve((0.0, 1.0), (0.1, 0.9), 10, (0.0, 1.0), 0.01)
    assert Curve.of_dict(curve.to_dict()) == curve
    assert curve(np.array([-9.0, 0.5, 9.0])).tolist() == pytest.approx([0.1, 0.5, 0.9])
    with pytest.raises(ValueError, match="a chance for each"):
        Curve.of_dict(curve.to_dict() | {"chance": []})
    assert kind_name("infrared", "visible") == kind_name("visible", "infrared") == "visible-infrared"


def test_a_curve_that_is_small_everywhere_is_told() -> None:
    low, high = (Curve((0.0, 1.0), (0.0, top), 100, (0.0, 1.0), 0.1) for top in (0.05, 0.9))
    calibration = Calibration({"visible-visible": high, "visible-infrared": low, "infrared-infrared": high})
    both = np.array(["infrared", "visible", "infrared"], dtype=object)
    assert calibration.faint("visible", both) == ["infrared"]
    assert calibration.faint("infrared", both) == ["visible"]
    assert calibration.faint("visible", both[1:2]) == []
