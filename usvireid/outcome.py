"""What a run stands for: the selected epoch and its scores."""

from __future__ import annotations

from typing import Any

from usvireid import names
from usvireid.errors import DataError
from usvireid.quality.lines import find
from usvireid.quality.selection import Selection, select_epoch
from usvireid.run import Run
from usvireid.training.checkpoint import newest_epoch


def selected(run: Run) -> Selection | None:
    """The epoch that a run stands for so far; None before the first is finished.

    Where the checkpoints are gone, the epochs that the last evaluation knew of count.
    """
    finished = newest_epoch(run.checkpoints)
    if not finished:
        known = find(run.evaluation(), "selection", "epochs")
        finished = known if isinstance(known, int) else 0
    return select_epoch(run.metrics(), run.settings.selection.method, finished)


def outcome(run: Run) -> dict[str, Any] | None:
    """The scores of the selected epoch: those of the evaluate stage or, before it, those of the epoch's own line.

    Returns:
        `epoch`, `selection` (as `Selection.to_dict`; None for the untrained encoder), `scores` and `fingerprints` (both
        by row, the latter empty where none were kept); None where the epoch was not scored.

    Raises:
        DataError: what stands there as scores is none; the file is named.
    """
    evaluation, chosen = run.evaluation(), selected(run)
    epoch = 0 if chosen is None else chosen.epoch
    line = next((line for line in run.metrics() if line["epoch"] == epoch), {})
    own = evaluation.get("epoch") == epoch
    source = evaluation if own else {**line, "scores": line.get("evaluation")}
    if not (_by_row(source.get("scores")) and _by_row(source.get("fingerprints"))):
        what = names.EVALUATION_FILE if own else f"{names.METRICS_FILE}: the line of epoch {epoch}"
        raise DataError(f"{run.folder / what}: damaged, holds no scores by row; remove it.")
    if not source.get("scores"):
        return None
    return {
        "epoch": epoch,
        "selection": None if chosen is None else chosen.to_dict(),
        "scores": source["scores"],
        "fingerprints": source.get("fingerprints") or {},
    }


def _by_row(content: object) -> bool:
    """Whether this is a mapping for each row of scores, or nothing at all."""
    if content is None:
        return True
    return isinstance(content, dict) and all(isinstance(row, dict) for row in content.values())
