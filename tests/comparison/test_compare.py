import json
from pathlib import Path
from statistics import stdev

import pytest

from usvireid.comparison.compare import Comparison, compare
from usvireid.errors import DataError, UsageError
from usvireid.layers import make_settings
from usvireid.run import Run
from usvireid.training.checkpoint import Checkpoint

REGDB = ("visible->infrared", "infrared->visible")


def write_run(
    folder: Path,
    rank1: float | None = 0.5,
    *,
    searches: tuple[str, ...] = REGDB,
    facts: dict | None = None,
    **settings: object,
) -> Path:
    """A run folder of one finished epoch, with made-up scores; `settings` by dotted name with __ for the dot."""
    layers = []
    for name, value in settings.items():
        group, _, key = name.partition("__")
        layers.append(("test", {group: {key: value} if key else value}))
    data = folder.parent / "data"
    data.mkdir(parents=True, exist_ok=True)
    run = Run.begin(folder, make_settings(layers), data)
    with run.claimed():
        scores = {name: {"rank1": rank1, "mAP": 0.25, "mINP": 0.125, "queries": 4} for name in searches}
        run.write_metrics({"epoch": 1, "losses": {"own": 1.0}, "evaluation": None if rank1 is None else scores})
        Checkpoint(1, {}, {}).write(run.checkpoints)
        if rank1 is not None:
            method = run.settings.selection.method
            prints = {} if facts is None else dict.fromkeys(searches, facts)
            selection = {"method": method, "label": "text", "epoch": 1, "epochs": 1, "value": rank1}
            run.write_evaluation({"epoch": 1, "selection": selection, "scores": scores, "fingerprints": prints})
    return folder


def facts(digest: str = "abc", **changes: object) -> dict:
    return {"digest": digest, "protocol": "regdb", "trials": 1, "split": "s1", **changes}


def said(comparison: Comparison) -> str:
    return " / ".join(comparison.warnings)


def test_seeds_of_the_same_settings_are_one_row_with_spread(tmp_path: Path) -> None:
    values = (0.25, 0.5, 0.6)
    folders = [write_run(tmp_path / f"s{n}", value, seed=n, facts=facts()) for n, value in enumerate(values)]
    other = write_run(tmp_path / "other", 0.7, neighbors__k1=20, facts=facts())
    found = compare([folders[0], other, *folders[1:]])
    assert [row.name for row in found.rows] == ["s0 and 2 more", "other"]
    spread = found.rows[0].scores["infrared->visible"]["rank1"]
    assert spread.values == values
    assert spread.mean == pytest.approx(0.45)
    assert spread.std == pytest.approx(stdev(values))
    assert found.rows[1].scores["infrared->visible"]["rank1"].std is None
    assert found.differences == {"neighbors.k1": [30, 20]}
    assert found.warnings == ()


def test_what_no_score_depends_on_makes_no_difference(tmp_path: Path) -> None:
    one = write_run(tmp_path / "a", facts=facts(), training__keep_checkpoints=3)
    other = write_run(tmp_path / "b", facts=facts(), stages=["train"])
    found = compare([one, other])
    assert len(found.rows) == 1
    assert "the same seed and trial" in said(found)


def test_a_folder_of_trials_is_one_row(tmp_path: Path) -> None:
    for trial in (1, 2):
        write_run(tmp_path / "mine" / f"trial_0{trial}", trial / 4, data__trial=trial, facts=facts(f"d{trial}"))
    single = write_run(tmp_path / "mine" / "single", data__trial=1, facts=facts("d1"))
    found = compare([tmp_path / "mine"])
    assert [(row.name, len(row.runs)) for row in found.rows] == [("mine", 2)]
    assert found.rows[0].scores["visible->infrared"]["rank1"].mean == pytest.approx(0.375)
    assert found.warnings == ()
    with pytest.raises(UsageError, match="named twice"):
        compare([tmp_path / "mine", tmp_path / "mine" / "trial_01"])
    assert len(compare([tmp_path / "mine", single]).rows) == 1


def test_other_trials_and_other_protocols_are_said(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", facts=facts("a", split="s1"))
    other = write_run(tmp_path / "other", facts=facts("b", split="s2", trials=10), neighbors__k1=20)
    text = said(compare([one, other]))
    assert "visible->infrared: the protocol fingerprints differ (trials, split)" in text
    later = write_run(tmp_path / "later", facts=facts("c"), data__trial=2, neighbors__k1=20)
    text = said(compare([one, later]))
    assert "fingerprints differ" not in text
    assert "different trials (one: 1; later: 2)" in text


def test_unknown_protocols_and_runs_without_scores_are_said(tmp_path: Path) -> None:
    bare = write_run(tmp_path / "bare", None)
    unknown = write_run(tmp_path / "unknown", neighbors__k1=20)
    found = compare([bare, unknown])
    assert "bare: not scored" in said(found)
    assert "unknown: by which protocol it was scored is not known" in said(found)
    assert found.rows[0].scores == {}


def test_selected_on_test_is_said(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", facts=facts())
    best = write_run(tmp_path / "best", facts=facts(), selection__method="test")
    found = compare([one, best])
    assert found.rows[1].note == "selected on test"
    assert "best epoch on the scores" in found.caption()
    assert "selected on test and therefore too good beside the others: best" in said(found)


def test_published_figures_stand_below_and_are_marked(tmp_path: Path) -> None:
    found = compare([write_run(tmp_path / "one", facts=facts())], published=True)
    assert [row.name for row in found.rows] == ["one", "PGM", "SDCL", "BMIL", "SMC", "DPIS"]
    assert all(row.note.startswith("as published, ") for row in found.rows[1:])
    assert found.rows[2].scores["visible->infrared"]["rank1"].mean == pytest.approx(0.91)
    assert found.rows[2].scores["infrared->visible"]["mAP"].mean == pytest.approx(0.817)
    assert "mostly selected on the test set" in found.caption()
    own = compare([write_run(tmp_path / "own", facts=facts(protocol="own"))], published=True)
    assert len(own.rows) == 1
    assert "no published figures" in said(own)


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    folders = [
        write_run(tmp_path / "a" / "run", facts=facts()),
        write_run(tmp_path / "b" / "run", neighbors__k1=20, facts=facts()),
    ]
    found = compare(folders)
    assert [row.name for row in found.rows] == ["a/run", "b/run"]
    assert set(found.differences) == {"DATA", "neighbors.k1"}


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a run folder"):
        compare([tmp_path])
    with pytest.raises(UsageError, match="at least one"):
        compare([])


def test_a_run_whose_checkpoints_are_gone_keeps_its_scores(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "one", facts=facts())
    (folder / "checkpoints" / "epoch_001.safetensors").unlink()
    assert compare([folder]).rows[0].scores["visible->infrared"]["rank1"].mean == 0.5


@pytest.mark.parametrize("odd", [{"scores": 5}, {"scores": {"a": 1}}, {"scores": {"a": {}}, "fingerprints": [1]}])
def test_scores_that_are_none_are_refused(tmp_path: Path, odd: dict) -> None:
    run = write_run(tmp_path / "a")
    (run / "evaluation.json").write_text(json.dumps({"epoch": 1, **odd}))
    with pytest.raises(DataError, match=r"evaluation\.json: damaged, holds no scores by row; remove it"):
        compare([run])
    (run / "evaluation.json").unlink()
    line = {"epoch": 1, "losses": {"own": 1.0}, "evaluation": odd["scores"], "fingerprints": odd.get("fingerprints")}
    (run / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    with pytest.raises(DataError, match=r"metrics\.jsonl: the line of epoch 1: damaged"):
        compare([run])


def test_it_is_plain_json(tmp_path: Path) -> None:
    found = json.loads(json.dumps(compare([write_run(tmp_path / "one", facts=facts())], published=True).to_dict()))
    assert found["rows"][0]["scores"]["visible->infrared"]["rank1"] == {"mean": 0.5, "std": None, "values": [0.5]}
    assert found["rows"][0]["runs"][0]["fingerprints"]["visible->infrared"]["digest"] == "abc"
    assert found["rows"][1]["published"] is True
