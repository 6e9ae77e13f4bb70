import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.footage.clips import make_clip
from usvireid import names
from usvireid.data.check import check
from usvireid.data.open import open_crops
from usvireid.display import Display
from usvireid.errors import DataError, UsageError, UsvireidError
from usvireid.files import held
from usvireid.footage.cameras import Recording, recordings_of
from usvireid.footage.detectors.detector import Detections
from usvireid.footage.extract import Tools
from usvireid.footage.frames import Frame
from usvireid.footage.ingest import Ingested, ingest
from usvireid.footage.tools import own_tools

Truth = dict[str, pd.DataFrame]
Footage = tuple[Path, Truth]


class Told:
    """A detector that knows where people are; it stops where it is told to."""

    name = "told"

    def __init__(self, truth: pd.DataFrame, watch: Callable[[], None]) -> None:
        self._truth, self._watch = truth, watch

    def detect(self, frame: Frame) -> Detections:
        self._watch()
        rows = self._truth[self._truth["frame"] == frame.number]
        boxes = rows[["left", "top", "right", "bottom"]].to_numpy(np.float32)
        return Detections(boxes.reshape(-1, 4), np.full(len(boxes), 0.9, np.float32))


def told(truth: Truth, watch: Callable[[], None] = lambda: None) -> Tools:
    """The house's tools, but for the detector: its name says whose truth it tells."""
    return replace(own_tools(), detector=lambda text, modality: Told(truth[text], watch))


def recordings(footage: Footage, *kinds: str) -> list[Recording]:
    folder, _ = footage
    return [recordings_of([str(folder / f"{kind}.mp4")], {"name": kind}, {"detector": kind})[0] for kind in kinds]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def run(footage: Footage, out: Path, *kinds: str, **options: Any) -> Ingested:
    wanted = recordings(footage, *kinds)
    return ingest(wanted, out, Display(), told(footage[1]), **options)


@pytest.fixture(scope="session")
def whole(footage: Footage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of both clips, ingested in one go; not to be written to."""
    out = tmp_path_factory.mktemp("whole") / "data"
    run(footage, out, "day", "night")
    return out


def test_crops_and_their_table(footage: Footage, whole: Path) -> None:
    table = pd.read_csv(whole / names.MANIFEST_FILE)
    assert tuple(table.columns) == names.FOOTAGE_COLUMNS
    assert table.groupby("modality")["track"].nunique().to_dict() == {"infrared": 3, "visible": 3}
    assert table.groupby("track").size().between(3, 6).all()
    assert set(table["track"].str[:-7]) == {"day-day", "night-night"}
    for row in table.itertuples():
        with Image.open(whole / str(row.path)) as image:
            assert image.size == (row.width, row.height)
        assert row.left >= 0
        assert row.top >= 0
        assert row.left + row.width <= 320
        assert row.top + row.height <= 240
        assert row.time == pytest.approx(row.frame / 10)
        assert row.first_frame <= row.frame <= row.last_frame
    lives = table.groupby("track")[["first_frame", "last_frame"]]
    assert lives.agg(lambda life: len(set(life)) == 1).all(axis=None)


def test_a_crop_shows_one_person_and_a_track_is_one_person(footage: Footage, whole: Path) -> None:
    table = pd.read_csv(whole / names.MANIFEST_FILE)
    identities = table.assign(identity=[_identity(row, footage[1][str(row.camera)]) for row in table.itertuples()])
    assert all(len(set(track)) == 1 for _, track in identities.groupby("track")["identity"])
    assert all(set(seen) == {1, 2, 3} for _, seen in identities.groupby("camera")["identity"])


def test_the_house_finds_the_same_people_without_being_told(footage: Footage, tmp_path: Path) -> None:
    folder, truth = footage
    both = [recordings_of([str(folder / f"{kind}.mp4")], {"name": kind}, {})[0] for kind in ("day", "night")]
    ingest(both, tmp_path / "data", Display(), own_tools())
    table = pd.read_csv(tmp_path / "data" / names.MANIFEST_FILE)
    assert table.groupby("camera")["modality"].first().to_dict() == {"day": "visible", "night": "infrared"}
    found = table.assign(identity=[_identity(row, truth[str(row.camera)]) for row in table.itertuples()])
    assert all(set(seen) == {1, 2, 3} for _, seen in found.groupby("camera")["identity"])
    assert all(len(set(track)) == 1 for _, track in found.groupby("track")["identity"])


def _identity(row: Any, truth: pd.DataFrame) -> int:
    near = truth[truth["frame"] == row.frame]
    middle = np.abs((near["left"] + near["right"]) / 2 - (row.left + row.width / 2))
    assert middle.min() < 10
    return int(near["identity"].iloc[int(np.argmin(middle))])


def test_the_folder_is_data_for_everything_else(whole: Path) -> None:
    crops = open_crops(whole)
    assert len(crops) == len(pd.read_csv(whole / names.MANIFEST_FILE))
    assert crops.has(names.TRACK)
    assert crops.has(names.TIME)
    assert check(whole).ok


def test_a_rig_that_is_named_later_stands_in_the_table(footage: Footage, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    shutil.copytree(whole, out)
    named = [replace(recording, rig="gate") for recording in recordings(footage, "day", "night")]
    done = ingest(named, out, Display(), told(footage[1])).done
    assert [one.wall_seconds for one in done] == [None, None], "nothing is extracted anew"
    table = pd.read_csv(out / names.MANIFEST_FILE)
    assert tuple(table.columns) == (*names.FOOTAGE_COLUMNS, names.RIG) and set(table[names.RIG]) == {"gate"}
    assert set(open_crops(out).table[names.RIG]) == {"gate"} and open_crops(out).has(names.LEFT)
    assert tuple(pd.read_csv(whole / names.MANIFEST_FILE).columns) == names.FOOTAGE_COLUMNS


def test_the_same_call_again_does_nothing(footage: Footage, whole: Path) -> None:
    before = tree(whole)
    again = run(footage, whole, "day", "night")
    assert tree(whole) == before
    assert [one.wall_seconds for one in again.done] == [None, None]
    assert again.crops == {"visible": 18, "infrared": sum("infrared" in path and ".jpg" in path for path in before)}


def test_further_recordings_are_added(footage: Footage, whole: Path, tmp_path: Path) -> None:
    first = run(footage, tmp_path / "data", "day")
    assert first.crops["infrared"] == 0
    run(footage, tmp_path / "data", "night")
    assert tree(tmp_path / "data") == tree(whole)


@pytest.mark.parametrize("at", [0, 1, 50, 89, 90, 130, 179])
def test_interrupted_and_resumed_equals_uninterrupted(footage: Footage, whole: Path, tmp_path: Path, at: int) -> None:
    seen = 0

    def stop() -> None:
        nonlocal seen
        if seen == at:
            raise KeyboardInterrupt
        seen += 1

    out = tmp_path / "data"
    with pytest.raises(KeyboardInterrupt):
        ingest(recordings(footage, "day", "night"), out, Display(), told(footage[1], stop))
    assert not (out / names.MANIFEST_FILE).exists()
    assert not list(out.glob(".*"))
    with pytest.raises(DataError, match="not ingested to the end"):
        open_crops(out)
    (out / ".night-night.part").mkdir()
    (out / ".night-night.part" / "000001_0000001.jpg").write_bytes(b"half")
    run(footage, out, "day", "night")
    assert tree(out) == tree(whole)


def test_other_settings_are_refused_and_redone_when_told(footage: Footage, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    run(footage, out, "day", "night")
    before = tree(out)
    fewer = [replace(one, settings=_with(one, crops=2)) for one in recordings(footage, "day")]
    with pytest.raises(UsageError, match=r"choosing\.crops: 6 there, 2 here"):
        ingest(fewer, out, Display(), told(footage[1]))
    assert tree(out) == before
    done = ingest(fewer, out, Display(), told(footage[1]), redo=True)
    assert done.crops["visible"] == 6
    assert sum(path.startswith("visible") and path.endswith("jpg") for path in tree(out)) == 6
    assert check(out).ok
    run(footage, out, "day", redo=True)
    assert tree(out) == before


def test_a_redo_that_is_interrupted_leaves_what_was_there_and_is_done_by_the_next_call(
    footage: Footage, tmp_path: Path
) -> None:
    out, plain = tmp_path / "data", tmp_path / "plain"
    run(footage, out, "day", "night")
    fewer = [replace(one, settings=_with(one, crops=2)) for one in recordings(footage, "day")]

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(fewer, out, Display(), told(footage[1], stop), redo=True)
    assert len(open_crops(out)) > 30
    ingest(fewer, out, Display(), told(footage[1]))
    ingest(fewer + recordings(footage, "night"), plain, Display(), told(footage[1]))
    assert tree(out) == tree(plain)


def test_a_redo_of_what_was_never_finished_makes_no_table_before_the_end(footage: Footage, tmp_path: Path) -> None:
    out, calls = tmp_path / "data", 0

    def stop() -> None:
        nonlocal calls
        calls += 1
        if calls == 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(recordings(footage, "day", "night"), out, Display(), told(footage[1], stop))
    fewer = [replace(one, settings=_with(one, crops=2)) for one in recordings(footage, "day", "night")]
    calls = 0
    with pytest.raises(KeyboardInterrupt):
        ingest(fewer, out, Display(), told(footage[1], stop), redo=True)
    assert (out / "visible/day/day/part.json").exists()
    assert not (out / names.MANIFEST_FILE).exists()


def _with(recording: Recording, **changes: Any) -> Any:
    return recording.settings.model_copy(update={"choosing": recording.settings.choosing.model_copy(update=changes)})


def test_what_a_person_did_to_the_table_is_kept(
    footage: Footage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "data"
    run(footage, out, "day")
    edited = pd.read_csv(out / names.MANIFEST_FILE).iloc[1:]
    edited = edited.assign(identity=edited["track"].str[-1], note="x, y")
    edited.to_csv(out / names.MANIFEST_FILE, index=False)
    content = (out / names.MANIFEST_FILE).read_bytes()
    run(footage, out, "night")
    assert "was edited by hand; it is kept as crops.edited1.csv" in " ".join(capsys.readouterr().err.split())
    assert (out / "crops.edited1.csv").read_bytes() == content
    table = pd.read_csv(out / names.MANIFEST_FILE)
    assert len(table) > len(edited) + 1
    known = table[table["identity"].notna()]
    assert known["path"].tolist() == edited["path"].tolist()
    assert (known["identity"].astype(int).astype(str) == known["track"].str[-1]).all()
    assert (known["note"] == "x, y").all()
    run(footage, out, "night")
    assert not (out / "crops.edited2.csv").exists()
    assert "identity" in pd.read_csv(out / names.MANIFEST_FILE).columns


def test_two_recordings_of_a_camera_share_its_time_line(footage: Footage, tmp_path: Path) -> None:
    folder, truth = footage
    other = make_clip(tmp_path / "day.mp4", (4, 5), frames=60, seed=0)
    found = recordings_of([str(folder / "day.mp4"), str(tmp_path / "day.mp4")], {"name": "gate"}, {})
    both = [
        replace(one, settings=one.settings.model_copy(update={"detector": kind}))
        for one, kind in zip(found, "ab", strict=True)
    ]
    ingest(both, tmp_path / "data", Display(), told({"a": truth["day"], "b": other}))
    table = pd.read_csv(tmp_path / "data" / names.MANIFEST_FILE)
    assert set(table["track"].str[:-7]) == {"gate-day", "gate-day-2"}
    second = table["track"].str.startswith("gate-day-2")
    assert table.loc[~second, "last_frame"].max() < 90 <= table.loc[second, "first_frame"].min()
    assert table.loc[second, "time"].min() >= 9.0
    np.testing.assert_allclose(table["time"], table["frame"] / 10)


def test_a_start_moves_times_and_a_frame_rate_override_stretches_them(footage: Footage, tmp_path: Path) -> None:
    folder, truth = footage
    settings = {"detector": "day", "frame_rate": 5.0, "format": "png"}
    camera = {"name": "gate", "start": "2026-03-01T08:00:00", "modality": "visible"}
    begun = recordings_of([str(folder / "day.mp4")], camera, settings)
    ingest(begun, tmp_path / "data", Display(), told(truth))
    table = pd.read_csv(tmp_path / "data" / names.MANIFEST_FILE)
    start = pd.Timestamp("2026-03-01T08:00:00Z").timestamp()
    np.testing.assert_allclose(table["time"] - start, table["frame"] / 5, atol=1e-3)
    assert table["path"].str.endswith(".png").all()


def test_only_each_nth_frame_is_looked_at(footage: Footage, tmp_path: Path) -> None:
    (recording,) = recordings(footage, "day")
    thin = replace(recording, settings=recording.settings.model_copy(update={"every": 3}))
    done = ingest([thin], tmp_path / "data", Display(), told(footage[1])).done[0]
    table = pd.read_csv(tmp_path / "data" / names.MANIFEST_FILE)
    assert (table["frame"] % 3 == 0).all()
    assert (done.facts.frames, done.facts.frame_rate) == (90, pytest.approx(10 / 3))


def test_a_region_keeps_boxes_outside_it_away(footage: Footage, tmp_path: Path) -> None:
    folder, truth = footage
    white = np.zeros((240, 320), np.uint8)
    white[:, 160:] = 255
    Image.fromarray(white).save(tmp_path / "right.png")
    shown: list[int] = []

    class Looking(Told):
        def detect(self, frame: Frame) -> Detections:
            shown.append(int(frame.image[:, :160].max()))
            return super().detect(frame)

    tools = replace(own_tools(), detector=lambda text, modality: Looking(truth["day"], lambda: None))
    found = recordings_of([str(folder / "day.mp4")], {"name": "gate", "region": str(tmp_path / "right.png")}, {})
    done = ingest(found, tmp_path / "data", Display(), tools).done[0]
    table = pd.read_csv(tmp_path / "data" / names.MANIFEST_FILE)
    assert max(shown) == 0
    assert (table["left"] + table["width"] / 2 >= 155).all()
    assert done.facts.dropped["outside the region"] > 20
    Image.fromarray(white[:100]).save(tmp_path / "right.png")
    with pytest.raises(DataError, match=r"the region mask is 320 x 100 pixels and the picture of .* 320 x 240"):
        ingest(found, tmp_path / "other", Display(), tools)
    assert not (tmp_path / "other").exists()


def test_boxes_that_reach_out_of_the_picture(footage: Footage, tmp_path: Path) -> None:
    truth = footage[1]["day"].copy()
    truth["left"] -= 2.5
    truth["bottom"] += 400
    gone = truth.assign(left=-90.0, right=-20.0)
    (recording,) = recordings(footage, "day")
    done = ingest([recording], tmp_path / "data", Display(), told({"day": pd.concat([truth, gone])})).done[0]
    assert done.facts.dropped["outside the picture"] == len(gone)
    assert done.facts.detections == 2 * len(truth)
    assert done.facts.crops == 0
    assert done.facts.dropped["cut by the edge of the frame"] > 50


def test_what_cannot_be_read_is_left_out_and_named(
    footage: Footage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "noise.mp4").write_bytes(bytes(3000))
    broken = recordings_of([str(tmp_path / "noise.mp4")], {"name": "gate"}, {})
    both = broken + recordings(footage, "day")
    with pytest.raises(DataError, match=r"noise\.mp4: not a video"):
        ingest(both, tmp_path / "data", Display(), told(footage[1]), strict=True)
    with pytest.raises(DataError, match=r"noise\.mp4: not a video"):
        ingest(broken, tmp_path / "data", Display(), told(footage[1]))
    assert not (tmp_path / "data").exists()
    done = ingest(both, tmp_path / "data", Display(), told(footage[1]))
    assert [one.entry.camera for one in done.done] == ["day"]
    assert done.left_out[0].startswith(str(tmp_path / "noise.mp4"))
    assert "left out" in " ".join(capsys.readouterr().err.split())


def test_a_recording_that_is_cut_off_gives_what_it_has_and_is_named(
    footage: Footage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = make_clip(tmp_path / "day.avi", (1, 2, 3), frames=90)
    content = (tmp_path / "day.avi").read_bytes()
    (tmp_path / "day.avi").write_bytes(content[: len(content) * 7 // 10])
    cut = recordings_of([str(tmp_path / "day.avi")], {"name": "gate"}, {"detector": "day"})
    facts = ingest(cut, tmp_path / "data", Display(), told({"day": truth})).done[0].facts
    assert facts.damaged
    assert 40 < facts.frames < 80
    assert facts.crops > 5
    assert "day.avi: cut off: the last" in " ".join(capsys.readouterr().err.split())


def test_one_process_at_a_time(footage: Footage, tmp_path: Path) -> None:
    out = tmp_path / "data"
    out.mkdir()
    with held(out, ""), pytest.raises(UsvireidError, match="another usvireid is at work in this folder"):
        run(footage, out, "day")
    assert not list(out.iterdir())


def test_foreign_folders_are_refused_before_anything_is_looked_at(footage: Footage, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="no folder of ingested footage"):
        run(footage, tmp_path, "day")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_damaged_parts_are_named(footage: Footage, tmp_path: Path) -> None:
    out = tmp_path / "data"
    run(footage, out, "day")
    rows = (out / "visible/day/day/rows.csv").read_text()
    (out / "visible/day/day/rows.csv").write_text("gone")
    with pytest.raises(DataError, match=r"rows\.csv: damaged"):
        run(footage, out, "day")
    (out / "visible/day/day/rows.csv").write_text(rows.replace(".jpg,", ".jpg,x"))
    with pytest.raises(DataError, match=r"rows\.csv: damaged"):
        run(footage, out, "day")
    facts = json.loads((out / "visible/day/day/part.json").read_text())
    (out / "visible/day/day/part.json").write_text(json.dumps({**facts, "seconds": "many"}))
    with pytest.raises(DataError, match=r"part\.json: damaged"):
        run(footage, out, "day")
    (out / "visible/day/day/part.json").write_text("{")
    with pytest.raises(DataError, match=r"part\.json: damaged"):
        run(footage, out, "day")


def test_crops_that_a_person_has_removed_stay_away(
    footage: Footage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "data"
    run(footage, out, "day")
    before = pd.read_csv(out / names.MANIFEST_FILE)["path"].tolist()
    (out / before[1]).unlink()
    found = run(footage, out, "day")
    assert pd.read_csv(out / names.MANIFEST_FILE)["path"].tolist() == [before[0], *before[2:]]
    assert found.crops["visible"] == len(before) - 1
    assert "1 crops have been removed from the folder" in " ".join(capsys.readouterr().err.split())
    run(footage, out, "day", redo=True)
    assert pd.read_csv(out / names.MANIFEST_FILE)["path"].tolist() == before


def test_a_table_that_cannot_be_read_is_left_as_it_is(footage: Footage, tmp_path: Path) -> None:
    out = tmp_path / "data"
    run(footage, out, "day")
    (out / names.MANIFEST_FILE).write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=r"crops\.csv: line 1 is not UTF-8"):
        run(footage, out, "day")
    assert not list(out.glob("crops.edited*"))
    (out / names.MANIFEST_FILE).unlink()
    (out / names.MANIFEST_FILE).mkdir()
    with pytest.raises(DataError, match=r"crops\.csv: cannot be read \(Is a directory\)"):
        run(footage, out, "day")


def test_what_was_done_as_plain_values(footage: Footage, whole: Path) -> None:
    found = json.loads(json.dumps(run(footage, whole, "day").to_dict()))
    (listed,) = found["recordings"]
    assert (listed["camera"], listed["frames"], listed["speed"]) == ("day", 90, None)
    assert found["crops"]["visible"] == listed["crops"]
    dropped = sum(listed["dropped"].values())
    assert listed["detections"] == dropped + listed["crops"]
