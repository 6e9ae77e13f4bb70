"""What is known beforehand, from end to end on a tiny set: identities for some crops, tracks, travel times."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.conftest import tiny_options, write_people
from tests.test_cli import call, error_line
from tests.test_workflow import assert_same, metrics
from usvireid.review.answers import append_answer

Captured = pytest.CaptureFixture[str]


def semi(**changes: str) -> list[str]:
    return ["--pipeline", "semi_supervised", *tiny_options(**changes)]


def labelled_rows(run: Path, data: Path) -> pd.DataFrame:
    labels = pd.read_csv(run / "labels" / "epoch_001.csv")
    return labels.merge(pd.read_csv(data / "crops.csv", dtype={"identity": "string"})[["path", "identity"]], on="path")


def test_known_people_are_one_identity_in_both_modalities_from_the_first_epoch(
    capfd: Captured, tmp_path: Path, labelled: Path
) -> None:
    table = pd.read_csv(labelled / "crops.csv", dtype="string")
    table.loc[~table["identity"].isin(["0", "1", "2"]), "identity"] = pd.NA
    table.to_csv(labelled / "crops.csv", index=False)
    run = tmp_path / "run"
    code, _, err = call(capfd, "run", labelled, "--out", run, "--stage", "cluster,train,report", *semi())
    assert code == 0, err
    rows = labelled_rows(run, labelled).rename(columns={"identity_x": "pseudo", "identity_y": "true"})
    known = rows[rows["true"].notna()]
    pieces = known.groupby("true")["pseudo"].nunique()
    assert (pieces == 1).all()
    assert known["pseudo"].nunique() == 3 and known["pseudo"].min() >= 0
    line = metrics(run)[-1]
    assert line["sees_identities"] and not line["supervised"]
    # Everything that is known was shown, so nothing is left to judge by.
    assert line["truth"] is None
    assert "Compared with the known identities" not in (run / "report.html").read_text()


def test_identities_that_are_not_shown_judge_the_labels(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    run = tmp_path / "run"
    options = semi(**{"known.share": "0.5", "training.epochs": "1"})
    assert call(capfd, "run", labelled, "--out", run, "--stage", "cluster,train", *options)[0] == 0
    truth = metrics(run)[-1]["truth"]
    assert truth is not None and truth["visible"]["identities"] == 3
    rows = labelled_rows(run, labelled).rename(columns={"identity_x": "pseudo", "identity_y": "true"})
    pieces = rows.groupby("true")["pseudo"].nunique()
    assert (pieces == 1).sum() >= 3


def test_a_resumed_run_equals_an_uninterrupted_one(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    options = semi(**{"known.share": "0.5", "known.modality": "visible"})
    for run, epochs in ((straight, 3), (resumed, 1), (resumed, 3)):
        given = [*options, "--epochs", str(epochs), "--stage", "cluster,train"]
        assert call(capfd, "run", labelled, "--out", run, *given)[0] == 0
    assert_same(straight, resumed)


def test_without_a_known_identity_there_is_one_line(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    options = semi(**{"known.share": "0"})
    code, _, err = call(capfd, "run", labelled, "--out", tmp_path / "run", *options)
    assert code == 2
    assert "no crop to train on has a known identity" in error_line(err)


@pytest.mark.parametrize("use", [True, False])
def test_tracks_hold_clusters_together_unless_switched_off(
    capfd: Captured, tmp_path: Path, labelled: Path, use: bool
) -> None:
    table = pd.read_csv(labelled / "crops.csv", dtype="string")
    # Nonsense on purpose: tracks of two people each, which nothing but the tracks can put together.
    table["track"] = table["identity"].map(lambda identity: f"t{int(identity) // 2}")
    table["camera"] = "c"
    table.to_csv(labelled / "crops.csv", index=False)
    run = tmp_path / "run"
    options = tiny_options(**{"constraints.tracks": str(use).lower()})
    assert call(capfd, "run", labelled, "--out", run, "--stage", "cluster", *options)[0] == 0
    labels = pd.read_csv(run / "labels" / "epoch_001.csv").merge(table[["path", "track"]], on="path")
    pieces = labels.groupby(["modality", "track"])["cluster"].nunique()
    assert (pieces == 1).all() == use


def test_travel_times_need_a_table(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    table = pd.read_csv(labelled / "crops.csv", dtype="string").assign(track="t", time="1")
    table["track"] = table["path"]
    table.to_csv(labelled / "crops.csv", index=False)
    missing = tmp_path / "travel.csv"
    options = tiny_options(**{"constraints.travel": str(missing)})
    code, _, err = call(capfd, "run", labelled, "--out", tmp_path / "run", *options)
    assert code == 2
    assert "travel.csv: no such file" in error_line(err)


@pytest.mark.parametrize(("tracks", "why"), [("true", "no column track"), ("false", "constraints.tracks is off")])
def test_travel_times_without_tracks_are_refused(
    capfd: Captured, tmp_path: Path, labelled: Path, tracks: str, why: str
) -> None:
    options = tiny_options(**{"constraints.travel": "travel.csv", "constraints.tracks": tracks})
    code, _, err = call(capfd, "run", labelled, "--out", tmp_path / "run", *options)
    assert code == 2
    assert "constraints.travel: travel times are of tracks, and " in error_line(err) and why in error_line(err)


def test_answers_of_a_review_are_kept_to_from_the_next_epoch_on(
    capfd: Captured, tmp_path: Path, labelled: Path
) -> None:
    run = tmp_path / "run"
    first = tiny_options(**{"training.epochs": "1"})
    assert call(capfd, "run", labelled, "--out", run, "--stage", "cluster,train", *first)[0] == 0
    answers = run / "reviews.csv"
    # A person says: two strangers are one, in both modalities; and one crop is nobody.
    append_answer(answers, "same", ["visible/00_0.png", "visible/05_0.png", "infrared/00_1.png"])
    append_answer(answers, "junk", ["infrared/03_2.png"])
    append_answer(answers, "different", ["visible/01_0.png"], ["visible/01_1.png"])
    wrong = append_answer(answers, "junk", ["visible/02_0.png"])
    append_answer(answers, "undo", undoes=wrong.number)
    code, _, err = call(capfd, "run", "--out", run, "--stage", "cluster,train", "--epochs", "2")
    assert code == 0, err
    label = pd.read_csv(run / "labels" / "epoch_002.csv").set_index("path")["identity"]
    assert label["visible/00_0.png"] == label["visible/05_0.png"] == label["infrared/00_1.png"] >= 0
    assert label["infrared/03_2.png"] == -1
    assert label["visible/01_0.png"] == -1 or label["visible/01_0.png"] != label["visible/01_1.png"]
    assert [line["answers"] for line in metrics(run) if line["epoch"]] == [0, 3]
    append_answer(answers, "junk", [path for path in label.index if path.startswith("infrared/")])
    code, _, err = call(capfd, "run", "--out", run, "--stage", "cluster,train", "--epochs", "3")
    assert code == 1
    assert "infrared crops are junk, so nothing is left to train on" in error_line(err)


def test_answers_that_make_everybody_one_person_cost_nothing(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    run, table = tmp_path / "run", pd.read_csv(labelled / "crops.csv", dtype="string")
    table = pd.concat([table.assign(path=table["path"].str.replace(".png", f"_{n}.png")) for n in range(3)])
    for path in table["path"]:
        shutil.copy(labelled / f"{path[:-6]}.png", labelled / path)
    table.to_csv(labelled / "crops.csv", index=False)
    first = tiny_options(**{"training.epochs": "2"})
    code, _, err = call(capfd, "run", labelled, "--out", run, "--stage", "cluster,train", *first)
    assert code == 0, err
    before = {path.name: path.read_bytes() for path in (run / "checkpoints").iterdir()}
    wrong = append_answer(run / "reviews.csv", "same", table["path"].tolist())
    code, _, err = call(capfd, "run", "--out", run, "--stage", "cluster,train", "--epochs", "3")
    assert code == 1
    assert "with the new answers in" in error_line(err)
    assert before == {path.name: path.read_bytes() for path in (run / "checkpoints").iterdir()}
    append_answer(run / "reviews.csv", "undo", undoes=wrong.number)
    assert call(capfd, "run", "--out", run, "--stage", "cluster,train", "--epochs", "3")[0] == 0


def paired(capfd: Captured, tmp_path: Path, data: Path, **changes: str) -> tuple[dict[str, Any], str]:
    """The measures of a run's labels, clustered once, and what it said. All epochs are of the intra phase."""
    options = tiny_options(**{"training.intra_epochs": "3", "clustering.eps": "0.4", **changes})
    code, _, err = call(capfd, "run", data, "--out", tmp_path / "run", "--stage", "cluster", *options)
    assert code == 0, err
    return metrics(tmp_path / "run")[-1]["truth"], " ".join(err.split())


def test_paired_sensors_link_the_modalities_from_the_first_epoch(
    capfd: Captured, tmp_path: Path, labelled: Path
) -> None:
    table = pd.read_csv(labelled / "crops.csv", dtype="string")
    # Two people in each frame, side by side; and one of the pairs is wrong.
    person = table["identity"].astype(int)
    table["rig"], table["frame"] = "gate", (table["frame"].astype(int) + 10 * (person // 2)).astype("string")
    table["left"] = (100 * (person % 2)).astype("string")
    table = table.assign(top="0", width="40", height="80")
    wrong = table["path"].isin(["infrared/00_0.png", "infrared/01_0.png"])
    table.loc[wrong, "left"] = table.loc[wrong, "left"].tolist()[::-1]
    table.to_csv(labelled / "crops.csv", index=False)
    truth, said = paired(capfd, tmp_path, labelled)
    assert "24 pairs of crops by paired sensors" in said
    assert truth["compared_identities"] == 6 and truth["match_accuracy"] == 1


@pytest.mark.parametrize("rig", ["gate", None])
def test_paired_sensors_that_are_not_used_or_not_there_link_nothing(
    capfd: Captured, tmp_path: Path, labelled: Path, rig: str | None
) -> None:
    table = pd.read_csv(labelled / "crops.csv", dtype="string")
    table["frame"] = table["identity"] + table["frame"]
    table.assign(rig=rig).to_csv(labelled / "crops.csv", index=False)
    truth, said = paired(capfd, tmp_path, labelled, **({} if rig is None else {"constraints.paired": "false"}))
    assert truth["compared_identities"] == 0 and "paired sensors" not in said


def test_a_rig_with_bad_boxes_is_refused_in_a_line(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    table = pd.read_csv(labelled / "crops.csv", dtype="string")
    table.assign(rig="gate", left="0", top="0", width="-4", height="9").to_csv(labelled / "crops.csv", index=False)
    code, _, err = call(capfd, "run", labelled, "--out", tmp_path / "run", *tiny_options())
    assert code == 1
    assert "crops.csv: row 2: width '-4' is not a number of pixels above 0" in error_line(err)


def test_other_people_of_the_same_number_are_noticed(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    everybody = pd.read_csv(labelled / "crops.csv", dtype="string")
    run, options = tmp_path / "run", ("--pipeline", "semi_supervised", "--stage", "cluster,train")
    for known, epochs in ((["0", "1"], "1"), (["4", "5"], "2")):
        table = everybody.assign(identity=everybody["identity"].where(everybody["identity"].isin(known)))
        table.to_csv(labelled / "crops.csv", index=False)
        some = tiny_options(**{"training.epochs": epochs})
        code, _, err = call(capfd, "run", labelled, "--out", run, *options, *some)
        assert code == 0, err
        assert ("the classifier of known identities is left out" in err) == (epochs == "2")
    lines = metrics(run)
    assert "identity" in lines[-2]["losses"] and "identity" not in lines[-1]["losses"]


def test_minus_one_is_nobody(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    table = pd.read_csv(labelled / "crops.csv")
    table["identity"] = table["identity"].where(table["identity"] < 2, -1)
    table.to_csv(labelled / "crops.csv", index=False)
    code, out, _ = call(capfd, "data", "check", labelled)
    assert code == 0 and "2 identities" in out
    options = ("--pipeline", "semi_supervised", "--stage", "cluster", *tiny_options())
    assert call(capfd, "run", labelled, "--out", tmp_path / "run", *options)[0] == 0
    labels = pd.read_csv(tmp_path / "run" / "labels" / "epoch_001.csv").merge(table[["path", "identity"]], on="path")
    assert len(set(labels[labels["identity_y"] == -1]["identity_x"])) > 1


def test_one_known_person_in_most_crops_is_no_collapse(capfd: Captured, tmp_path: Path) -> None:
    table = write_people(tmp_path / "many", people=16)
    table["identity"] = "somebody"
    table.to_csv(tmp_path / "many" / "crops.csv", index=False)
    options = ("--pipeline", "semi_supervised", "--stage", "cluster,train", *tiny_options())
    code, _, err = call(capfd, "run", tmp_path / "many", "--out", tmp_path / "run", *options)
    assert code == 0, err
    assert "collapsed" not in err and "one cluster holds" not in err
