"""The protocol of LLCM against its words."""

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usvireid.config import EvaluationSettings
from usvireid.data.crops import Crops
from usvireid.errors import DataError, UsageError
from usvireid.evaluation.protocols import evaluate, plan

FOLDERS = {"visible": "test_vis", "infrared": "test_nir"}


def crop(modality: str, camera: int, identity: int, image: int) -> dict:
    return {
        "path": f"{FOLDERS[modality]}/cam{camera}/{identity:04d}/{image:04d}.jpg",
        "modality": modality,
        "camera": f"cam{camera}",
        "identity": f"{identity:04d}",
        "split": "test",
    }


def random_rows(seed: int, identities: int) -> list[dict]:
    """Infrared has no camera 3. The first identity has an answer in another camera in both modalities."""
    rng = np.random.default_rng(seed)
    rows = []
    for modality in FOLDERS:
        for camera in (1, 2, 3, 4, 9):
            for identity in range(1, identities + 1):
                least = int(identity == 1 and camera in (1, 2))
                count = max(least, int(rng.integers(0, 4)) if rng.random() < 0.5 else 0)
                if modality == "visible" or camera != 3:
                    rows += [crop(modality, camera, identity, image) for image in range(1, count + 1)]
    return rows


def words_gallery(rows: list[dict], modality: str, trial: int) -> list[int]:
    random.seed(trial)
    gallery = []
    for identity in sorted({row["identity"] for row in rows}):
        for camera in range(1, 10):
            folder = f"{FOLDERS[modality]}/cam{camera}/{identity}/"
            files = {row["path"]: i for i, row in enumerate(rows) if row["path"].startswith(folder)}
            if files:
                gallery.append(files[random.choice(sorted(files))])
    return gallery


def same_person_and_camera(query: dict, answer: dict) -> bool:
    return query["identity"] == answer["identity"] and query["camera"] == answer["camera"]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), identities=st.integers(1, 7), trials=st.integers(1, 4))
def test_equals_the_words(seed, identities, trials, tied_features, slow_trial, slow_row, assert_row):
    features = tied_features(random_rows(seed, identities), "llcm", seed)
    found = evaluate(features, EvaluationSettings(trials=trials)).to_dict()
    assert list(found) == ["infrared->visible", "visible->infrared"]
    rows = features.crops.table.to_dict("records")
    for name, row in found.items():
        asking, _, answering = name.partition("->")
        queries = [i for i, entry in enumerate(rows) if entry["modality"] == asking]
        galleries = [words_gallery(rows, answering, trial) for trial in range(trials)]
        scores = [
            slow_trial(features.values, rows, queries, gallery, same_person_and_camera, True) for gallery in galleries
        ]
        assert_row(row, slow_row(scores, len(queries), len(galleries[0])))


def test_cameras_of_other_names_are_refused():
    rows = [crop("visible", 1, 1, 1), crop("infrared", 2, 1, 1)]
    rows[0]["camera"] = "east"
    crops = Crops.from_table(Path(), pd.DataFrame(rows), "test", "llcm")
    with pytest.raises(DataError, match="no visible gallery crop is of one of these"):
        plan(crops)


@pytest.mark.parametrize("choice", [{"shots": ["multi"]}, {"draw": "file"}])
def test_choices_of_another_protocol_are_refused(choice):
    rows = [crop("visible", 1, 1, 1), crop("infrared", 2, 1, 1)]
    crops = Crops.from_table(Path(), pd.DataFrame(rows), "test", "llcm")
    with pytest.raises(UsageError, match=r"evaluation\.\w+: \w+ is a choice of the protocol sysu-mm01, not of llcm"):
        plan(crops, EvaluationSettings(**choice))
