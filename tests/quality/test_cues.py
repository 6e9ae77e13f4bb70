import numpy as np
import pytest

from tests.quality.made_labels import R, V, made_labels, random_case, unit
from usvireid.matching.similarity import csls
from usvireid.quality.crop_cues import centres_of, seats
from usvireid.quality.link_cues import CrossSimilarity, joined, links_of
from usvireid.quality.part_cues import halves, nearest_pairs, spread_of
from usvireid.quality.parts import parts_of_labels

CASES = [(0, 60), (1, 60), (2, 150), (3, 9), (4, 1), (5, 0)]


@pytest.mark.parametrize(("seed", "size"), CASES)
def test_seats_equal_the_distances_one_by_one(seed: int, size: int) -> None:
    _, labels, features = random_case(seed, size)
    parts, values = parts_of_labels(labels), features.values.astype(np.float64)
    found = seats(features.values, parts)
    members = parts.members()
    for row in range(size):
        own, other = [], []
        for number, rows in enumerate(members):
            left = rows[rows != row]
            if parts.modality[number] != parts.crop_modality[row] or not len(left):
                continue
            distance = ((values[row] - values[left].mean(axis=0)) ** 2).sum()
            if parts.identity[number] == parts.crop_identity[row]:
                own.append(distance)
            else:
                other.append(distance)
        if parts.crop_identity[row] < 0:
            assert np.isnan(found.own[row]) and np.isnan(found.other[row]) and found.nearest[row] == -1
            continue
        assert found.own[row] == pytest.approx(min(own), abs=1e-5) if own else np.isnan(found.own[row])
        assert found.other[row] == pytest.approx(min(other), abs=1e-5) if other else np.isnan(found.other[row])
    known = np.isfinite(found.silhouette)
    assert (np.abs(found.silhouette[known]) <= 1).all()


@pytest.mark.parametrize(("seed", "size"), CASES)
def test_links_are_all_pairs_of_one_identity(seed: int, size: int) -> None:
    _, labels, _ = random_case(seed, size)
    parts = parts_of_labels(labels)
    expected = {
        (u, w)
        for u in range(len(parts))
        for w in range(len(parts))
        if parts.modality[u] == 0 and parts.modality[w] == 1 and parts.identity[u] == parts.identity[w]
    }
    links = links_of(parts)
    assert set(zip(links.visible.tolist(), links.infrared.tolist(), strict=True)) == expected
    assert len(links) == len(expected) and links.linked.all()
    assert len(joined([links, links])) == len(links)


@pytest.mark.parametrize(("seed", "size"), CASES)
def test_margins_equal_a_search_for_the_best_rival(seed: int, size: int) -> None:
    _, labels, features = random_case(seed, size)
    parts = parts_of_labels(labels)
    signal = CrossSimilarity(features.values, parts)
    links = joined([links_of(parts), signal.unlinked_nearest()])
    found = signal.margins(links)
    visible, infrared = (parts.of_modality(number).tolist() for number in (0, 1))
    for at, (u, w) in enumerate(zip(links.visible.tolist(), links.infrared.tolist(), strict=True)):
        own = signal.matrix[visible.index(u), infrared.index(w)]
        assert found.similarity[at] == own
        rivals = [
            signal.matrix[visible.index(u), infrared.index(x)]
            for x in infrared
            if x != w and parts.identity[x] != parts.identity[u]
        ]
        assert found.visible[at] == (pytest.approx(own - max(rivals)) if rivals else 1.0)
        if not links.linked[at]:
            row, column = visible.index(u), infrared.index(w)
            assert own == signal.matrix[row].max() == signal.matrix[:, column].max()


def test_cross_similarity_is_that_of_centred_prototypes() -> None:
    _, labels, features = random_case(6)
    parts = parts_of_labels(labels)
    moved = features.values.copy()
    for modality in (0, 1):
        rows = parts.crop_modality == modality
        moved[rows] = unit(moved[rows] - moved[rows].mean(axis=0))
    centre = np.stack([moved[rows].mean(axis=0) for rows in parts.members()])
    visible, infrared = (unit(centre[parts.of_modality(number)]) for number in (0, 1))
    expected = csls(visible @ infrared.T, 5)
    assert CrossSimilarity(features.values, parts).matrix == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("seed", "size"), CASES)
def test_nearest_pairs_equal_a_search(seed: int, size: int) -> None:
    crops, labels, features = random_case(seed, size)
    parts, camera = parts_of_labels(labels), crops.codes("camera")
    centres, members = centres_of(features.values, parts), parts.members()
    expected = set()
    for one in range(len(parts)):
        ranked = sorted(
            (float(((centres[one] - centres[other]) ** 2).sum()), other)
            for other in range(len(parts))
            if parts.modality[one] == parts.modality[other] and parts.identity[one] != parts.identity[other]
        )
        apart = [
            (distance, other)
            for distance, other in ranked
            if not set(camera[members[one]]) & set(camera[members[other]])
        ]
        expected |= {tuple(sorted((one, found[0][1]))) for found in (ranked, apart) if found}
    pairs = nearest_pairs(features.values, parts, camera)
    assert set(zip(pairs.one.tolist(), pairs.other.tolist(), strict=True)) == expected
    for one, other, distance, apart in zip(pairs.one, pairs.other, pairs.distance, pairs.apart, strict=True):
        assert distance == pytest.approx(((centres[one] - centres[other]) ** 2).sum(), abs=1e-5)
        assert apart == (not set(camera[members[one]]) & set(camera[members[other]]))


def test_without_cameras_no_pair_is_known_to_be_apart() -> None:
    _, labels, features = random_case(7)
    pairs = nearest_pairs(features.values, parts_of_labels(labels), np.full(len(labels), -1))
    assert len(pairs) and not pairs.apart.any()


def test_two_groups_in_one_cluster_are_found() -> None:
    random = np.random.default_rng(0)
    values = np.concatenate([random.normal((9, 0), 0.1, (7, 2)), random.normal((0, 9), 0.1, (4, 2))])
    parts = parts_of_labels(made_labels([V] * 11, [0] * 11))
    found = halves(values.astype(np.float32), parts)
    assert np.flatnonzero(found.second).tolist() == [7, 8, 9, 10]
    assert found.smaller.tolist() == [4] and found.gap[0] > 100 * found.within[0]


def test_clusters_of_one_crop_or_of_equal_crops_can_be_divided_too() -> None:
    values = np.ones((5, 3), dtype=np.float32)
    found = halves(values, parts_of_labels(made_labels([V, V, V, R, R], [0, 0, 0, 0, 1])))
    assert found.smaller.tolist() == [1, 0, 0] and not found.gap.any()


def test_spread_is_the_variance_within() -> None:
    _, labels, features = random_case(8)
    parts = parts_of_labels(labels)
    expected = [
        features.values[rows].astype(np.float64).var(axis=0, ddof=1).sum() if len(rows) > 1 else 0
        for rows in parts.members()
    ]
    assert spread_of(features.values, parts) == pytest.approx(np.array(expected), abs=1e-4)
