"""People whom only one modality sees, and whether matching leaves them alone."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.quality.made_labels import R, V, made_crops, made_labels
from usvireid.config import KnownSettings, Settings
from usvireid.data.known import unseen
from usvireid.quality.rejection import measure_rejection, seen_alone
from usvireid.quality.truth import truth_of


def slow(modalities, cluster, identity, truth):
    """Clusters, alone, unlinked and alone and unlinked, over clusters and over crops, by loops."""
    sides = {who: {m for m, t in zip(modalities, truth, strict=True) if t == who} for who in set(truth)}
    sharing = {m: {i for n, i in zip(modalities, identity, strict=True) if n == m and i >= 0} for m in (V, R)}
    shared = sharing[V] & sharing[R]
    found = []
    for modality in (V, R):
        for number in sorted({c for m, c in zip(modalities, cluster, strict=True) if m == modality and c >= 0}):
            rows = [i for i in range(len(truth)) if modalities[i] == modality and cluster[i] == number]
            votes = Counter(truth[i] for i in rows if truth[i] >= 0)
            if votes:
                who = min(votes, key=lambda code: (-votes[code], code))
                found.append((len(sides[who]) == 1, not any(identity[i] in shared for i in rows)))
    rows = [i for i in range(len(truth)) if cluster[i] >= 0 and truth[i] >= 0]
    crops = [(len(sides[truth[i]]) == 1, identity[i] not in shared) for i in rows]
    return found, crops


def share(pairs, *, of):
    kept = [all(pair) for pair in pairs if pair[of]]
    return None if not kept else pytest.approx(np.mean(kept))


@settings(max_examples=80, deadline=None)
@given(size=st.integers(0, 30), groups=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
def test_equals_the_loops(size, groups, seed):
    rng = np.random.default_rng(seed)
    modalities = rng.choice([V, R], size).tolist()
    cluster, identity, truth = (rng.integers(-1, groups, size) for _ in range(3))
    labels = made_labels(modalities, cluster.tolist(), identity.tolist())
    found = measure_rejection(labels, truth, seen_alone(np.array(modalities, dtype=object), truth))
    if not (cluster >= 0).any():
        cluster = identity
    clusters, crops = slow(modalities, cluster.tolist(), identity.tolist(), truth.tolist())
    assert found.clusters == len(clusters)
    assert found.alone == sum(alone for alone, _ in clusters)
    assert found.unlinked == sum(unlinked for _, unlinked in clusters)
    assert found.recall == share(clusters, of=0) and found.precision == share(clusters, of=1)
    assert found.recall_crops == share(crops, of=0) and found.precision_crops == share(crops, of=1)


def test_by_hand():
    # Anna and Ben are in both, Carl is visible alone, Dora infrared alone. Carl is forced on Ben, Dora is left alone.
    labels = made_labels([V, V, V, R, R, R], [0, 1, 2, 0, 1, 2], [0, 1, 2, 0, 2, 3])
    found = truth_of(labels, made_crops([V, V, V, R, R, R], identity=["anna", "ben", "carl", "anna", "ben", "dora"]))
    assert found is not None and found.rejection is not None
    rejection = found.rejection
    assert (rejection.clusters, rejection.alone, rejection.unlinked) == (6, 2, 2)
    assert rejection.recall == 0.5 and rejection.precision == 0.5


def test_who_is_seen_where_is_told_by_all_identities_and_not_by_the_hidden_ones_alone():
    crops = made_crops([V, R], identity=["anna", "anna"])
    hidden = unseen(crops, Settings(known=KnownSettings(modality="visible")), sees_identities=True)
    assert hidden.table["identity"].isna().tolist() == [True, False]
    labels = made_labels([V, R], [0, 0])
    blind, told = truth_of(labels, hidden), truth_of(labels, hidden, crops)
    assert blind is not None and blind.rejection is not None and blind.rejection.alone == 1
    assert told is not None and told.rejection is not None and told.rejection.alone == 0


def test_nobody_is_alone_of_whom_nothing_is_known():
    assert seen_alone(pd.array([V, R]).to_numpy(), np.array([-1, -1])).tolist() == [False, False]
