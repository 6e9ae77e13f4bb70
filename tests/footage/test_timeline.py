from pathlib import Path

import numpy as np

from usvireid.footage.ledger import Entry
from usvireid.footage.parts import Part, PartFacts
from usvireid.footage.timeline import crop_table, doubts, place


def part(
    camera: str,
    name: str,
    frames: int,
    seconds: float,
    start: float | None = None,
    *,
    rig: str | None = None,
    modality: str = "visible",
    size: int = 4,
) -> Part:
    entry = Entry(camera, name, f"/{name}", name, modality, start, {}, {}, rig)
    facts = PartFacts("", modality, "", size, 4, 10.0, frames, seconds, 0, 0, 0)
    return Part(entry, Path(), facts)


def test_recordings_follow_each_other() -> None:
    parts = [part("a", "1", 100, 10.0), part("b", "1", 7, 1.0), part("a", "2", 50, 5.0), part("a", "3", 5, 0.5)]
    found = place(parts)
    assert [one.part for one in found] == parts
    assert [one.first_frame for one in found] == [0, 0, 100, 150]
    assert [one.start for one in found] == [0, 0, 10, 15]
    assert doubts(found) == []


def test_starts_decide_the_order_of_frames() -> None:
    parts = [part("a", "late", 100, 10.0, 5000.0), part("a", "later", 10, 1.0), part("a", "early", 50, 5.0, 1000.0)]
    found = place(parts)
    assert [one.first_frame for one in found] == [50, 150, 0]
    assert [one.start for one in found] == [5000, 5010, 1000]


def test_no_frame_of_a_camera_has_two_meanings() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        parts = [
            part(
                str(rng.integers(2)),
                str(number),
                int(rng.integers(1, 20)),
                float(rng.uniform(0, 5)),
                None if rng.random() < 0.5 else float(rng.uniform(0, 20)),
            )
            for number in range(6)
        ]
        for camera in "01":
            taken = [
                frame
                for one in place(parts)
                if one.part.entry.camera == camera
                for frame in range(one.first_frame, one.first_frame + one.part.facts.frames)
            ]
            assert sorted(taken) == list(range(len(taken)))


def test_what_is_odd_about_times_is_said() -> None:
    found = doubts(place([part("a", "1", 9, 60.0, 100.0), part("a", "2", 9, 60.0, 130.0), part("b", "1", 9, 9.0)]))
    assert found == ["camera a: 2 begins 30 s before 1 ends; is its start right?"]
    (line,) = doubts(place([part("a", "1", 9, 60.0), part("a", "2", 9, 60.0, 1e9)]))
    assert "no start is known for 1" in line


def test_sensors_of_a_rig_that_do_not_fit_are_said() -> None:
    one = part("a", "1", 9, 9.0, 100.0, rig="r")
    assert doubts(place([one, part("b", "1", 9, 9.0, 100.0, rig="r", modality="infrared")])) == []
    assert doubts(place([one, part("b", "1", 9, 9.0, modality="infrared", size=8)])) == []
    assert doubts(place([one, part("b", "1", 9, 9.0, rig="r", modality="infrared", size=8)])) == [
        "rig r: pictures of 4 x 4 and 8 x 4, so no box of one fits the other; scale them",
        "rig r: no start is known for its infrared recordings, so times do not fit; give it",
    ]


def test_no_crops_are_a_table_with_a_header() -> None:
    table = crop_table(place([part("a", "1", 9, 60.0)]))
    assert len(table) == 0
    assert list(table.columns)[:4] == ["path", "modality", "camera", "track"]
