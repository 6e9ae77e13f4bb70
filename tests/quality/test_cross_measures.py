import numpy as np
import pytest
import torch

from tests.quality.made_labels import R, V, made_labels, random_case, unit
from usvireid.encoders.gradients import bands_of_bodies, gradient_histograms
from usvireid.matching.brst import select
from usvireid.matching.clustered import ClusteredFeatures
from usvireid.quality.cross_measures import beyond_chance, count_links, measure_matches
from usvireid.quality.parts import parts_of_labels


def test_links_are_counted_by_hand() -> None:
    # Visible clusters 0 and 1 share one infrared cluster, 2 has its own, 3 and infrared 2 have none.
    labels = made_labels([V, V, V, V, R, R, R], [0, 1, 2, 3, 0, 1, 2], [0, 0, 1, 2, 0, 1, 3])
    found = count_links(parts_of_labels(labels))
    assert found.links == 3 and found.one_to_many_share == pytest.approx(2 / 3)
    assert found.unmatched_share == {V: pytest.approx(1 / 4), R: pytest.approx(1 / 3)}
    nothing = count_links(parts_of_labels(made_labels([V], [-1])))
    assert nothing.links == 0 and nothing.one_to_many_share is None and nothing.unmatched_share[V] is None


def pairs(seed: int, people: int, partners: bool, likeness: float) -> tuple[np.ndarray, np.ndarray]:
    """Similarities by two signals: of strangers, that share some likeness, and on the diagonal of partners."""
    random = np.random.default_rng(seed)
    shape = (people, people)
    shared = random.normal(size=shape)
    signals = [np.sqrt(likeness) * shared + np.sqrt(1 - likeness) * random.normal(size=shape) for _ in range(2)]
    for signal in signals:
        signal[np.arange(people), np.arange(people)] += 3.0 * partners
    return signals[0], signals[1]


@pytest.mark.parametrize("likeness", [0.0, 0.15, 0.3])
def test_strangers_agree_as_much_as_their_likeness_explains(likeness: float) -> None:
    found = [beyond_chance([pairs(seed, 60, False, likeness)]) for seed in range(20)]
    values = np.array([each[0] for each in found if each is not None])
    assert abs(values.mean()) < 0.02 and values.max() < 0.1
    with_partners = [beyond_chance([pairs(seed, 60, True, likeness)]) for seed in range(5)]
    assert min(each[0] for each in with_partners if each is not None) > 0.06


def test_beyond_chance_equals_a_loop() -> None:
    from scipy.stats import norm

    one, other = pairs(3, 9, True, 0.3)
    shares = []
    for a, b in ((one, other), (one.T, other.T)):
        x, y = (np.array([norm.ppf([(np.sum(row < value) + 0.5) / 9 for value in row]) for row in m]) for m in (a, b))
        r = (x * y).mean()
        for row in range(9):
            excess = []
            for p, q in ((x, y), (y, x)):
                best = int(p[row].argmax())
                below = sum(q[row, k] < q[row, best] for k in range(9)) / 8
                excess.append(below - norm.cdf(r * p[row, best] / np.sqrt(2 - r**2)))
            shares.append(np.mean(excess))
    found = beyond_chance([(one, other), (other, one)])
    assert found == (pytest.approx(np.mean(shares)), pytest.approx(np.std(shares, ddof=1) / np.sqrt(18)))


def test_beyond_chance_needs_three_clusters_and_survives_equal_ones() -> None:
    assert beyond_chance([(np.zeros((2, 5)), np.zeros((2, 5)))]) is None
    found = beyond_chance([(np.zeros((4, 5)), np.zeros((4, 5)))])
    assert found is not None and np.isfinite(found).all()


def test_measures_of_matches_equal_those_of_the_parts_they_are_made_of() -> None:
    _, labels, network = random_case(0, 120)
    gradients = unit(np.random.default_rng(1).random((120, 1152)))
    parts = parts_of_labels(labels)
    found = measure_matches(parts, network.values, gradients, tau=0.8)
    sides = []
    for number in (0, 1):
        rows = parts.crop_modality == number
        numbers = parts.of_modality(number).tolist()
        cluster = [numbers.index(p) if p >= 0 else -1 for p in parts.part[rows]]
        moved = network.values[rows] - network.values[rows].mean(axis=0)
        sides.append(ClusteredFeatures(unit(moved), np.array(cluster, dtype=np.int64)))
    kept = (select(sides[0], sides[1], 0.8).label >= 0).sum() + (select(sides[1], sides[0], 0.8).label >= 0).sum()
    assert found.confirmed_share == pytest.approx(kept / (parts.part >= 0).sum())
    for share in (found.mutual_share, found.signals_agree):
        assert share is not None and 0 <= share <= 1
    without = measure_matches(parts, network.values, None, tau=0.8)
    assert without.beyond_chance is None and without.link_margin == found.link_margin


def test_without_two_clusters_a_side_nothing_is_measured() -> None:
    labels = made_labels([V, V, R, R], [0, 0, 0, 0])
    found = measure_matches(parts_of_labels(labels), np.eye(4, dtype=np.float32), None, tau=0.8)
    assert set(vars(found).values()) == {None}


def test_bands_of_bodies_are_rows_of_the_grid() -> None:
    values = np.arange(2 * 1152, dtype=np.float32).reshape(2, 1152)
    bands = bands_of_bodies(values)
    assert [band.shape[1] for _, band in bands] == [9 * 3 * 8] * 4 + [9 * 4 * 8]
    for rest, band in bands:
        assert sorted(np.concatenate((rest[0], band[0]))) == values[0].tolist()
    images = torch.zeros(1, 64, 32, 3, dtype=torch.uint8)
    images[0, :10, ::4] = 200
    drawn = bands_of_bodies(gradient_histograms(images).numpy())
    assert drawn[0][1].any() and not drawn[4][1].any()


def test_people_seen_in_both_modalities_are_told_from_strangers() -> None:
    random = np.random.default_rng(0)
    who = np.repeat(np.arange(60), 4)
    modalities = [V] * 240 + [R] * 240
    body = random.random((120, 1152))
    both, apart = np.concatenate([who, who]), np.concatenate([who, who + 60])
    for people, low, high in ((both, 0.1, 0.5), (apart, -0.05, 0.05)):
        gradients = unit(body[people] + 0.6 * random.random((480, 1152)))
        labels = made_labels(modalities, both.tolist(), both.tolist())
        found = measure_matches(parts_of_labels(labels), gradients, gradients, tau=0.8)
        assert found.beyond_chance is not None and low < found.beyond_chance < high
