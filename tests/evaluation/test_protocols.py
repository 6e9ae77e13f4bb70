"""The protocol for a user's own data."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from usvireid.config import EvaluationSettings
from usvireid.data.crops import Crops
from usvireid.encoders.features import Features
from usvireid.errors import DataError
from usvireid.evaluation.protocols import evaluate, why_not_scored

IR_TO_VIS, VIS_TO_IR = "infrared->visible", "visible->infrared"


def features_of(rows: list[dict], angles: list[float]) -> Features:
    """Crops from dicts, each with a feature on the unit circle at the given angle in degrees."""
    table = pd.DataFrame([{"path": f"{i}.jpg", **row} for i, row in enumerate(rows)])
    crops = Crops.from_table(Path(), table, "test")
    radians = np.deg2rad(np.array(angles, dtype=np.float64))
    return Features(np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32), crops)


def rules(**more) -> EvaluationSettings:
    return EvaluationSettings(**more)


def visible(**more) -> dict:
    return {"modality": "visible", **more}


def infrared(**more) -> dict:
    return {"modality": "infrared", **more}


def random_features(seed: int, count: int = 120) -> Features:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "path": [f"{i}.jpg" for i in range(count)],
            "modality": rng.choice(["visible", "infrared"], count),
            "camera": rng.choice(["a", "b", ""], count),
            "frame": rng.choice(["1", "2", "4", "9", "12", ""], count),
            "identity": rng.choice(["p", "q", "r", "s", ""], count),
            "split": rng.choice(["train", "test", "query", "gallery", ""], count),
        }
    )
    values = rng.normal(size=(count, 8))
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return Features(values.astype(np.float32), Crops.from_table(Path(), table, "test"))


def slow_direction(features: Features, query: str, gallery: str, exclude: tuple[str, ...], gap: int | None) -> dict:
    """One direction by loops over the rows of the table."""
    rows = features.crops.table.to_dict("records")
    values = features.values.astype(np.float64)

    def serves(row: dict, modality: str, role: str) -> bool:
        known = pd.notna(row["identity"]) and pd.notna(row["split"])
        return known and row["modality"] == modality and row["split"] in ("test", role)

    def dropped(one: dict, other: dict) -> bool:
        if exclude and all(pd.notna(one[c]) and pd.notna(other[c]) and one[c] == other[c] for c in exclude):
            return True
        known = all(pd.notna(row[c]) for row in (one, other) for c in ("camera", "frame"))
        return bool(gap and known and one["camera"] == other["camera"] and abs(one["frame"] - other["frame"]) < gap)

    answers = [g for g, row in enumerate(rows) if serves(row, gallery, "gallery")]
    first, precisions, penalties, skipped = [], [], [], 0
    for q, row in enumerate(rows):
        if not serves(row, query, "query"):
            continue
        ranked = sorted((g for g in answers if not dropped(row, rows[g])), key=lambda g: (-(values[q] @ values[g]), g))
        places = [p for p, g in enumerate(ranked, start=1) if rows[g]["identity"] == row["identity"]]
        if not places:
            skipped += 1
            continue
        first.append(places[0])
        precisions.append(np.mean([n / p for n, p in enumerate(places, start=1)]))
        penalties.append(len(places) / places[-1])
    return {
        **{f"rank{k}": np.mean([p <= k for p in first]) for k in (1, 5, 10, 20)},
        "mAP": np.mean(precisions),
        "mINP": np.mean(penalties),
        "queries": len(first),
        "skipped_queries": skipped,
        "gallery": len(answers),
    }


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("exclude", "gap"),
    [((), None), (("camera",), None), (("camera", "frame", "identity"), None), ((), 3), (("camera", "identity"), 2)],
)
def test_equals_the_loops(seed, exclude, gap):
    features = random_features(seed)
    found = evaluate(features, rules(exclude=exclude, min_frame_gap=gap)).to_dict()
    assert list(found) == [IR_TO_VIS, VIS_TO_IR]
    for name, (query, gallery) in {
        IR_TO_VIS: ("infrared", "visible"),
        VIS_TO_IR: ("visible", "infrared"),
    }.items():
        assert found[name] == pytest.approx(slow_direction(features, query, gallery, exclude, gap))


def test_result_is_plain_json_with_the_agreed_keys():
    found = evaluate(random_features(0)).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    keys = ["rank1", "rank5", "rank10", "rank20", "mAP", "mINP", "queries", "skipped_queries", "gallery"]
    assert all(list(scores) == keys for scores in found.values())


def test_without_split_every_crop_of_known_identity_asks_and_answers():
    rows = [visible(identity="p"), visible(identity="q"), visible(), infrared(identity="p"), infrared(identity="z")]
    found = evaluate(features_of(rows, [0, 60, 1, 10, 50])).to_dict()
    assert found[IR_TO_VIS]["gallery"] == 2 and found[VIS_TO_IR]["gallery"] == 2
    assert found[IR_TO_VIS]["queries"] == 1 and found[IR_TO_VIS]["skipped_queries"] == 1
    assert found[IR_TO_VIS]["rank1"] == 1.0


def test_the_twin_of_a_camera_pair_is_dropped():
    seen = {"camera": "1", "frame": 7, "identity": "p"}
    rows = [visible(**seen), visible(camera="1", frame=30, identity="p"), visible(identity="q"), infrared(**seen)]
    features = features_of(rows, [0, 50, 20, 1])
    assert evaluate(features).to_dict()[IR_TO_VIS]["rank1"] == 1.0
    apart = evaluate(features, rules(exclude=("camera", "frame", "identity"))).to_dict()[IR_TO_VIS]
    assert apart["rank1"] == 0.0 and apart["mAP"] == 0.5
    gap = evaluate(features, rules(min_frame_gap=4)).to_dict()
    assert gap[IR_TO_VIS] == apart
    assert gap[VIS_TO_IR]["skipped_queries"] == 2


def test_a_frame_exactly_at_the_gap_stays():
    rows = [visible(camera="1", frame=10, identity="p"), infrared(camera="1", frame=14, identity="p")]
    assert evaluate(features_of(rows, [0, 9]), rules(min_frame_gap=4)).to_dict()[IR_TO_VIS]["queries"] == 1
    with pytest.raises(DataError, match="no query has a correct crop"):
        evaluate(features_of(rows, [0, 9]), rules(min_frame_gap=5))


def test_missing_values_never_match():
    rows = [
        visible(identity="p"),
        visible(identity="p", camera="1"),
        infrared(identity="p"),
        infrared(identity="p", camera="1", frame=3),
    ]
    features = features_of(rows, [0, 1, 2, 3])
    found = evaluate(features, rules(exclude=("camera",), min_frame_gap=100)).to_dict()[IR_TO_VIS]
    assert found["queries"] == 2 and found["mAP"] == 1.0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([visible(), infrared()], "no crop has an identity"),
        ([visible(identity="p", split="train"), infrared(split="test")], "fill the column identity"),
        ([visible(identity="p"), visible(identity="p")], "visible 2 queries and 2 gallery crops, infrared 0"),
        ([visible(identity="p", split="query"), infrared(identity="p", split="query")], "a gallery of the other"),
        ([visible(identity="p"), infrared(identity="q")], "no identity is seen in both modalities"),
    ],
)
def test_nothing_to_score_is_one_clear_line(rows, message):
    features = features_of(rows, [0.0] * len(rows))
    assert message in (why_not_scored(features.crops) or "")
    with pytest.raises(DataError, match=message) as raised:
        evaluate(features)
    assert "\n" not in str(raised.value)


def test_a_direction_without_answers_has_no_scores():
    rows = [visible(identity="p", split="gallery"), infrared(identity="p", split="query")]
    found = evaluate(features_of(rows, [0, 1])).to_dict()
    assert found[IR_TO_VIS]["rank1"] == 1.0
    assert found[VIS_TO_IR]["queries"] == 0 and found[VIS_TO_IR]["mAP"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exclude": ("camra",)}, "'camra' is no column to exclude by; did you mean 'camera'"),
        ({"exclude": ("Identity",)}, "did you mean 'identity'"),
        ({"exclude": ("zzz",)}, "use camera, rig, track, frame, time, identity"),
        ({"exclude": ("path",)}, "'path' is no column"),
        ({"min_frame_gap": -1}, "greater than or equal to 1"),
        ({"shots": ()}, "at least 1 item"),
    ],
)
def test_wrong_settings_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        rules(**options)


@pytest.mark.parametrize("ranks", [(0, 5), ()])
def test_ranks_are_whole_numbers_from_1_up(ranks):
    with pytest.raises(ValueError, match="whole numbers from 1 up"):
        evaluate(random_features(0), ranks=ranks)


@pytest.mark.parametrize("options", [{"exclude": ("track",)}, {"min_frame_gap": 3}])
def test_a_rule_on_an_empty_column_is_not_silently_ignored(options):
    rows = [visible(identity="p", camera="1"), infrared(identity="p", camera="1")]
    with pytest.raises(DataError, match="needs the column"):
        evaluate(features_of(rows, [0, 1]), rules(**options))


def test_the_table_shows_percent_and_counts():
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(evaluate(features_of([visible(identity="p"), infrared(identity="p")], [0, 1])).table())
    text = console.export_text()
    assert "infrared → visible" in text and "100.0" in text and "Rank-1" in text
