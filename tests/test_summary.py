import io

from rich.console import Console

from usvireid.quality.selection import Selection
from usvireid.summary import summary_table


def line(epoch: int, scored: bool = True) -> dict:
    score = {"rank1": 0.1 * epoch, "mAP": 0.05, "mINP": 0.0}
    evaluation = {"infrared->visible": score, "visible->infrared": score} if scored else None
    common = {"epoch": epoch, "seconds": {"train": 30.0}, "peak_memory_mb": 1234.0, "evaluation": evaluation}
    if epoch == 0:
        return common
    counts = {"visible": 10 + epoch, "infrared": 20}
    return {
        **common,
        "phase": "cross",
        "losses": {"shared": 1.0},
        "clusters": counts,
        "outliers": counts,
        "quality": {"shared_identities": 7},
        "images_per_second": 99.6,
    }


def shown(metrics: list[dict]) -> str:
    table = summary_table(metrics)
    assert table is not None
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


def test_untrained_first_and_last_stand_side_by_side() -> None:
    text = shown([line(0), line(1), line(2), line(3)])
    assert "untrained" in text
    assert "epoch 1" in text
    assert "epoch 2" not in text
    assert "epoch 3" in text
    assert "30.0 / 5.0 %" in text
    assert "13 (13)" in text
    assert "3 epochs, 2.0 minutes" in text


def test_without_identities_there_are_no_score_rows() -> None:
    assert "Rank-1" not in shown([line(1, scored=False)])


def test_nothing_yet() -> None:
    assert summary_table([]) is None
    assert summary_table([line(0)]) is None


def test_the_selected_epoch_has_a_column_and_is_named() -> None:
    table = summary_table([line(0), line(1), line(2), line(3)], Selection("test", 2, 3, 0.2))
    assert table is not None
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(table)
    text = console.export_text()
    assert "The run so far (selected on test)" in text
    assert "epoch 2 (cross)" in text
    assert "epoch 2 of 3, selected on test (Rank-1 20.0 %)" in text


def test_rows_are_those_of_the_protocol() -> None:
    lines = [line(0), line(1)]
    for entry in lines:
        entry["evaluation"] = {"all single-shot": {"rank1": 0.25, "mAP": 0.5}}
    text = shown(lines)
    assert "Rank-1 / mAP all single-shot" in text and "25.0 / 50.0 %" in text
    assert "infrared" in text and "infrared → visible" not in text
