import json
from dataclasses import replace

import numpy as np
import pytest

from usvireid.config import Settings
from usvireid.errors import DataError, UsvireidError
from usvireid.layers import make_settings, nested
from usvireid.training.guard import Guard, GuardState, Signs, Symptom, remedies, spread_of, symptom_of

WELL = Signs(crops=200, clusters=30, clustered=180, largest=12, spread=0.6)
MERGED = {"visible": Symptom("merged", "one cluster")}
SCATTERED = {"visible": Symptom("scattered", "none")}


def settings(**changes: object) -> Settings:
    return make_settings([("test", nested(name.replace("__", "."), value)) for name, value in changes.items()])


def test_the_spread_is_one_minus_the_mean_cosine_of_pairs() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32) + 1
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = [float(rows[i] @ rows[j]) for i in range(40) for j in range(40) if i != j]
    assert spread_of(rows) == pytest.approx(1 - np.mean(cosines), abs=1e-6)
    assert spread_of(np.repeat(rows[:1], 9, axis=0)) == pytest.approx(0, abs=1e-6)
    assert spread_of(rows[:1]) == spread_of(rows[:0]) == 1


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, None),
        ({"largest": 100}, None),
        ({"largest": 101}, "merged"),
        ({"clustered": 20}, None),
        ({"clustered": 19}, "scattered"),
        ({"clustered": 0, "clusters": 0, "largest": 0}, "scattered"),
        ({"clusters": 10}, None),
        ({"clusters": 9}, "merged"),
        ({"clusters": 9, "clustered": 80}, "scattered"),
        ({"spread": 0.06}, None),
        ({"spread": 0.04}, "merged"),
        ({"crops": 49, "clustered": 0, "clusters": 0, "largest": 0}, None),
        ({"crops": 49, "largest": 49}, None),
    ],
)
def test_what_counts_as_a_collapse(changes: dict, kind: str | None) -> None:
    found = symptom_of(replace(WELL, **changes), [WELL] * 3)
    assert (found and found.kind) == kind


def test_a_fall_is_judged_by_what_was_usual() -> None:
    alike, fewer = replace(WELL, spread=0.01), replace(WELL, clusters=9)
    assert symptom_of(alike, []) is None  # an untrained encoder sees everything alike
    assert symptom_of(alike, [replace(WELL, spread=0.02)] * 4) is None
    assert symptom_of(fewer, []) is None and symptom_of(fewer, [WELL]) is None
    # Splinters that heal are no collapse: what was usual follows.
    assert symptom_of(fewer, [replace(WELL, clusters=90), *[replace(WELL, clusters=20)] * 2]) is None
    assert symptom_of(fewer, [*[WELL] * 4, *[replace(WELL, clusters=15)] * 5]) is None


@pytest.mark.parametrize(
    ("now", "symptoms", "learnt", "expected"),
    [
        ({"clustering__eps": 0.9}, MERGED, False, {"clustering.eps": "auto"}),
        ({"clustering__eps": 0.2}, SCATTERED, True, {"clustering.eps": "auto", "memory.momentum": 0.95}),
        ({"clustering__eps": 0.2}, {**MERGED, "infrared": SCATTERED["visible"]}, False, {"clustering.eps": "auto"}),
        ({}, MERGED, True, {"clustering.min_samples": 6, "memory.momentum": 0.95}),
        ({}, SCATTERED, False, {"clustering.min_samples": 2}),
        ({"clustering__min_samples": 2}, SCATTERED, False, {}),
        ({"memory__momentum": 0.1}, {**MERGED, "infrared": SCATTERED["visible"]}, True, {"memory.momentum": 0.55}),
        ({"clustering__method": "hdbscan", "clustering__eps": 0.4}, MERGED, False, {"clustering.min_samples": 6}),
    ],
)
def test_what_is_changed(now: dict, symptoms: dict, learnt: bool, expected: dict) -> None:
    assert remedies(settings(**now), symptoms, learnt) == expected


@pytest.mark.parametrize(
    ("now", "clustered", "ill"),
    [
        ({"clustering__eps": 0.2}, 100, False),
        ({"clustering__eps": 0.2}, 99, True),
        ({"clustering__eps": "auto"}, 99, False),
        ({"clustering__eps": "auto"}, 19, True),
        ({"clustering__eps": 0.2, "clustering__method": "hdbscan"}, 99, False),
    ],
)
def test_where_eps_is_fixed_most_crops_have_to_be_in_a_cluster(now: dict, clustered: int, ill: bool) -> None:
    assert bool(Guard(settings(**now)).judge(1, {"visible": replace(WELL, clustered=clustered)})) == ill


def test_the_guard_goes_on_from_what_a_checkpoint_holds() -> None:
    guard = Guard(settings(clustering__eps=0.9, guard__rollbacks=2))
    both = {"visible": WELL, "infrared": WELL}
    assert guard.judge(1, both) == guard.judge(2, both) == {}
    ill = {**both, "infrared": replace(WELL, largest=150)}
    symptoms = guard.judge(3, ill)
    assert list(symptoms) == ["infrared"]
    rollback = guard.go_back(3, 1, symptoms)
    assert rollback.sentence() == (
        "epoch 3 collapsed (infrared: one cluster holds 150 of 200 crops); back to the state after epoch 1, "
        "clustering.eps 0.9 -> auto, memory.momentum 0.9 -> 0.95"
    )
    assert [epoch for epoch, _ in guard.state.seen] == [1]
    assert guard.settings().clustering.eps == "auto"
    assert guard.messages(2) == [rollback.sentence()] and guard.messages(3) == []
    other = Guard(settings(clustering__eps=0.9, guard__rollbacks=2))
    other.state = GuardState.of_fact(json.loads(json.dumps(guard.state.model_dump(mode="json"))))
    assert other.state == guard.state and other.settings() == guard.settings()
    assert other.facts(both)["rollbacks"][0]["changed"]["clustering.eps"] == [0.9, "auto"]
    other.go_back(2, 1, symptoms)
    assert other.settings().clustering.min_samples == 6
    with pytest.raises(UsvireidError, match=r"epoch 2 collapsed after 2 rollbacks \(infrared: one cluster .*k1"):
        other.go_back(2, 1, symptoms)


def test_where_nothing_is_left_to_change_the_run_stops() -> None:
    guard = Guard(settings(clustering__min_samples=2))
    with pytest.raises(UsvireidError, match="epoch 1 collapsed and nothing is left to change"):
        guard.go_back(1, 0, SCATTERED)


def test_a_damaged_state_is_said() -> None:
    for damage in (3, {"seen": 1}, {"changes": {}, "extra": 1}):
        with pytest.raises(DataError, match="no state of the guard"):
            GuardState.of_fact(damage)
