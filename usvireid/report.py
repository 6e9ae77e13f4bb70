"""What `usvireid report` does: the report of a run, written from what stands in its folder."""

from __future__ import annotations

from pathlib import Path

from usvireid.data.known import unseen
from usvireid.display import Display
from usvireid.loading import Data, open_data, training_data
from usvireid.matching.labels import PseudoLabels
from usvireid.outcome import outcome, selected
from usvireid.quality.report import write_report
from usvireid.run import Run


def report_on(run: Run, data: Data, display: Display) -> None:
    """Write `report.html` from what stands in the run folder."""
    files, chosen, found = run.label_files(), selected(run), outcome(run)
    lines = run.metrics()
    crops = unseen(data.crops, run.settings, any(line.get("sees_identities") for line in lines))
    path = write_report(
        run.folder,
        images=data.images,
        crops=crops,
        labels=PseudoLabels.read(files[-1], data.crops, display.warn_once) if files else None,
        metrics=lines,
        evaluation=None if found is None else found["scores"],
        settings=run.settings.model_dump(mode="json"),
        environment=run.environment(),
        selection=None if chosen is None else chosen.to_dict(),
        supervised=any(line.get("supervised") for line in lines),
    )
    display.say(f"report: {path}")


def report_run(folder: Path, display: Display) -> None:
    """Write the report of a run folder anew.

    Raises:
        UsvireidError: not a run folder, its data are gone, or the report cannot be written.
    """
    run = Run.open(folder)
    run.check_records(display.warn)
    report_on(run, training_data(open_data(run.data, run.settings, display), run.settings), display)
