"""The protocol of SYSU-MM01 against its words, and at full size."""

import hashlib
import json
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usvireid.config import EvaluationSettings
from usvireid.data.crops import Crops
from usvireid.encoders.features import Features
from usvireid.errors import DataError, UsageError
from usvireid.evaluation.protocols import evaluate, plan

COUNTS = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "sysu_counts.json"
CAMERAS = {"all": ["cam1", "cam2", "cam4", "cam5"], "indoor": ["cam1", "cam2"]}


def crop(camera: int, identity: int, image: int) -> dict:
    infrared = camera in (3, 6)
    return {
        "path": f"cam{camera}/{identity:04d}/{image:04d}.jpg",
        "modality": "infrared" if infrared else "visible",
        "camera": f"cam{camera}",
        "identity": f"{identity:04d}",
        "split": "query" if infrared else "gallery",
    }


def random_rows(seed: int, identities: int, most: int) -> list[dict]:
    """Some cameras do not see some people; the first identity is seen by cameras 1 and 6 at the least."""
    rng = np.random.default_rng(seed)
    rows = []
    for identity in range(1, identities + 1):
        for camera in range(1, 7):
            least = int(identity == 1 and camera in (1, 6))
            count = max(least, int(rng.integers(0, most + 1)) if rng.random() < 0.7 else 0)
            rows += [crop(camera, identity, image) for image in range(1, count + 1)]
    return rows


def words_gallery(rows: list[dict], mode: str, shots: int, trial: int) -> list[int]:
    """The draw as the protocol says it, with Python's own global generator."""
    random.seed(trial)
    gallery = []
    number = {row["path"]: i for i, row in enumerate(rows)}
    folders: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        folders.setdefault((row["identity"], row["camera"]), []).append(row["path"])
    for identity in sorted({row["identity"] for row in rows}):
        for camera in CAMERAS[mode]:
            files = folders.get((identity, camera), [])
            if files and shots == 1:
                gallery.append(number[random.choice(sorted(files))])
            elif files:
                gallery += [number[path] for path in random.sample(sorted(files), min(shots, len(files)))]
    return gallery


def other_room(query: dict, answer: dict) -> bool:
    return query["camera"] == "cam3" and answer["camera"] == "cam2"


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), identities=st.integers(1, 7), trials=st.integers(1, 4))
def test_equals_the_words(seed, identities, trials, tied_features, slow_trial, slow_row, assert_row):
    features = tied_features(random_rows(seed, identities, 13), "sysu-mm01", seed)
    chosen = EvaluationSettings(shots=["single", "multi"], trials=trials)
    found = evaluate(features, chosen).to_dict()
    assert list(found) == ["all single-shot", "indoor single-shot", "all multi-shot", "indoor multi-shot"]
    rows = features.crops.table.to_dict("records")
    queries = [i for i, row in enumerate(rows) if row["modality"] == "infrared"]
    for name, row in found.items():
        mode, _, shot = name.partition(" ")
        galleries = [words_gallery(rows, mode, {"single-shot": 1, "multi-shot": 10}[shot], t) for t in range(trials)]
        scores = [slow_trial(features.values, rows, queries, gallery, other_room, True) for gallery in galleries]
        assert_row(row, slow_row(scores, len(queries), len(galleries[0])))


RANKED = ((5, 2), (7, 1), (5, 1), (7, 4), (5, 4), (9, 1))
"""A gallery as (identity, camera), nearest first."""


def on_a_circle(query: dict) -> Features:
    """The query, and the gallery of RANKED ever farther from it."""
    rows = [query, *(crop(camera, identity, 1) for identity, camera in RANKED)]
    angles = np.deg2rad(10.0 * np.arange(len(rows)))
    crops = Crops.from_table(Path(), pd.DataFrame(rows), "test", "sysu-mm01")
    return Features(np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32), crops)


@pytest.mark.parametrize(
    ("camera", "cmc", "precision", "penalty"),
    [(3, [0, 1, 1], 0.5, 2 / 4), (6, [1, 1, 1], (1 + 2 / 3 + 3 / 5) / 3, 3 / 5)],
)
def test_hand_vector(camera, cmc, precision, penalty):
    found = evaluate(on_a_circle(crop(camera, 5, 1)), EvaluationSettings(trials=2), ranks=(1, 2, 3))
    row = found.rows["all single-shot"]
    assert list(row.cmc.values()) == cmc
    assert row.mean_average_precision == pytest.approx(precision)
    assert row.mean_inverse_penalty == pytest.approx(penalty)
    assert (row.queries, row.skipped_queries, row.gallery) == (1, 0, 6)


def test_a_query_without_an_answer_counts_in_no_mean():
    features = on_a_circle(crop(3, 5, 1))
    more = pd.concat([features.crops.table, pd.DataFrame([crop(6, 8, 1)])], ignore_index=True)
    values = np.concatenate([features.values, features.values[:1]])
    crops = Crops.from_table(Path(), more, "test", "sysu-mm01")
    row = evaluate(Features(values, crops), EvaluationSettings(trials=1)).to_dict()["all single-shot"]
    assert row["queries"] == 1 and row["skipped_queries"] == 1 and row["mAP"] == 0.5


@pytest.fixture(scope="module")
def full_size() -> Crops:
    if not COUNTS.is_file():
        pytest.skip("the image counts of SYSU-MM01 are not here")
    numbers = json.loads(COUNTS.read_text())
    rows = [
        crop(camera, identity, image)
        for camera in range(1, 7)
        for identity in numbers["test_id"]
        for image in range(1, numbers["images_per_cam_per_id"][str(camera)].get(str(identity), 0) + 1)
    ]
    return Crops.from_table(Path(), pd.DataFrame(rows), "counts", "sysu-mm01")


def digest(crops: Crops, galleries) -> str:
    paths = crops.table["path"]
    return hashlib.sha256("\n".join(p for rows in galleries for p in paths.iloc[rows]).encode()).hexdigest()[:16]


def test_full_size(full_size):
    searches = {s.name: s for s in plan(full_size, EvaluationSettings(shots=["single", "multi"])).searches}
    assert {name: (len(s.query), len(s.galleries)) for name, s in searches.items()} == dict.fromkeys(
        searches, (3803, 10)
    )
    assert {len(gallery) for gallery in searches["all single-shot"].galleries} == {301}
    assert {len(gallery) for gallery in searches["indoor single-shot"].galleries} == {112}
    rows = full_size.table.to_dict("records")
    first = searches["indoor single-shot"].galleries[3]
    assert first.tolist() == words_gallery(rows, "indoor", 1, 3)


def test_draws_at_full_size_never_change(full_size):
    """Also on other machines and in later versions of Python: these digests are part of the protocol."""
    searches = {s.name: s.galleries for s in plan(full_size, EvaluationSettings(shots=["single", "multi"])).searches}
    assert {name: digest(full_size, galleries[:1]) for name, galleries in searches.items()} == {
        "all single-shot": "3060dd2f15c945be",
        "indoor single-shot": "9cc52659200a1593",
        "all multi-shot": "0fb7ea86d786efed",
        "indoor multi-shot": "787d5331d8791909",
    }


def test_other_cameras_are_named():
    rows = [crop(1, 5, 1), crop(6, 5, 1)]
    for row in rows:
        row["camera"] = row["camera"].replace("cam", "k")
    table = pd.DataFrame(rows)
    with pytest.raises(DataError, match=r"cameras of the crops: k1, k6\. Correct the column camera") as raised:
        plan(Crops.from_table(Path(), table, "test", "sysu-mm01"))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("rule", "named"), [({"exclude": ["camera"]}, "exclude"), ({"min_frame_gap": 2}, "min_frame")])
def test_a_benchmark_takes_no_rules_of_ones_own(rule, named):
    crops = on_a_circle(crop(3, 5, 1)).crops
    with pytest.raises(UsageError, match=rf"evaluation\.{named}.*sysu-mm01 has its own rule"):
        plan(crops, EvaluationSettings(**rule))
    own = plan(crops, EvaluationSettings(protocol="own", exclude=["camera"]))
    assert own.protocol == "own" and [s.name for s in own.searches] == ["infrared->visible", "visible->infrared"]
