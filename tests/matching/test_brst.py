"""BRST: the released direction against its loops, and the rules of the described form."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.matching import brst
from usvireid.matching.clustered import ClusteredFeatures
from usvireid.matching.labels import PseudoLabels
from usvireid.matching.similarity import unit_rows


def slow_selection(images, others, tau):
    """The released rule image by image and cluster by cluster, in float64."""
    crops = list(zip(others.values, others.cluster, strict=True))
    means = [np.mean([v.astype(float) for v, c in crops if c == k], axis=0) for k in range(others.n_clusters)]
    means = [mean / np.linalg.norm(mean) for mean in means]
    rows = list(zip(images.values, images.cluster, strict=True))
    highest = [max(float(mean @ image) for image, _ in rows) for mean in means]
    labels = []
    for image, cluster in rows:
        cosines = [float(mean @ image) for mean in means]
        best = int(np.argmax(cosines))
        labels.append(best if cluster >= 0 and cosines[best] >= tau * highest[best] - 1e-9 else -1)
    return labels


def features_of(rng, rows, clusters, width=6, shift=0.5):
    cluster = np.concatenate((np.arange(clusters), rng.integers(-1, clusters, rows - clusters)))
    return ClusteredFeatures(unit_rows(rng.standard_normal((rows, width)) + shift), rng.permutation(cluster))


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 25),
    clusters=st.integers(1, 5),
    tau=st.sampled_from([0.0, 0.5, 0.8, 0.95]),
    block=st.sampled_from([1, 7, 4096]),
    seed=st.integers(0, 2**30),
)
def test_selection_equals_the_loops(rows, clusters, tau, block, seed):
    rng = np.random.default_rng(seed)
    images, others = features_of(rng, rows, 1), features_of(rng, clusters + 4, clusters)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(brst, "_BLOCK", block)
        selection = brst.select(images, others, tau)
    assert selection.label.tolist() == slow_selection(images, others, tau)
    assert selection.label.dtype == np.int64 and selection.confidence.dtype == np.float32
    assert ((selection.confidence > 0) <= (selection.label >= 0)).all()
    kept = selection.label >= 0
    assert (selection.confidence[kept] >= tau - 1e-6).all() and (selection.confidence <= 1).all()


def test_the_favourite_of_each_cluster_survives_any_tau():
    rng = np.random.default_rng(3)
    images, others = features_of(rng, 12, 1, shift=2.0), features_of(rng, 6, 2, shift=2.0)
    label = brst.select(ClusteredFeatures(images.values, np.zeros(12, dtype=np.int64)), others, 1.0).label
    assert len(np.unique(label[label >= 0])) >= 1


def test_outliers_take_part_in_the_reverse_pass_but_are_never_labelled():
    others = ClusteredFeatures(np.array([[1.0, 0.0]], dtype=np.float32), np.array([0]))
    values = unit_rows(np.array([[1.0, 0.0], [1.0, 1.0]]))
    assert brst.select(ClusteredFeatures(values, np.array([0, 0])), others, 0.8).label.tolist() == [0, -1]
    assert brst.select(ClusteredFeatures(values, np.array([-1, 0])), others, 0.8).label.tolist() == [-1, -1]
    assert brst.select(ClusteredFeatures(values[1:], np.array([0])), others, 0.8).label.tolist() == [0]


def nobody(width=2):
    return ClusteredFeatures(np.zeros((0, width), dtype=np.float32), np.zeros(0, dtype=np.int64))


def test_nobody_to_choose_or_to_be_chosen():
    somebody = ClusteredFeatures(np.eye(2, dtype=np.float32), np.array([0, 1]))
    outliers = ClusteredFeatures(np.eye(2, dtype=np.float32), np.array([-1, -1]))
    for images, others in ((nobody(), somebody), (somebody, nobody()), (somebody, outliers), (outliers, somebody)):
        assert (brst.select(images, others, 0.5).label == -1).all()
        for matcher in (brst.released, brst.described):
            match = matcher(images, others)
            assert len(match) == 0 and (match.n_visible, match.n_infrared) == (images.n_clusters, others.n_clusters)


def test_released_links_go_with_the_majority():
    infrared = ClusteredFeatures(np.eye(3, dtype=np.float32), np.array([0, 1, 2]))
    visible = ClusteredFeatures(np.eye(3, dtype=np.float32)[[1, 1, 0, 2, 2, 0, 0]], np.array([0, 0, 0, 1, -1, 2, 2]))
    match = brst.released(visible, infrared, tau=0.8)
    assert match.visible.tolist() == [0, 1, 2] and match.infrared.tolist() == [1, 2, 0]
    np.testing.assert_allclose(match.confidence, [2 / 3, 1, 1])


def test_images_take_the_identity_they_selected():
    modalities = [names.INFRARED, names.VISIBLE, names.INFRARED, names.VISIBLE]
    table = pd.DataFrame({"path": list("abcd"), "modality": modalities})
    role = np.array([names.CORE] * 4)
    labels = PseudoLabels.of_clusters(
        Crops.from_table(".", table, "test"), np.array([1, 0, 0, 0]), role, np.full(4, 0.5)
    )
    selection = brst.Selection(np.array([1, -1]), np.array([0.5, 0], dtype=np.float32))
    result = brst.transmit_images(labels, selection)
    assert result.column(names.IDENTITY).tolist() == [1, 1, 0, -1]
    assert result.column(names.CONFIDENCE).tolist() == [0.5, 0.25, 0.5, 0]
    assert result.column(names.CLUSTER).tolist() == [1, 1, 0, -1]
    assert result.column(names.ROLE).tolist() == ["core", "core", "core", "outlier"]
    with pytest.raises(ValueError, match="1 selections for 2 visible crops"):
        brst.transmit_images(labels, brst.Selection(np.array([1]), np.ones(1, dtype=np.float32)))


def people(rng, visible_parts, infrared_parts, width=64, images=6, noise=0.25, part=0.35):
    """Features of people, each divided into so many clusters per modality, and the person of each cluster."""
    persons = rng.standard_normal((len(visible_parts), width))
    sides = []
    for parts in (visible_parts, infrared_parts):
        person = np.repeat(np.arange(len(parts)), parts)
        centre = persons[person] + part * rng.standard_normal((len(person), width))
        cluster = np.repeat(np.arange(len(person)), images)
        values = unit_rows(centre[cluster] + noise * rng.standard_normal((len(cluster), width)))
        sides.append((ClusteredFeatures(values, cluster), person))
    return sides


@pytest.mark.parametrize("seed", range(5))
def test_described_joins_the_parts_of_over_split_people(seed):
    rng = np.random.default_rng(seed)
    (visible, of_visible), (infrared, of_infrared) = people(rng, [1, 2, 3, 1, 2, 1, 1, 1], [1, 1, 1, 1, 1, 0, 2, 1])
    match = brst.described(visible, infrared, tau=0.5)
    assert (of_visible[match.visible] == of_infrared[match.infrared]).all()
    assert 5 not in of_visible[match.visible]
    identity_visible, identity_infrared = match.identities()
    linked = set(zip(of_visible[match.visible].tolist(), match.visible.tolist(), strict=True))
    assert {(1, 1), (1, 2), (4, 7), (4, 8)} <= linked
    assert len(set(identity_infrared[of_infrared == 6])) == 1
    assert len(set(identity_visible.tolist()) & set(identity_infrared.tolist())) == 7


def test_described_is_one_to_one_where_nobody_is_over_split():
    rng = np.random.default_rng(7)
    (visible, _), (infrared, _) = people(rng, [1] * 12, [1] * 12)
    match = brst.described(visible, infrared)
    assert match.visible.tolist() == match.infrared.tolist() == list(range(12))
    assert (match.confidence > 0.9).all()


def test_described_with_tau_above_every_cosine_keeps_only_mutual_choices():
    rng = np.random.default_rng(8)
    (visible, _), (infrared, _) = people(rng, [2] * 6, [1] * 6)
    assert len(brst.described(visible, infrared, tau=2.0)) == 6
    assert len(brst.described(visible, infrared, tau=0.5)) == 12


@pytest.mark.parametrize("parts", [([2], [1]), ([2] * 6, [1, 0, 0, 0, 0, 0]), ([2, 1], [1, 1])])
def test_described_joins_nothing_where_there_is_nothing_to_compare_with(parts):
    (visible, _), (infrared, _) = people(np.random.default_rng(9), *parts)
    assert len(brst.described(visible, infrared, tau=0.0)) == infrared.n_clusters


@settings(max_examples=40, deadline=None)
@given(sizes=st.tuples(st.integers(1, 9), st.integers(1, 9)), tau=st.floats(0, 1), seed=st.integers(0, 2**30))
def test_described_makes_stars_of_any_features_and_treats_the_modalities_alike(sizes, tau, seed):
    rng = np.random.default_rng(seed)
    visible, infrared = (features_of(rng, size + 5, size) for size in sizes)
    match = brst.described(visible, infrared, tau, csls_k=2)
    swapped = brst.described(infrared, visible, tau, csls_k=2)
    assert 1 <= len(match) <= sum(sizes) - 1
    mutual = set(zip(match.visible.tolist(), match.infrared.tolist(), strict=True))
    assert {(v, r) for r, v in zip(swapped.visible.tolist(), swapped.infrared.tolist(), strict=True)} == mutual


def test_equal_features_everywhere_still_make_a_match():
    same = ClusteredFeatures(np.tile(np.array([[0.6, 0.8]], dtype=np.float32), (6, 1)), np.repeat(np.arange(3), 2))
    for matcher in (brst.described, brst.released):
        assert len(matcher(same, same)) >= 1
