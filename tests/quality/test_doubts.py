import numpy as np
import pytest

from tests.quality.made_labels import R, V, made_crops, made_labels, random_case, unit
from usvireid.encoders.features import Features
from usvireid.quality.doubts import KINDS, find_doubts

PEOPLE = unit(np.random.default_rng(1).normal(size=(30, 16)))


def seen(who: list[int], random: np.random.Generator, blur: float = 0.05) -> np.ndarray:
    return unit(PEOPLE[who] + blur * random.normal(size=(len(who), 16)))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("with_features", [True, False])
def test_every_doubt_is_a_question_about_two_sides(seed: int, with_features: bool) -> None:
    crops, labels, features = random_case(seed)
    found = find_doubts(labels, features if with_features else None, crops=crops)
    assert [doubt.score for doubt in found] == sorted((doubt.score for doubt in found), reverse=True)
    identity = labels.column("identity")
    for doubt in found:
        assert 0 <= doubt.score <= 1 and doubt.reason.endswith(".") and doubt.kind in KINDS
        assert len(doubt.first) and len(doubt.second)
        assert sorted([*doubt.first, *doubt.second]) == doubt.rows.tolist()
        if not (doubt.kind == "crop" and not doubt.together):
            assert doubt.together == (len(set(identity[doubt.rows])) == 1)
        modalities = [set(labels.column("modality")[side]) for side in (doubt.first, doubt.second)]
        assert modalities == ([{V}, {R}] if doubt.kind == "link" else [modalities[0], modalities[0]])
        assert doubt.kind != "crop" or len(doubt.first) == 1
    assert not with_features or {doubt.kind for doubt in found} == set(KINDS)


def test_kinds_top_and_order() -> None:
    _, labels, features = random_case(0)
    everything = find_doubts(labels, features)
    assert find_doubts(labels, features, kinds=["link"])[0].kind == "link"
    assert len(find_doubts(labels, features, top=3)) == 3
    gains = [doubt.gain for doubt in find_doubts(labels, features, order="gain")]
    assert gains == sorted(gains, reverse=True) and len(gains) == len(everything)


def test_a_crop_among_strangers_comes_first_among_crops() -> None:
    random = np.random.default_rng(0)
    who = np.repeat(np.arange(8), 6)
    cluster = who.copy()
    cluster[3] = 5
    features = Features(seen(who.tolist(), random), made_crops([V] * 48))
    found = find_doubts(made_labels([V] * 48, cluster.tolist()), features, kinds=["crop"])
    assert found[0].first.tolist() == [3]
    assert "nearer" in found[0].reason or "near to another" in found[0].reason


def test_a_cluster_of_two_people_comes_first_among_clusters_that_are_one() -> None:
    random = np.random.default_rng(0)
    who = np.repeat(np.arange(12), 6)
    cluster = np.where(who == 11, 10, who)
    features = Features(seen(who.tolist(), random), made_crops([V] * 72))
    found = [doubt for doubt in find_doubts(made_labels([V] * 72, cluster.tolist()), features) if doubt.together]
    assert found[0].kind == "cluster" and {*who[found[0].rows]} == {10, 11}
    assert len({*who[found[0].first]}) == len({*who[found[0].second]}) == 1


def test_a_match_of_two_people_comes_first_among_matches() -> None:
    random = np.random.default_rng(0)
    who = np.repeat(np.arange(12), 6)
    modalities = [V] * 72 + [R] * 72
    both = np.concatenate([who, who])
    identity = both.copy()
    identity[72:][who == 2], identity[72:][who == 7] = 7, 2
    features = Features(seen(both.tolist(), random), made_crops(modalities))
    found = find_doubts(made_labels(modalities, both.tolist(), identity.tolist()), features, gradients=features)
    links = [doubt for doubt in found if doubt.kind == "link"]
    wrong = {(frozenset(both[doubt.first]), frozenset(both[doubt.second]), doubt.together) for doubt in links[:4]}
    two, seven = frozenset([2]), frozenset([7])
    assert wrong == {(two, seven, True), (seven, two, True), (two, two, False), (seven, seven, False)}


def test_a_crop_with_another_identity_than_its_cluster_is_doubted() -> None:
    labels = made_labels([V] * 8, [0] * 4 + [1] * 4, [0, 0, 0, 1, 1, 1, 1, 9])
    found = {
        int(doubt.first[0]): doubt for doubt in find_doubts(labels, kinds=["crop"]) if "labelled as" in doubt.reason
    }
    assert found[3].together and found[3].second.tolist() == [4, 5, 6]
    assert not found[7].together and found[7].second.tolist() == [4, 5, 6]


@pytest.mark.parametrize("modalities", [[], [V], [V, R], [R, R, R]])
def test_nothing_to_doubt(modalities: list[str]) -> None:
    crops = made_crops(modalities)
    features = Features(np.eye(max(len(modalities), 2), dtype=np.float32)[: len(modalities)], crops)
    assert find_doubts(made_labels(modalities, [-1] * len(modalities)), features, gradients=features) == []
    assert all(doubt.rows.size for doubt in find_doubts(made_labels(modalities, [0] * len(modalities)), features))


def test_features_of_other_crops_are_refused() -> None:
    _, labels, features = random_case(0)
    with pytest.raises(ValueError, match="59 features for 60 labels"):
        find_doubts(labels, features.take(np.arange(59)))
