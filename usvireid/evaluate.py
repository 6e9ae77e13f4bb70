"""What `usvireid evaluate` does: the scores of a run's encoder, on its own data or on other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from usvireid.devices import choose_compute
from usvireid.display import Display
from usvireid.evaluation.results import Evaluation
from usvireid.layers import make_settings
from usvireid.loading import open_data
from usvireid.outcome import selected
from usvireid.quality.selection import Selection
from usvireid.run import Run
from usvireid.training.checkpoint import read_epoch
from usvireid.training.experiment import Experiment
from usvireid.training.scoring import Scorer


def evaluate_run(
    folder: Path,
    data: Path | None,
    rules: dict[str, Any],
    device: str | None,
    display: Display,
) -> tuple[Evaluation, Selection | None]:
    """Score the selected encoder of a run, on its own data or on other.

    Args:
        folder: the run folder.
        data: other crops; None: the run's.
        rules: settings of the evaluation; None: as the run has it.
        device: None: as the run has it.
        display: where to show progress.

    Returns:
        The scores, and the epoch they are of: None for the untrained encoder.

    Raises:
        UsvireidError: not a run folder, no crops of known identity, or a wrong setting.
    """
    run = Run.open(folder)
    changed = {name: value for name, value in rules.items() if value is not None}
    settings = make_settings(
        [
            (str(folder), run.settings.model_dump(mode="json")),
            ("options", {"evaluation": changed, **({} if device is None else {"device": device})}),
            ("options", {} if data is None else {"data": {"format": "auto"}}),
        ]
    )
    opened = open_data(data or run.data, settings, display)
    scorer = Scorer(opened.crops, opened.images, settings.evaluation)
    compute = choose_compute(settings.device, settings.precision)
    training = opened.rows(opened.crops.training_rows())
    experiment = Experiment(settings, training.crops.without_identities(), training.images, compute, display)
    chosen = selected(run)
    if chosen is None:
        display.warn(f"{folder}: no epoch is finished yet; this is the untrained encoder")
        experiment.begin()
    else:
        experiment.restore(read_epoch(run.checkpoints, chosen.epoch))
        display.say(f"{folder}: {chosen.sentence()}")
    return scorer.score(experiment), chosen
