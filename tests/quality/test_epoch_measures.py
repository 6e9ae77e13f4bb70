import json

import numpy as np
import pytest

from tests.quality.made_labels import R, V, made_crops, made_labels, random_case, unit
from usvireid.clustering.cluster import Clustered, cluster_graph
from usvireid.config import ClusteringSettings, QualitySettings, Settings
from usvireid.data.looks import Looks
from usvireid.encoders.features import Features
from usvireid.matching.labels import PseudoLabels
from usvireid.neighbors.jaccard import jaccard_graph
from usvireid.neighbors.knn import knn
from usvireid.quality.epoch_measures import Seen, measure_epoch
from usvireid.quality.graph_measures import measure_graph
from usvireid.training.monitor import Shown

SETTINGS = Settings(clustering=ClusteringSettings(eps=0.5, min_samples=2))
COUNTS = SETTINGS.model_copy(update={"quality": QualitySettings(measures="counts")})


def whole_case(seed: int) -> tuple[PseudoLabels, Seen]:
    """An epoch as the recipe of HIL shows it."""
    crops, _, features = random_case(seed, 80)
    shown = {}
    for modality in (V, R):
        values = features.of_modality(modality).values
        graph = jaccard_graph(knn(values, 6, backend="torch-cpu", device="cpu"), values, k1=6, k2=2, eps=0.9)
        shown[modality] = Shown(cluster_graph(graph, SETTINGS.clustering), graph)
    labels = PseudoLabels.of_modalities(crops, {name: each.result.clusters for name, each in shown.items()})
    gradients = Features(unit(np.random.default_rng(seed).random((80, 1152))), crops)
    looks = (Looks(V, "v0", 32, 30), Looks(V, "v1", 8, 0), Looks(R, "i0", 5, 1))
    return labels, Seen(crops, shown, looks, features, gradients)


def test_everything_that_is_shown_is_measured() -> None:
    labels, seen = whole_case(0)
    found = measure_epoch(labels, labels, seen, SETTINGS)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["looks"] == {V: {"looked_at": 40, "wrong": 30}, R: {"looked_at": 5, "wrong": 1}}
    for modality in (V, R):
        shown = seen.shown[modality]
        assert shown.graph is not None
        expected = measure_graph(shown.graph, shown.result.clusters, eps=0.5, automatic=False, min_samples=2)
        assert {key: found[modality][key] for key in vars(expected)} == vars(expected)
        assert found[modality]["torn_share"] == 0 and found[modality]["stability"] == 1
        assert found[modality]["misplaced_share"] < 0.3 and found[modality]["seat"] > 0
        assert found[modality]["must_pairs"] > 0 and found[modality]["cameras"] == 3
        assert found[modality]["unmatched_share"] == 1
    assert found["across"]["links"] == 0 and found["across"]["beyond_chance"] is not None


def test_a_recipe_that_shows_nothing_is_measured_by_its_labels() -> None:
    labels, seen = whole_case(1)
    alone = measure_epoch(labels, None, Seen(seen.crops), SETTINGS)
    assert alone == measure_epoch(labels, None, seen, COUNTS) | {"looks": alone["looks"]}
    assert "silhouette" not in alone[V] and alone["across"]["links"] == 0
    # A graph of other crops than were clustered is no graph of theirs.
    other = {name: Shown(seen.shown[name].result, seen.shown[name].graph[1:, 1:]) for name in (V, R)}
    assert "silhouette" not in measure_epoch(labels, None, Seen(seen.crops, other), SETTINGS)[V]
    kept = {name: Shown(Clustered(each.result.clusters, None, None), None) for name, each in seen.shown.items()}
    assert "silhouette" not in measure_epoch(labels, None, Seen(seen.crops, kept), SETTINGS)[V]


def test_labels_that_were_shuffled_are_torn_and_misplaced() -> None:
    random = np.random.default_rng(0)
    who = np.repeat(np.arange(10), 10)
    modalities = [V] * 100 + [R] * 100
    both = np.concatenate([who, who])
    values = unit(random.normal(size=(10, 8))[both] + 0.1 * random.normal(size=(200, 8)))
    labels = made_labels(modalities, both.tolist(), both.tolist())
    picked = random.permutation(200)[:40]
    shuffled = both.copy()
    shuffled[picked] = random.permutation(both[picked])
    crops = made_crops(modalities)
    seen = Seen(crops, features=Features(values, crops))
    before = measure_epoch(labels, None, seen, SETTINGS)
    for edited in (labels.replace(identity=shuffled), labels.replace(identity=shuffled, cluster=np.full(200, -1))):
        after = measure_epoch(edited, None, seen, SETTINGS)
        assert before[V]["misplaced_share"] == 0 and 0.1 < after[V]["misplaced_share"] < 0.25


@pytest.mark.parametrize("modalities", [[], [V], [V, R], [R, R, R]])
def test_few_crops(modalities: list[str]) -> None:
    crops = made_crops(modalities)
    features = Features(np.eye(max(2, len(modalities)), dtype=np.float32)[: len(modalities)], crops)
    for cluster in (-1, 0):
        labels = made_labels(modalities, [cluster] * len(modalities))
        found = measure_epoch(labels, None, Seen(crops, features=features, gradients=features), SETTINGS)
        json.dumps(found, allow_nan=False)
