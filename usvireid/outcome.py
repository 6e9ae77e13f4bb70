"""What a run stands for: the selected epoch and its scores."""

from __future__ import annotations

from typing import Any

from usvireid.quality.selection import Selection, select_epoch
from usvireid.run import Run
from usvireid.training.checkpoint import newest_epoch


def selected(run: Run) -> Selection | None:
    """The epoch that a run stands for so far; None before the first is finished.

    Where the checkpoints are gone, the epochs that the last evaluation knew of count.
    """
    finished = newest_epoch(run.checkpoints)
    if not finished:
        finished = (run.evaluation().get("selection") or {}).get("epochs", 0)
    return select_epoch(run.metrics(), run.settings.selection.method, finished)


def outcome(run: Run) -> dict[str, Any] | None:
    """The scores of the selected epoch: those of the evaluate stage or, before it, those of the epoch's own line.

    Returns:
        `epoch`, `selection` (as `Selection.to_dict`; None for the untrained encoder), `scores` and `fingerprints` (both
        by row, the latter empty where none were kept); None where the epoch was not scored.
    """
    evaluation, chosen = run.evaluation(), selected(run)
    epoch = 0 if chosen is None else chosen.epoch
    line = next((line for line in run.metrics() if line["epoch"] == epoch), {})
    source = evaluation if evaluation.get("epoch") == epoch else {**line, "scores": line.get("evaluation")}
    if not source.get("scores"):
        return None
    return {
        "epoch": epoch,
        "selection": None if chosen is None else chosen.to_dict(),
        "scores": source["scores"],
        "fingerprints": source.get("fingerprints") or {},
    }
