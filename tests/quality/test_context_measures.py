from itertools import combinations

import numpy as np
import pytest

from tests.quality.made_labels import V, made_crops
from usvireid.clustering.constraints import Constraints, ConstraintsBuilder
from usvireid.quality.context_measures import camera_mix, track_constraints, violations


def test_camera_mix_by_hand() -> None:
    cluster = np.array([0, 0, 0, 0, 1, 1, 2, -1, 3])
    camera = np.array([0, 0, 1, 1, 0, 0, 1, 1, -1])
    found = camera_mix(cluster, camera)
    assert found.cameras == 2
    assert found.single_camera_share == pytest.approx(2 / 3)
    assert found.camera_entropy == pytest.approx(1 / 3)


@pytest.mark.parametrize("seed", range(3))
def test_camera_entropy_equals_a_loop(seed: int) -> None:
    random = np.random.default_rng(seed)
    cluster, camera = random.integers(-1, 6, 50), random.integers(-1, 4, 50)
    shares = []
    for number in range(6):
        of_cluster = camera[(cluster == number) & (camera >= 0)]
        count = np.bincount(of_cluster) / len(of_cluster)
        entropy = -sum(share * np.log(share) for share in count if share)
        most = np.log(min(len(of_cluster), 4))
        shares.append(entropy / most if most else 0.0)
    assert camera_mix(cluster, camera).camera_entropy == pytest.approx(np.mean(shares))


@pytest.mark.parametrize(("cluster", "camera"), [([], []), ([-1], [0]), ([0, 0], [0, 0]), ([0, 1], [-1, -1])])
def test_one_camera_or_none_says_nothing(cluster: list[int], camera: list[int]) -> None:
    found = camera_mix(np.array(cluster, dtype=np.int64), np.array(camera, dtype=np.int64))
    assert found.single_camera_share is None and found.camera_entropy is None


@pytest.mark.parametrize("seed", range(5))
def test_violations_equal_a_count_of_pairs(seed: int) -> None:
    random = np.random.default_rng(seed)
    builder = ConstraintsBuilder(30)
    for _ in range(6):
        builder.must(random.integers(0, 30, 3))
    for _ in range(12):
        builder.cannot(random.integers(0, 30, 1), random.integers(0, 30, 1))
    constraints = builder.build()
    label = random.integers(-1, 5, 30)
    found = violations(label, constraints)
    group = constraints.group
    inside = [i for i in range(30) if label[i] >= 0]
    must = [(i, j) for i, j in combinations(inside, 2) if group[i] == group[j]]
    assert found.must_pairs == len(must)
    assert found.must_split_share == (pytest.approx(np.mean([label[i] != label[j] for i, j in must])) if must else None)
    held = {g: {int(label[i]) for i in inside if group[i] == g} for g in set(group.tolist())}
    both = [(a, b) for a, b in constraints.cannot.tolist() if held[a] and held[b]]
    assert found.cannot_pairs == len(both)
    assert found.cannot_joined_share == (
        pytest.approx(np.mean([bool(held[a] & held[b]) for a, b in both])) if both else None
    )
    members = [[i for i in inside if group[i] == g] for g in held]
    several = [rows for rows in members if len(rows) > 1]
    moved = sum(len(rows) - max(np.bincount(label[rows])) for rows in several)
    expected = moved / sum(map(len, several)) if several else None
    assert found.wrong_crops_share == (None if expected is None else pytest.approx(expected))


def test_nothing_known_and_nothing_labelled() -> None:
    nothing = violations(np.zeros(4, dtype=np.int64), Constraints.none(4))
    assert (nothing.must_pairs, nothing.cannot_pairs, nothing.wrong_crops_share) == (0, 0, None)
    assert violations(np.zeros(0, dtype=np.int64), Constraints.none(0)).must_split_share is None


def test_tracks_speak_where_there_are_any() -> None:
    assert track_constraints(made_crops([V, V])) is None
    crops = made_crops([V] * 4, camera=["a"] * 4, track=["1", "1", "2", "2"], frame=[1, 3, 2, 4])
    constraints = track_constraints(crops)
    assert constraints is not None
    found = violations(np.array([0, 0, 0, 1]), constraints)
    assert found.must_split_share == 0.5 and found.cannot_joined_share == 1.0
    assert found.wrong_crops_share == 0.25
