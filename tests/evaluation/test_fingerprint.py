"""Two numbers have one digest only where everything that decides them is the same."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from usvireid.config import EvaluationSettings
from usvireid.data.crops import Crops
from usvireid.encoders.features import Features
from usvireid.evaluation.protocols import evaluate


def table() -> pd.DataFrame:
    rows = [
        {
            "path": f"cam{camera}/{identity:04d}/{image:04d}.jpg",
            "modality": "infrared" if camera in (3, 6) else "visible",
            "camera": f"cam{camera}",
            "identity": f"{identity:04d}",
        }
        for camera in range(1, 7)
        for identity in range(1, 5)
        for image in range(1, 13)
    ]
    return pd.DataFrame(rows)


def prints(crops: pd.DataFrame, layout: str = "sysu-mm01", columns: int = 4, mirrored: bool = True, **rules) -> dict:
    values = np.zeros((len(crops), columns), dtype=np.float32)
    values[np.arange(len(crops)), np.arange(len(crops)) % columns] = 1
    features = Features(values, Crops.from_table(Path(), crops, "test", layout))
    return evaluate(features, EvaluationSettings(**rules), mirrored=mirrored).fingerprints_dict()


def digest(*arguments, **options) -> str:
    return str(prints(*arguments, **options)["all single-shot"]["digest"])


def test_facts_are_plain_json_and_the_digest_is_stable():
    found = prints(table())
    assert json.loads(json.dumps(found)) == found
    facts = found["all single-shot"]
    assert facts == {
        "digest": "db2626ff1a97",
        "definition": 1,
        "protocol": "sysu-mm01",
        "trials": 10,
        "queries": 96,
        "gallery": 16,
        "counts": "identities",
        "split": facts["split"],
        "galleries": facts["galleries"],
        "distance": "cosine",
        "feature": {"columns": 4, "dtype": "float32", "mirror": True},
        "rerank": None,
        "mode": "all",
        "shots": 1,
        "draw": "random.seed(trial)",
        "exclude": ["cam2 for queries of cam3"],
    }


def test_values_and_the_order_of_the_table_do_not_count():
    shuffled = table().sample(frac=1, random_state=1)
    assert digest(shuffled) == digest(table())


def test_what_decides_the_numbers_counts():
    renamed, moved, fewer = table(), table(), table().drop(index=0)
    renamed.loc[0, "path"] = "cam1/0001/0099.jpg"
    moved.loc[0, "identity"] = "0002"
    digests = [
        digest(table()),
        digest(renamed),
        digest(moved),
        digest(fewer),
        digest(table(), columns=8),
        digest(table(), mirrored=False),
        digest(table(), trials=9),
        *(str(facts["digest"]) for facts in prints(table(), shots=["multi"], rerank=True).values()),
        *(str(facts["digest"]) for facts in prints(table(), layout="llcm").values()),
        *(str(facts["digest"]) for facts in prints(table(), layout="regdb").values()),
        *(str(facts["digest"]) for facts in prints(table(), protocol="own").values()),
        *(str(facts["digest"]) for facts in prints(table(), protocol="own", exclude=["camera"]).values()),
    ]
    assert len(digests) == 19 and len(set(digests)) == len(digests)


@pytest.mark.parametrize("columns", [["camera", "identity"], ["identity", "camera"]])
def test_the_order_of_excluded_columns_does_not_count(columns):
    facts = prints(table(), protocol="own", exclude=columns)["infrared->visible"]
    assert facts["exclude"] == ["camera", "identity"] and facts["min_frame_gap"] is None
