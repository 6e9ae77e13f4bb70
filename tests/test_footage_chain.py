"""Recordings in, a searchable gallery out: the whole chain on clips of drawn people."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import tiny_options
from tests.footage.clips import make_footage
from tests.test_cli import call
from tests.test_workflow import metrics

Captured = pytest.CaptureFixture[str]
pytest.importorskip("av")


def true_identity(crop: pd.Series, truth: pd.DataFrame) -> str | None:
    """Who was drawn where a crop was cut; None where nobody's box is half covered."""
    there = truth[truth["frame"] == crop["frame"]]
    right, bottom = crop["left"] + crop["width"], crop["top"] + crop["height"]
    wide = np.minimum(there["right"], right) - np.maximum(there["left"], crop["left"])
    high = np.minimum(there["bottom"], bottom) - np.maximum(there["top"], crop["top"])
    common = wide.clip(lower=0) * high.clip(lower=0)
    size = (there["right"] - there["left"]) * (there["bottom"] - there["top"])
    share = common / (size + crop["width"] * crop["height"] - common)
    return None if share.empty or share.max() < 0.5 else f"p{int(there.loc[share.idxmax(), 'identity'])}"


def test_from_two_recordings_to_a_search(capfd: Captured, tmp_path: Path) -> None:
    truth = make_footage(tmp_path / "clips", people=(1, 2, 3, 4), frames=110)
    data, run, index = tmp_path / "data", tmp_path / "run", tmp_path / "index"
    for camera, modality in (("day", "visible"), ("night", "infrared")):
        video = tmp_path / "clips" / f"{camera}.mp4"
        code, _, err = call(
            capfd, "footage", "ingest", video, "--camera", camera, "--modality", modality, "--out", data
        )
        assert code == 0, err

    table = pd.read_csv(data / "crops.csv")
    table["identity"] = [true_identity(crop, truth[crop["camera"]]) for _, crop in table.iterrows()]
    found = table.dropna(subset="identity")
    assert len(found) >= 0.8 * len(table), "crops that show nobody"
    assert found.groupby("modality")["identity"].nunique().min() >= 3, "people that were missed"

    options = tiny_options(**{"training.epochs": "2", "clustering.eps": "auto"})
    code, _, err = call(capfd, "run", data, "--config", "footage", "--out", run, "--stage", "cluster,train", *options)
    assert code == 0, err
    labels = pd.read_csv(run / "labels" / "epoch_002.csv").merge(table[["path", "track"]], on="path")
    pieces = labels.groupby("track")["cluster"].nunique()
    assert (pieces == 1).all(), "a track in two clusters"
    assert len(metrics(run)) >= 2

    code, _, err = call(capfd, "index", run, data, "--out", index)
    assert code == 0, err
    query = found[found["modality"] == "visible"].iloc[0]
    code, out, err = call(capfd, "search", index, query["path"], "--modality", "infrared", "--top", "3", "--json")
    assert code == 0, err
    results = json.loads(out)["matches"]
    assert results and all(each["modality"] == "infrared" and each["camera"] == "night" for each in results)
    scores = [each["score"] for each in results]
    assert scores == sorted(scores, reverse=True)
