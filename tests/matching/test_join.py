"""From clusters to identities by every way the settings offer, and the parts of what comes of it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from tests.matching.test_brst import people
from usvireid import names
from usvireid.clustering.constraints import Constraints, ConstraintsBuilder
from usvireid.config import ClusteringSettings, MatchingSettings, PartsSettings
from usvireid.data.crops import Crops
from usvireid.encoders.features import Features
from usvireid.matching.brst import Selection
from usvireid.matching.divided import divided
from usvireid.matching.join import apart, join
from usvireid.matching.known import agreed_selection
from usvireid.matching.labels import PseudoLabels
from usvireid.matching.matchers import select_clusters

BY_IMAGE = MatchingSettings(method="brst-images", tau=0.5, center=False, gradients=0, csls_k=0)


def labels_of(visible, infrared):
    """A label per crop, visible ones first; the clusters are given."""
    paths = [f"{number}.png" for number in range(len(visible) + len(infrared))]
    modality = ["visible"] * len(visible) + ["infrared"] * len(infrared)
    crops = Crops.from_table(".", pd.DataFrame({"path": paths, "modality": modality}), "a table")
    cluster = np.array([*visible, *infrared], dtype=np.int64)
    role = np.where(cluster < 0, "outlier", "core").astype(object)
    return PseudoLabels.of_clusters(crops, cluster, role, (cluster >= 0).astype(np.float32)), crops


def random_case(seed, width=6):
    rng = np.random.default_rng(seed)
    visible, infrared = (np.unique(rng.integers(-1, 4, 12), return_inverse=True)[1] - 1 for _ in range(2))
    labels, crops = labels_of(visible, infrared)
    values = rng.standard_normal((24, width)).astype(np.float32) + rng.standard_normal(width).astype(np.float32)
    return labels, Features(values / np.linalg.norm(values, axis=1, keepdims=True), crops)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.3, 0.8, 1.0]))
def test_by_image_every_visible_crop_takes_an_infrared_cluster_or_none(seed, tau):
    labels, signals = random_case(seed)
    found = join(labels, signals, BY_IMAGE.model_copy(update={"tau": tau}), Constraints.none(24))
    cluster = labels.column(names.CLUSTER)
    visible, infrared = (labels.rows_of(name) for name in names.MODALITIES)
    expected = np.full(24, -1)
    expected[infrared] = cluster[infrared]
    prototypes = {}
    for k in range(cluster[infrared].max() + 1):
        mean = signals.values[infrared[cluster[infrared] == k]].mean(axis=0)
        prototypes[k] = mean / np.linalg.norm(mean)
    for i in visible:
        cosines = {k: float(signals.values[i] @ prototype) for k, prototype in prototypes.items()}
        if cluster[i] < 0 or not cosines:
            continue
        chosen = max(cosines, key=cosines.get)
        best = max(float(signals.values[j] @ prototypes[chosen]) for j in visible)
        expected[i] = chosen if cosines[chosen] >= tau * best - 1e-7 else -1
    assert found.column(names.IDENTITY).tolist() == expected.tolist()
    assert found.column(names.CLUSTER).tolist() == expected.tolist()
    assert ((found.column(names.ROLE) == names.OUTLIER) == (expected < 0)).all()
    confidence = found.column(names.CONFIDENCE)
    assert ((confidence > 0) <= (expected >= 0)).all()
    assert (confidence <= 1).all()


@pytest.mark.parametrize("method", ["brst", "brst-released", "brst-images", "mutual", "hungarian", "transport"])
def test_a_modality_without_clusters_is_no_fault(method):
    for visible, infrared in (([-1, -1], [0, 0]), ([0, 0], [-1, -1]), ([-1], [-1]), ([], [0, 1]), ([0], [])):
        labels, crops = labels_of(visible, infrared)
        signals = Features(np.tile(np.array([[0.6, 0.8]], dtype=np.float32), (len(crops), 1)), crops)
        found = join(labels, signals, MatchingSettings(method=method), Constraints.none(len(crops)))
        assert len(found.shared_identities()) == 0
        alone = apart(labels, Constraints.none(len(crops)))
        assert (found.column(names.IDENTITY)[labels.rows_of("infrared")] >= 0).sum() == sum(c >= 0 for c in infrared)
        assert (alone.column(names.IDENTITY) >= 0).sum() == sum(c >= 0 for c in [*visible, *infrared])


def test_selected_clusters_have_the_given_numbers():
    values = np.eye(3, dtype=np.float32)
    found = select_clusters(values, np.array([4, 9, -1]), values, np.array([7, 2, -1]), tau=0.5, center=False)
    assert found.label.tolist() == [7, 2, -1]


def selection_of(*pairs):
    label, confidence = zip(*pairs, strict=True)
    return Selection(np.array(label, dtype=np.int64), np.array(confidence, dtype=np.float32))


def test_what_is_known_of_images_is_kept_to():
    labels, _ = labels_of([0, 0, 0, 1, 1, -1], [0, 1, 2])
    selection = selection_of((1, 0.5), (0, 0.9), (1, 0.7), (2, 0.8), (0, 0.4), (-1, 0))
    assert agreed_selection(selection, labels, Constraints.none(9)) is selection
    builder = ConstraintsBuilder(9)
    builder.must([0, 1, 2])  # a track: most of it selected 1
    builder.cannot([3], [8])  # the crop that selected 2 is not the person of the crop in cluster 2
    builder.must([4, 7])  # one person, whose infrared crop is in cluster 1
    found = agreed_selection(selection, labels, builder.build())
    assert found.label.tolist() == [1, 1, 1, -1, 1, -1]
    np.testing.assert_allclose(found.confidence, [0.6, 0.6, 0.6, 0, 1, 0], atol=1e-6)


def test_images_of_two_known_people_are_not_joined():
    labels, _ = labels_of([0, 0, 1, 1], [0, 1])
    builder = ConstraintsBuilder(6)
    builder.known(np.array([0, 1, -1, 2, 1, -1]))  # infrared cluster 0 is person 1
    found = agreed_selection(selection_of((0, 1), (1, 1), (0, 1), (1, 1)), labels, builder.build())
    assert found.label.tolist() == [-1, 0, 0, 1]


@pytest.mark.parametrize("of", ["clusters", "identities"])
def test_what_is_divided(of):
    rng = np.random.default_rng(1)
    labels, crops = labels_of([0] * 5 + [1] * 2 + [-1], [0] * 4 + [1] * 4)
    labels = labels.replace(identity=np.array([3] * 7 + [-1] + [3] * 4 + [5] * 4))
    values = rng.standard_normal((16, 4)).astype(np.float32)
    features = Features(values / np.linalg.norm(values, axis=1, keepdims=True), crops)
    settings = ClusteringSettings(parts=PartsSettings(rule="fixed", count=4, of=of))
    part = divided(labels, features, {}, settings, seed=0).column(names.SUB_CLUSTER)
    assert part[7] == -1
    if of == "identities":  # 11 and 4 crops: more than 4 are divided into 4, over both modalities
        assert set(part[[*range(7), *range(8, 12)]]) == {0, 1, 2, 3}
        assert set(part[12:]) == {0}
    else:  # 5 of visible cluster 0 alone
        assert set(part[:5]) == {0, 1, 2, 3}
        assert set(part[5:7]) == set(part[8:]) == {0}
    whole = divided(labels, features, {}, ClusteringSettings(parts=PartsSettings(of=of)), seed=0)
    assert set(whole.column(names.SUB_CLUSTER)) == {-1}


def graph_of(group):
    """A graph in which crops of a group are near each other, and farther from all others."""
    distance = np.where(group[:, None] == group, np.float32(0.1), np.float32(0.5))
    np.fill_diagonal(distance, 0.001)
    return sparse.csr_matrix(distance.astype(np.float32))


@pytest.mark.parametrize("empty", [None, *names.MODALITIES])
def test_the_tree_divides_each_modality_by_its_graph(empty):
    groups = {modality: np.repeat(np.arange(3), 5) for modality in names.MODALITIES}
    clusters = {modality: np.array([0] * 10 + [1] * 4 + [-1]) for modality in names.MODALITIES}
    if empty is not None:
        groups[empty] = clusters[empty] = np.zeros(0, dtype=np.int64)
    labels, crops = labels_of(*(clusters[modality].tolist() for modality in names.MODALITIES))
    values = np.random.default_rng(1).standard_normal((len(labels), 4)).astype(np.float32)
    features = Features(values / np.linalg.norm(values, axis=1, keepdims=True), crops)
    graphs = {modality: graph_of(group) for modality, group in groups.items()}
    settings = ClusteringSettings(parts=PartsSettings(rule="tree"), min_samples=3)
    part = divided(labels, features, graphs, settings, seed=0).column(names.SUB_CLUSTER)
    for modality in names.MODALITIES:
        found = part[labels.rows_of(modality)]
        if modality == empty:
            assert len(found) == 0
            continue
        assert [len(set(found[start : start + 5])) for start in (0, 5)] == [1, 1]
        assert sorted((found[0], found[5])) == [0, 1]
        assert found[10:].tolist() == [0, 0, 0, 0, -1]  # a cluster of one leaf stays whole


def seen(visible_parts, infrared_parts):
    """Labels of clear people, so many clusters of each in a modality, what they are matched by, and who is who."""
    sides = people(np.random.default_rng(2), visible_parts, infrared_parts)
    labels, crops = labels_of(*(side.cluster for side, _ in sides))
    person = np.concatenate([who[side.cluster] for side, who in sides])
    return labels, Features(np.concatenate([side.values for side, _ in sides]), crops), person


@pytest.mark.parametrize("only", names.MODALITIES)
@pytest.mark.parametrize("method", ["brst", "mutual", "hungarian", "transport"])
def test_the_unmatched_keep_an_identity_of_their_own_modality_and_links_a_confidence(method, only):
    parts = [[1] * 7, [1] * 5 + [0] * 2]
    labels, signals, person = seen(*(parts if only == names.VISIBLE else parts[::-1]))
    found = join(labels, signals, MatchingSettings(method=method, tau=0.9), Constraints.none(len(labels)))
    identity, confidence = found.column(names.IDENTITY), found.column(names.CONFIDENCE)
    assert [len(np.unique(identity[person == who])) for who in range(7)] == [1] * 7
    assert len(np.unique(identity)) == 7
    assert found.shared_identities().tolist() == np.unique(identity[person < 5]).tolist()
    assert (confidence[person >= 5] == 1).all()
    assert ((confidence > 0) & (confidence <= 1)).all()
    for who in range(5):
        assert len(np.unique(confidence[person == who])) == 1


@pytest.mark.parametrize("over_split", [names.VISIBLE, names.INFRARED])
def test_one_cluster_takes_all_the_pieces_of_the_over_split_side(over_split):
    parts = [[1, 2, 3, 1, 2, 1, 1, 1], [1] * 8]
    labels, signals, person = seen(*(parts if over_split == names.VISIBLE else parts[::-1]))
    found = join(labels, signals, MatchingSettings(tau=0.5), Constraints.none(len(labels)))
    identity = found.column(names.IDENTITY)
    assert [len(np.unique(identity[person == who])) for who in range(8)] == [1] * 8
    assert len(np.unique(identity)) == 8
