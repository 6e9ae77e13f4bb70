"""`usvireid search`: from a query to ranked tracklets, and what is said when it cannot be."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.search.conftest import Indexed
from tests.test_cli import call, error_line
from usvireid.errors import UsageError
from usvireid.search.encode import IndexEncoder, modality_of
from usvireid.search.query import from_index, understand
from usvireid.search.search import search
from usvireid.search.words import chance_text, time_text

Captured = pytest.CaptureFixture[str]


def found_by(capfd: Captured, folder: Path, *arguments: object) -> tuple[dict, str]:
    code, out, err = call(capfd, "search", folder, *arguments, "--json")
    assert code == 0, err
    return json.loads(out), err


def test_the_index_needs_neither_run_nor_data(
    capfd: Captured, indexed: Indexed, tmp_path: Path, query: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(indexed.folder, tmp_path / "moved"))
    Image.fromarray(query).save(tmp_path / "somebody.png")
    hidden = indexed.data.rename(indexed.data.with_name("hidden"))
    try:
        found, err = found_by(capfd, folder, tmp_path / "somebody.png", "--top", "3")
    finally:
        hidden.rename(indexed.data)
    assert "taken for visible, as it has colours" in err
    assert [one["rank"] for one in found["matches"]] == [1, 2, 3]
    assert found["searched"] == 68
    keys = "rank tracklet modality camera track first_frame last_frame first_time last_time crops similarity score"
    assert list(found["matches"][0]) == [*keys.split(), "chance", "passes"]
    assert not list(folder.glob(".*"))


def test_a_file_of_the_index_is_recognised_by_its_content(capfd: Captured, indexed: Indexed, tmp_path: Path) -> None:
    shutil.copy(indexed.data / "infrared" / "04_10.png", tmp_path / "renamed.png")
    by_file, err = found_by(capfd, indexed.folder, tmp_path / "renamed.png")
    by_path, _ = found_by(capfd, indexed.folder, "infrared/04_10.png")
    assert by_file == by_path
    assert "its track is in the index (i1/t4) and left out of the result" in err
    assert all(one["tracklet"] != "i1/t4" for one in by_file["matches"])
    assert by_file["searched"] == 67


def test_a_track_is_found_by_its_name_and_its_camera(capfd: Captured, indexed: Indexed) -> None:
    found, _ = found_by(capfd, indexed.folder, "v0/t3", "--modality", "infrared", "--top", "100")
    assert len(found["matches"]) == found["searched"] == 34
    assert {one["modality"] for one in found["matches"]} == {"infrared"}
    code, _, err = call(capfd, "search", indexed.folder, "t3")
    assert code == 2
    assert "a track of that name is in several places; say which: v0/t3, v1/t3, i0/t3, i1/t3" in error_line(err)


def test_every_tracklet_is_ranked_as_by_a_loop(indexed: Indexed) -> None:
    index = indexed.index()
    query = from_index(index.tracklets.rows(0), index)
    found = search(index, query, "any", top=1000)
    value = index.gallery.values[0]
    slow = {t: float(index.gallery.values[t] @ value) for t in range(1, len(index.tracklets))}
    assert len(found.matches) == len(slow)
    for match in found.matches:
        tracklet = int(index.tracklets.of_crop[match.rows[0]])
        assert match.similarity == pytest.approx(slow[tracklet], abs=1e-5)
        assert match.tracklet == index.name(tracklet)
    keys = [(-(match.chance or 0), -match.score) for match in found.matches]
    assert keys == sorted(keys)


def test_crops_of_a_match_come_with_the_most_alike_first(indexed: Indexed) -> None:
    index = indexed.index()
    found = search(index, from_index(5, index), top=3)
    value = index.gallery.centred(index.features_of(slice(5, 6))[0], "visible")
    for match in found.matches:
        alike = [
            float(index.gallery.centred(index.features_of(slice(row, row + 1))[0], match.modality) @ value)
            for row in match.rows
        ]
        assert alike == sorted(alike, reverse=True)


def test_thresholds_mark_rows_or_say_why_not(capfd: Captured, indexed: Indexed) -> None:
    found, _ = found_by(capfd, indexed.folder, "v0/t3", "--false-match-rate", "0.2", "--top", "100")
    assert found["threshold"]["pairs"] == 31
    assert found["threshold"]["above"] == 6
    assert all(one["passes"] == (one["score"] > found["threshold"]["score"]) for one in found["matches"])
    found, err = found_by(capfd, indexed.folder, "v0/t3", "--false-match-rate", "0.01")
    assert found["threshold"] is None
    assert "it takes 300 pairs" in found["threshold_refused"]
    assert "warning: no threshold for a false-match rate of 0.01" in err
    assert all(one["passes"] is None for one in found["matches"])
    out = call(capfd, "search", indexed.folder, "v0/t3", "--false-match-rate", "0.2")[1]
    assert "False-match rate 0.2: 6 of 31 pairs known to be two people" in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["v0/t3", "--top", "0"], 2, "--top 0: give at least 1"),
        (["v0/t3", "--modality", "thermal"], 2, "--modality thermal: use visible, infrared or any"),
        (["v0/t3", "--query-modality", "grey"], 2, "--query-modality grey: use auto, visible or infrared"),
        (["v0/t3", "--false-match-rate", "1.5"], 2, "--false-match-rate 1.5: give a share between 0 and 1"),
        (["v0/t3", "--false-match-rate", "nan"], 2, "--false-match-rate nan: give a share between 0 and 1"),
        (["v0/t33"], 2, "did you mean 'v0/t3'?"),
        (["somewhere/04_10.png"], 2, "did you mean 'visible/04_10.png'?"),
        (["zzzzzzzz"], 2, "give an image, VIDEO:TIME (12.5 or 1:05), the path of a crop or the name of a track"),
        (["nothing.mp4:12"], 2, "nothing.mp4: no such video (of nothing.mp4:12)"),
        (["v0/t3", "--box", "1,2,3,4"], 2, "--box 1,2,3,4: names a person in a frame of a video"),
        (["v0/t3", "--report", "nowhere/out.html"], 2, "--report nowhere/out.html: there is no folder nowhere"),
        (["v0/t3", "--report", "out.png"], 2, "what is written is .html"),
    ],
)
def test_what_is_wrong_is_one_line(
    capfd: Captured,
    indexed: Indexed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    found, _, err = call(capfd, "search", indexed.folder, *arguments)
    assert found == code
    assert said in error_line(err)
    assert not list(tmp_path.iterdir())


def test_files_that_are_no_image(capfd: Captured, indexed: Indexed, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no image")
    (tmp_path / "empty.jpg").touch()
    for name, said in [("a.jpg", "not an image, whatever its name says"), ("empty.jpg", "the file is empty")]:
        code, _, err = call(capfd, "search", indexed.folder, tmp_path / name)
        assert code == 1
        assert said in error_line(err)
        assert name in error_line(err)


def test_a_damaged_encoder_is_named(capfd: Captured, indexed: Indexed, tmp_path: Path, query: np.ndarray) -> None:
    folder = Path(shutil.copytree(indexed.folder, tmp_path / "index"))
    content = bytearray((folder / "encoder.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "encoder.safetensors").write_bytes(content)
    Image.fromarray(query).save(tmp_path / "q.png")
    code, _, err = call(capfd, "search", folder, tmp_path / "q.png")
    assert code == 1
    assert "encoder.safetensors: damaged" in error_line(err)
    assert call(capfd, "search", folder, "v0/t3")[0] == 0, "a crop of the index needs no encoder"


def test_the_stream_is_that_of_the_modality(indexed: Indexed, query: np.ndarray) -> None:
    encoder = IndexEncoder(indexed.index(), "cpu")
    pixels = encoder.resized(query)
    visible, infrared = (encoder.query(pixels, modality, "q").feature for modality in ("visible", "infrared"))
    assert not np.allclose(visible, infrared, atol=1e-3)
    assert np.array_equal(encoder.query(pixels, "auto", "q").feature, visible)


def test_the_encoder_gives_a_crop_the_feature_it_has_in_the_index(indexed: Indexed) -> None:
    index = indexed.index()
    row = 40
    path = indexed.data / index.tracklets.crops.table["path"].iloc[row]
    encoder = IndexEncoder(index, "cpu")
    modality = str(index.tracklets.crops.table["modality"].iloc[row])
    found = encoder.query(encoder.pixels(path.read_bytes(), path), modality, "q")
    assert np.allclose(found.feature, index.features_of(slice(row, row + 1))[0], atol=1e-5)


def test_modality_by_colours(query: np.ndarray) -> None:
    assert modality_of(query)[0] == "visible"
    modality, said = modality_of(query.mean(axis=2, keepdims=True).repeat(3, axis=2).astype(np.uint8))
    assert modality == "infrared"
    assert said.startswith("taken for infrared, as it is grey;")


def test_what_a_query_means(indexed: Indexed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = indexed.index()
    monkeypatch.chdir(tmp_path)
    for name in ("clip.mp4", "odd:1:2.mp4"):
        (tmp_path / name).touch()
    times = {"clip.mp4:12.5": 12.5, "clip.mp4:1:05": 65.0, "clip.mp4:1:00:00,5": 3600.5, "odd:1:2.mp4:3": 3.0}
    for text, seconds in times.items():
        place = understand(text, index)
        assert (place.video.name, place.seconds) == (text.rsplit(".mp4", 1)[0] + ".mp4", seconds)  # type: ignore[union-attr]
    assert understand("clip.mp4", index) == Path("clip.mp4")
    assert understand("i1/t4", index) == index.tracklets.rows(index.names.index("i1/t4"))
    for text in ("clip.mp4:x", "clip.mp4:1:x", "clip.mp4:", ":5", "a\0b"):
        with pytest.raises(UsageError):
            understand(text, index)


@pytest.mark.parametrize(
    ("seconds", "text"), [(12.34, "12.3 s"), (65.2, "1:05.2"), (3599.96, "1:00:00"), (7265, "2:01:05")]
)
def test_times_as_people_read_them(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


def test_chances_as_people_read_them() -> None:
    texts = {None: "", 0.0: "< 1 %", 0.004: "< 1 %", 0.5: "50 %", 0.994: "99 %", 0.999: "> 99 %"}
    assert {chance: chance_text(chance) for chance in texts} == texts


def test_the_table_fits_a_terminal(capfd: Captured, indexed: Indexed) -> None:
    code, out, err = call(capfd, "search", indexed.folder, "v0/t3", "--top", "2")
    assert code == 0, err
    assert out.splitlines()[0] == "v0/t3: the first 2 of 67 tracklets"
    assert re.search(r"1 +\S+/t\d+ +(visible|infrared)", out)
    assert all(len(line) <= 80 for line in out.splitlines())
