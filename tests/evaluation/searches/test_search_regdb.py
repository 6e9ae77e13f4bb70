"""The protocol of RegDB against its words."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usvireid.data.crops import Crops
from usvireid.encoders.features import Features
from usvireid.evaluation.protocols import evaluate


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), identities=st.integers(1, 6), images=st.integers(1, 4))
def test_equals_the_words(seed, identities, images, tied_features, slow_trial, slow_row, assert_row):
    """Each image of one modality asks all of the other; ranks count images."""
    rows = [
        {"path": f"{modality}/{i}/{n}.bmp", "modality": modality, "identity": str(i), "split": "test"}
        for modality in ("visible", "infrared")
        for i in range(identities)
        for n in range(images)
    ]
    features = tied_features(rows, "regdb", seed)
    found = evaluate(features).to_dict()
    assert list(found) == ["infrared->visible", "visible->infrared"]
    table = features.crops.table.to_dict("records")
    for name, row in found.items():
        sides = [np.flatnonzero([entry["modality"] == side for entry in table]).tolist() for side in name.split("->")]
        scores = slow_trial(features.values, table, *sides, lambda query, answer: False, False)
        assert_row(row, slow_row([scores], len(sides[0]), len(sides[1])))


def test_hand_vector():
    """Ranked identities 7, 7, 5 for a query of 5: ranks count images."""
    table = pd.DataFrame(
        {
            "path": ["q.bmp", "a.bmp", "b.bmp", "c.bmp"],
            "modality": ["infrared", "visible", "visible", "visible"],
            "identity": ["5", "7", "7", "5"],
            "split": "test",
        }
    )
    angles = np.deg2rad([0.0, 10.0, 20.0, 30.0])
    values = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    features = Features(values, Crops.from_table(Path(), table, "test", "regdb"))
    row = evaluate(features, ranks=(2, 3)).rows["infrared->visible"]
    assert list(row.cmc.values()) == [0, 1]
    assert row.mean_average_precision == pytest.approx(1 / 3) and row.mean_inverse_penalty == pytest.approx(1 / 3)
