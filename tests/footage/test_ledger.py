import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from usvireid.errors import DataError, UsageError
from usvireid.footage.cameras import Recording, recordings_of
from usvireid.footage.ledger import Entry, fingerprint, joined, make_entry, read_ledger, write_ledger


def recording(path: Path, content: str, camera: str = "gate", **settings: object) -> Recording:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return recordings_of([str(path)], {"name": camera}, settings)[0]


def entry(path: Path, content: str, camera: str = "gate", **settings: object) -> Entry:
    return make_entry(recording(path, content, camera, **settings), "visible", {})


def test_a_ledger_comes_back_as_it_was(tmp_path: Path) -> None:
    entries = [entry(tmp_path / "a.mp4", "one"), entry(tmp_path / "b ü/#1.mp4", "two", every=3)]
    (tmp_path / "out").mkdir()
    write_ledger(tmp_path / "out", entries)
    assert read_ledger(tmp_path / "out") == entries
    assert [one.made_from for one in read_ledger(tmp_path / "out")] == [one.made_from for one in entries]
    assert entries[1].name == "1"


def test_new_recordings_come_last_and_have_names_of_their_own(tmp_path: Path) -> None:
    first = entry(tmp_path / "x" / "a.mp4", "one")
    second = entry(tmp_path / "y" / "A.mp4", "two")
    third = entry(tmp_path / "z" / "a.mp4", "three", camera="gate-a")
    fourth = entry(tmp_path / "z" / "a-a.mp4", "four")
    ledger, asked = joined([], [first, second, third, fourth], redo=False)
    assert [one.name for one in ledger] == ["a", "A-2", "a", "a-a-2"]
    assert len({one.key.casefold() for one in ledger}) == 4
    assert asked == ledger
    assert joined(ledger, [third, first], redo=False) == (ledger, [ledger[2], ledger[0]])


def test_a_recording_is_known_wherever_it_lies(tmp_path: Path) -> None:
    ledger, _ = joined([], [entry(tmp_path / "a.mp4", "one")], redo=False)
    again, asked = joined(ledger, [entry(tmp_path / "moved" / "b.mp4", "one")], redo=False)
    assert [one.name for one in again] == ["a"]
    assert asked[0].made_from == ledger[0].made_from


def test_other_settings_are_refused_with_the_difference_or_redone(tmp_path: Path) -> None:
    ledger, _ = joined([], [entry(tmp_path / "a.mp4", "one")], redo=False)
    other = entry(tmp_path / "a.mp4", "one", every=2, choosing={"crops": 3})
    with pytest.raises(UsageError, match=r"every: 1 there, 2 here; choosing\.crops: 6 there, 3 here.*--redo"):
        joined(ledger, [other], redo=False)
    infrared = replace(ledger[0], modality="infrared")
    with pytest.raises(UsageError, match="modality: visible there, infrared here"):
        joined(ledger, [infrared], redo=False)
    changed = entry(tmp_path / "a.mp4", "another")
    with pytest.raises(UsageError, match="the video has changed"):
        joined(ledger, [changed], redo=False)
    for new in (other, infrared, changed):
        again, asked = joined(ledger, [new], redo=True)
        assert len(again) == 1
        assert asked[0].made_from != ledger[0].made_from


def test_files_that_settings_name_are_known_by_their_content(tmp_path: Path) -> None:
    def told(mask: str, boxes: str) -> Entry:
        (tmp_path / "mask.png").write_text(mask)
        (tmp_path / "boxes.csv").write_text(boxes)
        made = recording(tmp_path / "a.mp4", "one", detector=f"boxes:{tmp_path / 'boxes.csv'}")
        return make_entry(replace(made, region=tmp_path / "mask.png"), "visible", {})

    first = told("a", "b")
    assert told("a", "b") == first
    ledger, _ = joined([], [first], redo=False)
    with pytest.raises(UsageError, match="the region file has changed"):
        joined(ledger, [told("x", "b")], redo=False)
    with pytest.raises(UsageError, match="the detector file has changed"):
        joined(ledger, [told("a", "x")], redo=False)
    with pytest.raises(UsageError, match="the region file came or went"):
        joined(ledger, [replace(first, files={"detector": first.files["detector"]})], redo=False)
    (tmp_path / "boxes.csv").unlink()
    with pytest.raises(UsageError, match=r"boxes\.csv: no such file"):
        make_entry(recording(tmp_path / "a.mp4", "one", detector=f"boxes:{tmp_path / 'boxes.csv'}"), "visible", {})


def test_a_start_that_is_given_anew_replaces_the_old_one(tmp_path: Path) -> None:
    begun = replace(entry(tmp_path / "a.mp4", "one"), start=10.0)
    ledger, _ = joined([], [begun], redo=False)
    assert joined(ledger, [replace(begun, start=None)], redo=False)[0][0].start == 10
    later = joined(ledger, [replace(begun, start=20.0)], redo=False)[0][0]
    assert (later.start, later.made_from) == (20, begun.made_from)


def test_a_rig_is_taken_up_later_and_decides_no_crop(tmp_path: Path) -> None:
    before = entry(tmp_path / "a.mp4", "one")
    ledger, _ = joined([], [before], redo=False)
    named = joined(ledger, [replace(before, rig="gate")], redo=False)[0]
    assert (named[0].rig, named[0].made_from) == ("gate", before.made_from)
    assert joined(named, [before], redo=False)[0][0].rig == "gate"
    # What was ingested before there were rigs stays as it is.
    facts = {key: value for key, value in asdict(before).items() if key != "rig"}
    old = json.dumps({"form": 1, **facts, "start": None, "path": None}, sort_keys=True)
    assert before.made_from == hashlib.sha256(old.encode()).hexdigest()
    (tmp_path / "out").mkdir()
    write_ledger(tmp_path / "out", [before])
    content = json.loads((tmp_path / "out" / "footage.json").read_text())
    del content["recordings"][0]["rig"]
    (tmp_path / "out" / "footage.json").write_text(json.dumps(content))
    assert read_ledger(tmp_path / "out") == [before]


def test_a_recording_has_one_camera_and_is_named_once(tmp_path: Path) -> None:
    first = entry(tmp_path / "a.mp4", "one")
    with pytest.raises(UsageError, match=r"b\.mp4: the same recording as .*a\.mp4; name it once"):
        joined([], [first, entry(tmp_path / "b.mp4", "one")], redo=False)
    with pytest.raises(UsageError, match="is in the folder already, as a recording of camera gate"):
        joined([first], [entry(tmp_path / "b.mp4", "one", camera="door")], redo=True)


def test_fingerprints_see_beginning_middle_end_and_size(tmp_path: Path) -> None:
    content = bytearray(5 << 20)
    found = set()
    for place in (None, 0, 5 << 19, (5 << 20) - 1):
        changed = bytearray(content)
        if place is not None:
            changed[place] = 1
        (tmp_path / "v").write_bytes(changed)
        found.add(fingerprint(tmp_path / "v"))
    (tmp_path / "v").write_bytes(content + b"\0")
    assert len(found | {fingerprint(tmp_path / "v")}) == 5


def test_folders_that_are_none_of_footage(tmp_path: Path) -> None:
    assert read_ledger(tmp_path / "new") == []
    (tmp_path / "empty").mkdir()
    assert read_ledger(tmp_path / "empty") == []
    (tmp_path / "empty" / ".footage.json.x1.part").write_text("")
    assert read_ledger(tmp_path / "empty") == []
    (tmp_path / "empty" / "notes.txt").write_text("")
    with pytest.raises(UsageError, match="not empty and no folder of ingested footage"):
        read_ledger(tmp_path / "empty")
    with pytest.raises(UsageError, match="not empty and no folder"):
        read_ledger(tmp_path / "empty" / "notes.txt")
    for content, words in (("{", "damaged"), ("{}", "damaged"), ('{"form": 0}', "another version"), ("[]", "damaged")):
        (tmp_path / "footage.json").write_text(content)
        with pytest.raises(DataError, match=words):
            read_ledger(tmp_path)


@pytest.mark.parametrize("wrong", [{"camera": "../../x"}, {"name": ".."}, {"modality": "x"}, {"start": "soon"}])
def test_entries_that_lead_elsewhere_or_are_none(tmp_path: Path, wrong: dict[str, Any]) -> None:
    write_ledger(tmp_path, [replace(entry(tmp_path / "a.mp4", "a"), **wrong)])
    with pytest.raises(DataError, match=r"footage\.json: damaged"):
        read_ledger(tmp_path)
