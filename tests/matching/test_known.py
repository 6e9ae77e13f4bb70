"""Links that are known, and links that cannot be."""

from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from usvireid.clustering.constraints import Constraints, ConstraintsBuilder
from usvireid.data.crops import Crops
from usvireid.matching.known import agreed
from usvireid.matching.labels import PseudoLabels
from usvireid.matching.match import Match


def labels_of(visible, infrared):
    """A label per crop, visible ones first; the clusters are given."""
    paths = [f"{number}.png" for number in range(len(visible) + len(infrared))]
    modality = ["visible"] * len(visible) + ["infrared"] * len(infrared)
    crops = Crops.from_table(Path(), pd.DataFrame({"path": paths, "modality": modality}), "a table")
    cluster = np.array([*visible, *infrared], dtype=np.int64)
    role = np.where(cluster < 0, "outlier", "core").astype(object)
    return PseudoLabels.of_clusters(crops, cluster, role, (cluster >= 0).astype(np.float32))


def match_of(links, n_visible, n_infrared):
    visible, infrared = (np.array([link[side] for link in links], dtype=np.int64) for side in (0, 1))
    confidence = np.array([link[2] for link in links], dtype=np.float32)
    return Match(visible, infrared, confidence, n_visible, n_infrared)


def pairs(match):
    return sorted(zip(match.visible.tolist(), match.infrared.tolist(), match.confidence.tolist(), strict=True))


LABELS = labels_of([0, 0, 1, 2, -1], [0, 1, 1, 2])


def test_without_knowledge_a_match_stays():
    match = match_of([(0, 1, 0.5)], 3, 3)
    assert agreed(match, LABELS, Constraints.none(9)) is match


def test_a_person_known_in_both_modalities_is_linked_for_certain():
    builder = ConstraintsBuilder(9)
    builder.must([0, 1, 6])
    builder.must([6, 7])
    assert pairs(agreed(match_of([], 3, 3), LABELS, builder.build())) == [(0, 1, 1.0)]


def test_a_link_of_two_people_is_left_out():
    builder = ConstraintsBuilder(9)
    builder.cannot([2], [8])
    found = agreed(match_of([(0, 0, 0.5), (1, 2, 0.9)], 3, 3), LABELS, builder.build())
    assert pairs(found) == [(0, 0, 0.5)]


def test_two_known_identities_are_not_linked():
    builder = ConstraintsBuilder(9)
    builder.known(np.array([4, 4, -1, -1, -1, 9, -1, -1, -1]))
    found = agreed(match_of([(0, 0, 0.5), (1, 1, 0.25)], 3, 3), LABELS, builder.build())
    assert pairs(found) == [(1, 1, 0.25)]


def test_what_would_make_a_chain_is_left_out_the_least_sure_first():
    builder = ConstraintsBuilder(9)
    builder.must([0, 1, 5])
    match = match_of([(1, 0, 0.5), (0, 2, 0.75)], 3, 3)
    # With (0, 0) known both would share one end with it, and all three would be a chain.
    assert pairs(agreed(match, LABELS, builder.build())) == [(0, 0, 1.0), (0, 2, 0.75)]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_whatever_is_known_the_links_are_stars_that_agree_with_it(seed):
    generator = np.random.default_rng(seed)
    visible, infrared = generator.permutation(6), generator.permutation(6)
    labels = labels_of(visible, infrared)
    builder = ConstraintsBuilder(12)
    for _ in range(5):
        one, other = int(generator.integers(0, 6)), int(generator.integers(6, 12))
        # Of each modality one crop at most is in a group, as after clustering by the same constraints.
        builder.must([one, 6 + one]) if generator.random() < 0.5 else builder.cannot([one], [other])
    constraints = builder.build()
    drawn = zip(generator.permutation(6)[:4].tolist(), generator.permutation(6)[:4].tolist(), strict=True)
    links = [(v, r, 0.5) for v, r in drawn]
    found = agreed(match_of(links, 6, 6), labels, constraints)  # Match itself refuses chains
    place_v, place_r = np.argsort(visible), np.argsort(infrared)
    for v, r in zip(found.visible, found.infrared, strict=True):
        ends = sorted((int(constraints.group[place_v[v]]), int(constraints.group[6 + place_r[r]])))
        assert ends not in constraints.cannot.tolist()


def test_nothing_at_all():
    none = labels_of([], [])
    assert len(agreed(Match.none(0, 0), none, Constraints.none(0))) == 0
