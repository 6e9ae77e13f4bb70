import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usvireid.quality.selection import Selection, label_free_value, select_epoch

METHODS = ("last", "label-free", "held-out", "test")


def line(epoch: int, **changes: object) -> dict:
    sides = {name: {"matched_crops_share": 0.8, "largest_share": 0.1} for name in ("visible", "infrared")}
    scores = {name: {"rank1": 0.5, "mAP": 0.4} for name in ("infrared->visible", "visible->infrared")}
    whole = {"losses": {"own": 1.0}, "quality": {**sides, "stability": 0.5}, "evaluation": scores, "held_out": scores}
    return {"epoch": epoch, **whole, **changes}


def scored(rank1: float | None, mean_precision: float = 0.4) -> dict:
    both = {"rank1": rank1, "mAP": mean_precision}
    return {"infrared->visible": both, "visible->infrared": {**both, "note": "text"}}


def chosen(lines: list[dict], method: str, finished: int) -> int:
    selection = select_epoch(lines, method, finished)
    assert selection is not None
    return selection.epoch


def test_the_last_epoch_looks_at_nothing() -> None:
    assert chosen([{"epoch": 1}, {"epoch": 2}], "last", 2) == 2


@pytest.mark.parametrize("method", METHODS)
def test_nothing_before_the_first_epoch(method: str) -> None:
    assert select_epoch([line(0)], method, 0) is None


def test_by_test_scores_the_rank_1_decides_and_then_the_map() -> None:
    lines = [line(e, evaluation=scored(r, m)) for e, r, m in ((1, 0.3, 0.9), (2, 0.6, 0.2), (3, 0.6, 0.3), (4, 0.5, 1))]
    assert chosen(lines, "test", 4) == 3
    assert chosen(lines, "test", 2) == 2


def test_held_out_goes_by_map() -> None:
    lines = [line(1, held_out=scored(0.9, 0.3)), line(2, held_out=scored(0.1, 0.4))]
    assert chosen(lines, "held-out", 2) == 2


def test_lines_of_interrupted_and_untrained_epochs_do_not_count() -> None:
    best = scored(0.99)
    lines = [line(0, evaluation=best), line(1), line(2, losses={}, evaluation=best), line(3, evaluation=best)]
    assert chosen(lines, "test", 2) == 1


@pytest.mark.parametrize("method", METHODS)
def test_of_equals_the_later_one_and_without_any_value_the_last(method: str) -> None:
    assert chosen([line(1), line(2), line(3)], method, 3) == 3
    bare = [{"epoch": epoch, "losses": {"own": 1.0}, "evaluation": None} for epoch in (1, 2)]
    selection = select_epoch(bare, method, 2)
    assert selection == Selection(method, 2, 2, None)
    assert "the last" in selection.sentence()


def test_the_label_free_value_is_the_product_of_its_parts() -> None:
    quality = {
        "visible": {"matched_crops_share": 0.5, "largest_share": 0.2},
        "infrared": {"matched_crops_share": 0.7, "largest_share": 0.1},
        "stability": 0.9,
    }
    assert label_free_value({"quality": quality}) == pytest.approx(0.9 * 0.8)
    unmatched = {**quality, "visible": {"matched_crops_share": 0.0, "largest_share": 0.2}}
    assert label_free_value({"quality": unmatched}) is None
    assert label_free_value({"quality": {**quality, "stability": -0.1}}) is None
    assert label_free_value({"quality": {**quality, "stability": None}}) is None
    assert label_free_value({}) is None


@pytest.mark.parametrize(
    ("stabilities", "epoch"),
    [((0.6, 0.5, 0.9, 0.61), 4), ((0.6, 0.5, 0.9, 0.59), 3), ((0.9, 0.5, 0.3, 0.61), 4), ((0.2, 0.6, 0.9, 0.1), 3)],
)
def test_without_labels_it_is_the_last_epoch_that_has_not_fallen(stabilities: tuple[float, ...], epoch: int) -> None:
    lines = [line(number) for number in range(1, len(stabilities) + 1)]
    for entry, stability in zip(lines, stabilities, strict=True):
        entry["quality"]["stability"] = stability
    assert chosen(lines, "label-free", len(lines)) == epoch


def test_one_cluster_that_swallows_all_is_not_selected() -> None:
    collapsed = {name: {"matched_crops_share": 1.0, "largest_share": 1.0} for name in ("visible", "infrared")}
    lines = [line(1), line(2, quality={**collapsed, "stability": 1.0})]
    assert chosen(lines, "label-free", 2) == 1


@settings(deadline=None)
@given(st.lists(st.floats(0, 1, width=16), min_size=1, max_size=12), st.sampled_from(METHODS))
def test_the_best_so_far_is_the_newest_epoch_or_was_the_best_before(values: list[float], method: str) -> None:
    """So a run that keeps the checkpoint of the best so far always has that of the best."""
    lines = []
    for epoch, value in enumerate(values, 1):
        entry = line(epoch, evaluation=scored(value), held_out=scored(0.0, value))
        entry["quality"]["stability"] = value
        lines.append(entry)
    for finished in range(2, len(values) + 1):
        assert chosen(lines, method, finished) in {chosen(lines, method, finished - 1), finished}


def test_in_words_and_back() -> None:
    selection = Selection("test", 3, 9, 0.4567)
    assert selection.on_test
    assert selection.sentence() == "epoch 3 of 9, selected on test (Rank-1 45.7 %)"
    assert Selection.of_dict(selection.to_dict()) == selection
    assert selection.to_dict()["label"] == "selected on test"
    assert not Selection("held-out", 1, 1, np.pi / 4).on_test
