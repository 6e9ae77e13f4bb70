from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from usvireid import names
from usvireid.data import findings
from usvireid.data.crops import Crops
from usvireid.data.findings import Finding, Severity
from usvireid.data.measuring import Measurements
from usvireid.data.near_duplicates import NearPairs

_ORDER = (names.MODALITY, names.IDENTITY, names.SPLIT)


def crops(modality: str, **columns: list[object]) -> Crops:
    """Crops named a.jpg, b.jpg and so on, their modalities given as a text of v and i."""
    spelled = [names.VISIBLE if letter == "v" else names.INFRARED for letter in modality]
    paths = [f"{chr(97 + row)}.jpg" if row < 26 else f"{row}.jpg" for row in range(len(modality))]
    return Crops.from_table(Path(), pd.DataFrame({"path": paths, "modality": spelled, **columns}), "t")


def measured(of: Crops) -> Measurements:
    """Good measurements: upright, coloured where visible, grey where infrared, full of contrast."""
    result = Measurements.empty(len(of))
    result.width[:], result.height[:] = 50, 100
    result.color[of.rows_of(names.VISIBLE)] = 20
    result.sketch[:] = np.random.default_rng(0).integers(0, 256, result.sketch.shape)
    return result


def lines(found: Iterable[Finding], severity: Severity) -> list[str]:
    every = list(found)
    assert all("\n" not in finding.message and finding.message.endswith(".") for finding in every)
    assert {finding.severity for finding in every} <= {severity}
    return [finding.message for finding in every]


def test_unreadable_images_are_named_up_to_twenty() -> None:
    of = crops("v" * 30 + "i")
    state = measured(of)
    assert lines(findings.unreadable(of, state), "error") == []
    state.problems.update({27: "the file is empty", 0: "broken image (x)"})
    assert lines(findings.unreadable(of, state), "error") == ["a.jpg: broken image (x).", "27.jpg: the file is empty."]
    state.problems.update(dict.fromkeys(range(25), "bad"))
    said = lines(findings.unreadable(of, state), "error")
    assert len(said) == 21
    assert said[-1] == "6 more images that cannot be decoded."


def test_a_modality_without_good_images() -> None:
    of = crops("vvi")
    state = measured(of)
    state.problems[2] = "bad"
    assert lines(findings.unreadable(of, state), "error")[1:] == ["none of the 1 infrared images can be decoded."]


def test_copies_are_sorted_by_what_they_break() -> None:
    of = crops("vvvviivv", identity=["1", "1", "1", "2", "1", None, None, "1"], split=["train"] * 7 + ["test"])
    groups = [np.array(rows) for rows in ([0, 1, 6], [2, 3], [0, 4], [1, 7])]
    said = [(finding.severity, finding.message) for finding in findings.copies(of, groups)]
    assert said == [
        ("error", "1 exact copy of another image, in both modalities: a.jpg = e.jpg."),
        ("warning", "1 exact copy of another image, under different identities: c.jpg = d.jpg."),
        (
            "warning",
            "1 exact copy of another image, in different splits, which makes scores too good: b.jpg = h.jpg.",
        ),
        ("warning", "2 exact copies of another image: a.jpg = b.jpg = g.jpg."),
    ]


def test_many_copies_are_shortened() -> None:
    of = crops("v" * 20)
    said = lines(findings.copies(of, [np.arange(7), *np.arange(8, 20).reshape(6, 2)]), "warning")
    assert said == [
        "12 exact copies of another image: a.jpg = b.jpg = c.jpg = d.jpg = e.jpg and 2 more; "
        "i.jpg = j.jpg; k.jpg = l.jpg; m.jpg = n.jpg; o.jpg = p.jpg and 2 more."
    ]


@pytest.mark.parametrize("seed", range(5))
def test_conflicts_as_a_loop_finds_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = 60
    of = crops(
        "".join(rng.choice(list("vvvvi"), count)),
        identity=rng.choice(["1", "2", ""], count, p=[0.7, 0.1, 0.2]).tolist(),
        split=rng.choice(["train", "test", ""], count, p=[0.7, 0.1, 0.2]).tolist(),
    )
    sets = [rng.choice(count, rng.integers(1, 5), replace=False) for _ in range(40)]

    def obvious(rows: np.ndarray) -> str:
        differ = [c for c in _ORDER if len(set(of.table[c].iloc[rows].dropna())) > 1]
        if not differ or differ[0] != names.IDENTITY:
            return differ[0] if differ else ""
        return " and ".join(differ)

    assert findings._conflicts(of, sets).tolist() == [obvious(rows) for rows in sets]
    pairs = rng.integers(0, count, (50, 2))
    assert findings._conflicts(of, pairs).tolist() == [obvious(rows) for rows in pairs]
    assert findings._conflicts(of, []).tolist() == []


def test_near_copies() -> None:
    of = crops("vvvi", identity=["1", "1", "2", "1"])
    pairs = NearPairs(np.array([[0, 1], [0, 2], [1, 3]]), complete=False)
    said = [(finding.severity, finding.message) for finding in findings.near_copies(of, pairs)]
    assert said == [
        ("warning", "1 pair of images that looks the same, in both modalities: b.jpg = d.jpg."),
        ("warning", "1 pair of images that looks the same, under different identities: a.jpg = c.jpg."),
        (
            "note",
            "1 pair of images that looks the same (neighbouring video frames, or copies saved anew): a.jpg = b.jpg.",
        ),
        ("note", "so many images look alike that not all of them were compared with each other."),
    ]
    assert not list(findings.near_copies(of, NearPairs(np.empty((0, 2), dtype=np.int64), complete=True)))


def test_a_few_images_of_the_wrong_modality_are_named() -> None:
    of = crops("vvvviiii")
    state = measured(of)
    assert lines(findings.wrong_modality(of, state), "warning") == []
    state.color[1] = 0.2
    state.color[[4, 6]] = 9
    assert lines(findings.wrong_modality(of, state), "warning") == [
        "1 of 4 visible images grey (an infrared camera, or night vision?): b.jpg.",
        "2 of 4 infrared images in colour (a visible camera, or false colours, which are better grey?): e.jpg, g.jpg.",
    ]


def test_swapped_folders() -> None:
    of = crops("vvvviiii")
    state = measured(of)
    state.color[:] = state.color[::-1].copy()
    assert lines(findings.wrong_modality(of, state), "error") == [
        "visible and infrared seem to be swapped: 4 of 4 visible images are grey and "
        "4 of 4 infrared images are in colour."
    ]


def test_a_whole_infrared_camera_in_colour_is_an_error() -> None:
    of = crops("vviiii", camera=["1", "1", "2", "2", "3", "3"])
    state = measured(of)
    state.color[[2, 3]] = 9
    assert lines(findings.wrong_modality(of, state), "error") == [
        "2 of 2 infrared images of 2 are in colour (a visible camera, or false colours, which are better grey?)."
    ]
    without = crops("vvii")
    state = measured(without)
    state.color[[2, 3]] = 9
    assert "2 of 2 infrared images in colour" in lines(findings.wrong_modality(without, state), "error")[0]


def test_a_visible_camera_by_night_is_a_warning_and_stray_images_are_still_named() -> None:
    of = crops("vvvvvii", camera=["1", "1", "2", "2", "2", "3", "3"])
    state = measured(of)
    state.color[[0, 1, 4]] = 0
    assert lines(findings.wrong_modality(of, state), "warning") == [
        "2 of 2 visible images of 1 are grey (an infrared camera, or night vision?).",
        "1 of 5 visible images grey (an infrared camera, or night vision?): e.jpg.",
    ]


def test_two_cameras_that_are_swapped() -> None:
    of = crops("vvviii", camera=["1", "2", "2", "3", "4", "4"])
    state = measured(of)
    state.color[0], state.color[3] = 0, 9
    assert lines(findings.wrong_modality(of, state), "error") == [
        "1 of 1 visible images of 1 are grey (swapped with a camera of the other modality?).",
        "1 of 1 infrared images of 3 are in colour (swapped with a camera of the other modality?).",
    ]


def test_copies_of_other_people_in_other_splits() -> None:
    of = crops("vvii", identity=["1", "2", "1", "2"], split=["train", "test", "train", "test"])
    said = [finding.message for finding in findings.copies(of, [np.array([0, 1])])]
    assert said == ["1 exact copy of another image, under different identities and in different splits: a.jpg = b.jpg."]


def test_between_the_bounds_nothing_is_said() -> None:
    of = crops("vvii")
    state = measured(of)
    state.color[:] = 1.5
    assert lines(findings.wrong_modality(of, state), "warning") == []


def test_blank_and_unreadable_images_are_no_matter_of_modality() -> None:
    of = crops("vvii")
    state = measured(of)
    state.color[:2] = 0
    state.sketch[0] = 128
    state.problems[1] = "bad"
    assert lines(findings.wrong_modality(of, state), "warning") == []
    assert lines(findings.odd_images(of, state), "warning") == ["1 image of one even grey: a.jpg."]


def test_odd_sizes() -> None:
    of = crops("vvvi")
    state = measured(of)
    state.height[0], state.width[1] = 31, 15
    said = list(findings.odd_images(of, state))
    assert [finding.message for finding in said] == [
        "2 images less than 32 pixels high or 16 wide: a.jpg, b.jpg.",
        "1 of 3 visible images wider than high: a.jpg.",
    ]
    assert [finding.severity for finding in said] == ["warning", "note"]
    state.width[3] = 400
    assert list(findings.odd_images(of, state))[-1] == Finding(
        "warning", "size", "1 of 1 infrared images wider than high (whole pictures instead of person crops?): d.jpg."
    )


def test_balance() -> None:
    assert lines(findings.balance(crops("v" * 40 + "i" * 40)), "warning") == []
    assert lines(findings.balance(crops("v" * 160 + "i" * 40)), "warning") == [
        "160 visible crops against 40 infrared ones to train on."
    ]
    said = lines(findings.balance(crops("v" * 3 + "i" * 60)), "warning")
    assert said[0].startswith("only 3 visible crops to train on")
    assert said[1] == "60 infrared crops against 3 visible ones to train on."


def test_balance_counts_what_is_trained_on() -> None:
    of = crops("v" * 80 + "i" * 40, split=["train"] * 40 + ["test"] * 40 + ["train"] * 40)
    assert lines(findings.balance(of), "warning") == []


def test_splits() -> None:
    assert not list(findings.splits(crops("vi")))
    assert not list(findings.splits(crops("vivi", split=["train", "train", "test", "test"], identity=list("1122"))))
    said = list(findings.splits(crops("viv", split=["query", None, "train"], identity=["1", "2", None])))
    assert [(finding.severity, finding.message) for finding in said] == [
        ("error", "no infrared crop is in split train."),
        ("error", "crops are in split query and none in gallery; they cannot be scored."),
        ("warning", "1 crop without a split, not used: b.jpg."),
    ]
    said = list(findings.splits(crops("viv", split=["gallery", "train", "train"])))
    assert [finding.message for finding in said] == [
        "crops are in split gallery and none in query; they cannot be scored.",
        "1 crop to score on without an identity: a.jpg.",
    ]


def test_identities_trained_and_scored_on() -> None:
    of = crops("viviv", split=["train", "train", "test", "query", "gallery"], identity=["10", "9", "9", "10", "x"])
    assert lines(findings.splits(of), "warning") == [
        "2 identities both trained and scored on, which makes scores too good: 9, 10."
    ]


def test_identities_of_one_modality() -> None:
    assert not list(findings.identities(crops("vi")))
    assert not list(findings.identities(crops("vi", identity=["1", "1"])))
    assert lines(findings.identities(crops("viviv", identity=["1", "1", "2", "3", "10"])), "warning") == [
        "2 of 4 identities seen in visible only: 2, 10.",
        "1 of 4 identities seen in infrared only: 3.",
    ]
    assert lines(findings.identities(crops("vi", identity=["1", "2"])), "warning") == [
        "no identity is seen in both modalities, so nothing can be scored (do both use the same names?)."
    ]


def test_tracks() -> None:
    assert not list(findings.tracks(crops("vi")))
    assert not list(findings.tracks(crops("vvi", track=["1", "1", "1"], frame=[1, 2, 1], identity=["a", "a", "b"])))
    of = crops("vvvv", track=["1"] * 4, camera=["A", "A", "B", "B"], identity=["a", "b", "c", "c"], frame=[1, 2, 1, 1])
    assert lines(findings.tracks(of), "warning") == [
        "1 track with more than one identity: 1 (camera A).",
        "1 crop of the same track and frame as another one: d.jpg.",
    ]
    of = crops("vvi", track=["7", "7", "7"], identity=["a", "b", "a"])
    assert lines(findings.tracks(of), "warning") == ["1 track with more than one identity: 7 (visible)."]


def test_cameras_of_two_modalities() -> None:
    assert lines(findings.tracks(crops("vivi", camera=["2", "2", "1", None])), "note") == [
        "1 camera with crops of both modalities: 2."
    ]


def box(*lefts: float) -> dict[str, list[object]]:
    return {"left": list(lefts), "top": [0] * len(lefts), "width": [10] * len(lefts), "height": [20] * len(lefts)}


def test_paired_sensors() -> None:
    assert not list(findings.rigs(crops("vi", frame=[1, 1])))
    of = crops("vivi", rig=list("aaaa"), frame=[1, 1, 2, 2], identity=["1", "1", "2", "3"], **box(0, 0, 5, 6))
    assert [(one.severity, one.message) for one in findings.rigs(of)] == [
        ("note", "paired sensors show one person in 2 pairs of 2 visible and 2 infrared crops; "
                 "constraints.paired makes use of it."),
        ("warning", "1 pair of paired sensors with two identities: c.jpg = d.jpg."),
    ]  # fmt: skip
    blind = crops("vi", rig=["a", "a"], frame=[1, 1])
    assert lines(findings.rigs(blind), "note")[1:] == [
        "1 pair of paired sensors without boxes, which is one person only if the table holds everybody who was in the "
        "picture."
    ]


def test_rigs_that_give_no_pair() -> None:
    of = crops(
        "vvivivivi", rig=list("abbccddee"), frame=[1, 1, 2, 1, 1, None, None, 1, 2], **box(0, 0, 0, 0, 6, 0, 0, 0, 0)
    )
    of.table.loc[7:, "left"] = np.nan
    assert lines((one for one in findings.rigs(of) if one.severity != "note"), "warning") == [
        "rig a gives no pair: it has no infrared crop.",
        "rig b gives no pair: no visible and infrared crop are of one instant by the column frame, or no two boxes "
        "overlap by half.",
        "rig c gives no pair: no visible and infrared crop are of one instant by the column frame, or no two boxes "
        "overlap by half.",
        "rig d gives no pair: its crops have no frame, and not all have a time.",
        "rig e gives no pair: no visible and infrared crop are of one instant by the column frame, or there are "
        "several, and boxes are not known.",
    ]
