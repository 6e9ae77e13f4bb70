"""Which identities are shown to a recipe, and which judge it."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from usvireid.config import KnownSettings, Settings
from usvireid.data.crops import Crops
from usvireid.data.known import shown_rows, unseen


@pytest.fixture
def crops():
    rows = [
        (f"{modality}{person}.png", modality, f"p{person}")
        for person in range(10)
        for modality in ("visible", "infrared")
    ]
    table = pd.DataFrame([*rows, ("x.png", "visible", None)], columns=["path", "modality", "identity"])
    return Crops.from_table(Path(), table, "a table")


def test_all_are_shown_unless_settings_say_otherwise(crops):
    assert shown_rows(crops, KnownSettings(), 0).tolist() == [True] * 20 + [False]


def test_a_larger_share_shows_what_a_smaller_one_shows(crops):
    shares = [shown_rows(crops, KnownSettings(share=share), 3) for share in (0, 0.1, 0.25, 0.5, 1)]
    assert [int(each.sum()) for each in shares] == [0, 2, 4, 10, 20]
    for less, more in itertools.pairwise(shares):
        assert not (less & ~more).any()
    assert not np.array_equal(shares[3], shown_rows(crops, KnownSettings(share=0.5), 4))


def test_one_modality_alone(crops):
    shown = shown_rows(crops, KnownSettings(modality="infrared"), 0)
    assert (crops.table["modality"][shown] == "infrared").all() and shown.sum() == 10


def test_what_is_shown_does_not_judge(crops):
    settings = Settings(known=KnownSettings(share=0.5))
    hidden = unseen(crops, settings, sees_identities=True).table["identity"].notna().to_numpy()
    assert hidden.sum() == 10 and not (hidden & shown_rows(crops, settings.known, settings.seed)).any()
    assert unseen(crops, settings, sees_identities=False) is crops


def test_nobody_is_known_where_there_are_no_identities(crops):
    assert not shown_rows(crops.without_identities(), KnownSettings(), 0).any()
