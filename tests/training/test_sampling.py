import numpy as np
import pandas as pd
import pytest

from usvireid.data.crops import Crops
from usvireid.matching.labels import PseudoLabels
from usvireid.training.sampling import plan_batches, steps_per_epoch


def make(identities: dict[str, list[int]], cameras: dict[str, list[str]] | None = None) -> tuple[PseudoLabels, Crops]:
    """Crops with the given identity each, by modality."""
    rows = [
        {
            "path": f"{modality}/{number}.jpg",
            "modality": modality,
            "camera": cameras[modality][number] if cameras else None,
            "pseudo": identity,
        }
        for modality, numbers in identities.items()
        for number, identity in enumerate(numbers)
    ]
    table = pd.DataFrame(rows, columns=["path", "modality", "camera", "pseudo"])
    crops = Crops.from_table(".", table, "test")  # type: ignore[arg-type]
    count = len(crops)
    labels = PseudoLabels.of_clusters(
        crops, np.full(count, -1), np.full(count, "outlier", dtype=object), np.zeros(count, dtype=np.float32)
    )
    return labels.replace(identity=table["pseudo"].to_numpy(dtype=np.int64)), crops


def draw(labels: PseudoLabels, crops: Crops, steps: int = 20, p: int = 4, k: int = 3, seed: int = 0) -> list:
    generator = np.random.default_rng(seed)
    return list(plan_batches(labels, crops, identities=p, instances=k, steps=steps, generator=generator))


@pytest.mark.parametrize("seed", range(3))
def test_batches_hold_p_distinct_identities_with_k_crops_of_that_identity(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels, crops = make(
        {"visible": random.integers(-1, 12, 90).tolist(), "infrared": random.integers(5, 20, 70).tolist()}
    )
    identity = labels.column("identity")
    for plan in draw(labels, crops, seed=seed):
        for modality in ("visible", "infrared"):
            rows, drawn = plan.rows[modality], plan.identities[modality]
            assert rows.shape == drawn.shape == (4, 3)
            assert np.array_equal(identity[rows], drawn)
            assert np.isin(rows, labels.rows_of(modality)).all()
            assert len(np.unique(drawn[:, 0])) == 4
            assert (drawn >= 0).all()


def test_shared_identities_stand_in_both_halves() -> None:
    numbers = np.repeat(np.arange(10), 5).tolist()
    labels, crops = make({"visible": numbers, "infrared": numbers})
    for plan in draw(labels, crops):
        assert np.array_equal(plan.identities["visible"], plan.identities["infrared"])


def test_everyone_has_a_turn_before_anyone_has_the_next() -> None:
    labels, crops = make(
        {"visible": np.repeat(np.arange(10), 4).tolist(), "infrared": np.repeat(np.arange(50, 60), 4).tolist()}
    )
    plans = draw(labels, crops, steps=5)
    drawn = np.concatenate([plan.identities["visible"][:, 0] for plan in plans])
    assert np.array_equal(np.bincount(drawn), np.full(10, 2))


def test_an_identity_shows_as_many_cameras_as_it_has() -> None:
    cameras = {"visible": ["a"] * 20 + ["b"] * 2 + ["c"], "infrared": ["x"] * 4}
    labels, crops = make({"visible": [0] * 23, "infrared": [1] * 4}, cameras)
    for plan in draw(labels, crops, p=1, k=3):
        assert set(crops.table["camera"].iloc[plan.rows["visible"][0]]) == {"a", "b", "c"}


def test_within_a_camera_an_identity_shows_as_many_tracks_as_it_has() -> None:
    cameras = {"visible": ["a"] * 12 + ["b"] * 9, "infrared": ["x"] * 4}
    labels, crops = make({"visible": [0] * 21, "infrared": [1] * 4}, cameras)
    # Camera a has a long track and two short ones, camera b a long one and a single crop.
    tracks = ["1"] * 10 + ["2", "3"] + ["1"] * 8 + ["2"] + ["1"] * 4
    crops = Crops.from_table(crops.root, crops.table.assign(track=tracks), "test")
    for plan in draw(labels, crops, p=1, k=5):
        drawn = crops.table.iloc[plan.rows["visible"][0]]
        pairs = set(zip(drawn["camera"], drawn["track"], strict=True))
        assert pairs == {("a", "1"), ("a", "2"), ("a", "3"), ("b", "1"), ("b", "2")}


def test_an_identity_with_too_few_crops_repeats_them_evenly() -> None:
    labels, crops = make({"visible": [0, 0], "infrared": [1]})
    for plan in draw(labels, crops, p=2, k=5):
        assert sorted(np.bincount(plan.rows["visible"][0])) == [2, 3]
        assert plan.rows["infrared"].tolist() == [[2] * 5]


def test_a_modality_without_identities_is_absent() -> None:
    labels, crops = make({"visible": [0, 0, 1, 1], "infrared": [-1, -1]})
    assert all(set(plan.rows) == {"visible"} for plan in draw(labels, crops))


def test_no_identities_at_all_gives_empty_plans() -> None:
    labels, crops = make({"visible": [-1], "infrared": [-1, -1]})
    assert all(plan.rows == {} for plan in draw(labels, crops, steps=2))


def test_the_same_seed_draws_the_same() -> None:
    labels, crops = make({"visible": [0, 0, 1, 1, 2], "infrared": [0, 2, 3, 3]})
    one, same, other = (draw(labels, crops, seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a.rows["visible"], b.rows["visible"]) for a, b in zip(one, same, strict=True))
    assert any(not np.array_equal(a.rows["visible"], b.rows["visible"]) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(("visible", "infrared", "steps"), [(0, 0, 1), (12, 5, 1), (13, 5, 2), (5, 37, 4)])
def test_steps_cover_the_larger_modality_once(visible: int, infrared: int, steps: int) -> None:
    labels, _ = make({"visible": [0] * visible, "infrared": [1] * infrared})
    assert steps_per_epoch(labels, 4, 3) == steps
