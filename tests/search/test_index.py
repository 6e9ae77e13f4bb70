"""`usvireid index`: what is written, that it stands by itself, and what is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import write_finished_run, write_people
from tests.search.conftest import PEOPLE, Indexed, write_tracks
from tests.test_cli import call, error_line
from usvireid.devices import choose_compute
from usvireid.display import Display
from usvireid.encoders.extract import extract
from usvireid.errors import DataError, UsageError
from usvireid.loading import open_data
from usvireid.search import build
from usvireid.search import folder as files
from usvireid.search.index import open_index
from usvireid.trained import open_trained

Captured = pytest.CaptureFixture[str]


def test_the_index_has_the_features_of_the_run(indexed: Indexed) -> None:
    index = indexed.index()
    trained = open_trained(indexed.run)
    data = open_data(indexed.data, trained.run.settings, Display())
    features = extract(trained.encoder, data.crops, data.images, choose_compute("cpu", "float32"))
    place = {path: row for row, path in enumerate(data.crops.table["path"])}
    rows = [place[path] for path in index.tracklets.crops.table["path"]]
    assert np.allclose(index.features_of(slice(0, None)), features.values[rows], atol=1e-5)
    assert len(index.tracklets) == 4 * PEOPLE
    assert index.facts["left_out"] == 1
    assert index.facts["crops"] == 8 * PEOPLE - 1
    assert index.calibration is not None
    assert index.facts["known_different"] == 4 * (PEOPLE // 2) - 1


def test_no_identity_is_in_the_index(indexed: Indexed) -> None:
    header = (indexed.folder / "crops.csv").read_text().splitlines()[0]
    assert header == "path,modality,camera,track,frame,time,tracklet,digest"


def test_thumbnails_are_jpeg_files_of_the_crops(indexed: Indexed) -> None:
    index = indexed.index()
    for row in (0, len(index.digests) - 1):
        assert index.thumbnails.read(row)[:3] == b"\xff\xd8\xff"


def test_blocks_change_nothing(indexed: Indexed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_BLOCK", 5)
    build.index_run(indexed.run, None, tmp_path / "blocks", None, Display())
    whole, blocks = indexed.index(), open_index(tmp_path / "blocks")
    assert np.allclose(whole.gallery.values, blocks.gallery.values, atol=1e-5)
    assert np.allclose(whole.gallery.spread, blocks.gallery.spread, atol=1e-5)
    assert np.allclose(whole.same, blocks.same, atol=1e-3)


def test_it_says_what_it_learnt_and_replaces_an_older_index(capfd: Captured, indexed: Indexed, tmp_path: Path) -> None:
    out = tmp_path / "index"
    for _ in range(2):
        code, shown, err = call(capfd, "index", indexed.run, indexed.data, "--out", out, "--device", "cpu")
        assert code == 0, err
        assert "135 crops in 68 tracklets, 1 could not be read and are left out" in err
        assert "67 tracks cut in two are one person, 31 pairs of tracks are two people" in err
        assert "Are the chances right?" in shown
    assert [path.name for path in tmp_path.iterdir()] == ["index"]
    assert oct(out.stat().st_mode & 0o777) == "0o755"


def test_crops_without_tracks_are_ranked_without_a_chance(capfd: Captured, tmp_path: Path) -> None:
    write_people(tmp_path / "data")
    run = write_finished_run(tmp_path / "run", tmp_path / "data")
    code, _, err = call(capfd, "index", run, "--out", tmp_path / "index")
    assert code == 0, err
    assert "no calibrated chance: the crops have no tracks" in err
    code, out, err = call(capfd, "search", tmp_path / "index", "visible/00_0.png", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert not found["calibrated"]
    assert "no tracks" in found["why_not"]
    assert len(found["matches"]) == 20
    assert all(one["chance"] is None and len(one["crops"]) == 1 for one in found["matches"])
    scores = [one["score"] for one in found["matches"]]
    assert scores == sorted(scores, reverse=True)
    code, out, _ = call(capfd, "search", tmp_path / "index", "visible/00_0.png", "--top", "1")
    assert "No chance is given: the crops have no tracks" in out


def test_few_tracklets_have_no_chance(capfd: Captured, tmp_path: Path) -> None:
    write_tracks(tmp_path / "data", people=3)
    run = write_finished_run(tmp_path / "run", tmp_path / "data")
    code, _, err = call(capfd, "index", run, "--out", tmp_path / "index")
    assert code == 0, err
    assert "no calibrated chance: it takes 30 tracklets of a modality to learn from" in err


def test_places_that_are_no_index_are_left_alone(capfd: Captured, indexed: Indexed, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    (tmp_path / "file").write_text("dear")
    for out, said in [
        (tmp_path / "mine", "holds something that is no index"),
        (tmp_path / "file", "is a file"),
        (indexed.data / "index", "lies in the data folder"),
        (tmp_path / "file" / "index", "cannot be written"),
    ]:
        code, _, err = call(capfd, "index", indexed.run, "--out", out)
        assert code in (1, 2)
        assert said in error_line(err)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    code, _, err = call(capfd, "index", tmp_path / "mine", "--out", tmp_path / "new")
    assert "not a run folder" in error_line(err)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "mine"]


def test_a_failure_leaves_the_old_index(indexed: Indexed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(indexed.folder, tmp_path / "index")
    before = {path.name: path.read_bytes() for path in (tmp_path / "index").iterdir()}

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "_write_tracklets", stop)
    with pytest.raises(KeyboardInterrupt):
        build.index_run(indexed.run, None, tmp_path / "index", None, Display())
    assert {path.name: path.read_bytes() for path in (tmp_path / "index").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def test_what_a_killed_process_left_is_removed_and_what_another_holds_is_not(tmp_path: Path) -> None:
    left = tmp_path / ".index.abc.new"
    left.mkdir()
    with files.replaced(tmp_path / "index") as first:
        assert not left.exists()
        (first / "a").write_text("first")
        with files.replaced(tmp_path / "index") as second:
            (second / "a").write_text("second")
        assert first.is_dir()
    assert (tmp_path / "index" / "a").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def copied(indexed: Indexed, tmp_path: Path) -> Path:
    return Path(shutil.copytree(indexed.folder, tmp_path / "copy"))


def test_damage_is_named_by_file(indexed: Indexed, tmp_path: Path) -> None:
    for name in (files.TABLE, files.FEATURES, files.TRACKLETS, files.ARRAYS, files.THUMBNAILS, files.ENCODER):
        folder = copied(indexed, tmp_path)
        (folder / name).write_bytes((folder / name).read_bytes()[:-5])
        with pytest.raises(DataError, match=f"{name}: damaged"):
            open_index(folder)
        (folder / name).unlink()
        with pytest.raises(DataError, match=f"{name}: this file of the index is missing"):
            open_index(folder)
        shutil.rmtree(folder)
    for name in (files.TABLE, files.ARRAYS):
        folder = copied(indexed, tmp_path)
        content = bytearray((folder / name).read_bytes())
        content[-3] ^= 1
        (folder / name).write_bytes(content)
        with pytest.raises(DataError, match=f"{name}: damaged"):
            open_index(folder)
        shutil.rmtree(folder)


def test_facts_that_are_none(indexed: Indexed, tmp_path: Path) -> None:
    folder = copied(indexed, tmp_path)
    facts = json.loads((folder / files.FACTS).read_text())
    for content, kind, said in [
        ({**facts, "version": 2}, DataError, "an index of version 2, and this usvireid reads version 1"),
        ({**facts, "format": "other"}, UsageError, "not an index"),
        ({**facts, "files": []}, DataError, "index.json: damaged"),
        ({**facts, "files": {**facts["files"], files.TABLE: {"bytes": "many"}}}, DataError, "index.json: damaged"),
        ({**facts, "calibration": {"visible-visible": {}}}, DataError, "index.json: damaged"),
        ({**facts, "calibration": 5}, DataError, "index.json: damaged"),
        ({**facts, "reliability": {"visible": [{"x": 1}]}}, DataError, "index.json: damaged"),
        ({**facts, "tracklets": facts["tracklets"] + 1}, DataError, "index.json: damaged"),
        ([], UsageError, "not an index"),
    ]:
        (folder / files.FACTS).write_text(json.dumps(content))
        with pytest.raises(kind, match=said):
            open_index(folder)
    (folder / files.FACTS).write_text("{")
    with pytest.raises(DataError, match=r"index\.json: damaged"):
        open_index(folder)
    places = {tmp_path / "none": "no such folder", tmp_path: "not an index", folder / files.TABLE: "a file"}
    for place, said in places.items():
        with pytest.raises(UsageError, match=said):
            open_index(place)


def test_the_table_can_be_read_by_others(indexed: Indexed) -> None:
    table = pd.read_csv(indexed.folder / "crops.csv")
    assert table["tracklet"].is_monotonic_increasing
    assert table["path"].is_unique


@pytest.mark.parametrize("listed", [True, False])
def test_crops_of_one_modality_can_be_searched_from_the_other(
    capfd: Captured, indexed: Indexed, tmp_path: Path, listed: bool
) -> None:
    night = tmp_path / "night"
    shutil.copytree(indexed.data / "infrared", night / "infrared")
    if listed:
        table = indexed.truth[indexed.truth["modality"] == "infrared"]
        table.to_csv(night / "crops.csv", index=False)
    code, _, err = call(capfd, "index", indexed.run, night, "--out", tmp_path / "index")
    assert code == 0, err
    assert ("no calibrated chance: the crops have no tracks" in err) != listed
    for query, has_chance in [("infrared/04_00.png", listed), (indexed.data / "visible" / "04_00.png", False)]:
        code, out, err = call(capfd, "search", tmp_path / "index", query, "--json", "--report", tmp_path / "a.html")
        assert code == 0, err
        found = json.loads(out)
        assert {one["modality"] for one in found["matches"]} == {"infrared"}
        assert all((one["chance"] is not None) == has_chance for one in found["matches"])
        assert found["calibrated"] == has_chance == (found["why_not"] is None)
        scores = [one["score"] for one in found["matches"]]
        assert has_chance or scores == sorted(scores, reverse=True)
    code, _, err = call(capfd, "run", night, "--out", tmp_path / "run")
    assert code == 1
    assert "one modality alone cannot be trained on" in error_line(err)
