"""Several runs under one command: one for each trial of the data, and a table over them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from usvireid import names
from usvireid.comparison.spread import MEASURES, Scores, shown, spread_over, spread_to_dict
from usvireid.data.open import AUTO, open_crops, recognise
from usvireid.data.published import TITLES
from usvireid.data.sources.regdb import TRIALS
from usvireid.display import Display
from usvireid.errors import UsageError
from usvireid.files import write_atomically
from usvireid.layers import differences
from usvireid.outcome import outcome, selected
from usvireid.run import Configs, Run, begin, default_folder, trial_folders
from usvireid.together import execute

_PART = re.compile(r"(\d+)(?:-(\d+))?")
_TRIAL = "data.trial"


def parse_trials(text: str) -> list[int]:
    """`1-10`, `1,3,5` or `1-3,7` as ascending numbers, each once.

    Raises:
        UsageError: anything else, or a trial that no data have.
    """
    numbers: set[int] = set()
    for part in text.split(","):
        found = _PART.fullmatch(part.strip())
        if found is None:
            raise UsageError(f"--trials {text}: write numbers and ranges, for example 1-10 or 1,3,5.")
        first, last = int(found[1]), int(found[2] or found[1])
        if not 1 <= first <= last <= TRIALS:
            raise UsageError(f"--trials {text}: '{part.strip()}' is not within the trials 1 to {TRIALS}.")
        numbers.update(range(first, last + 1))
    return sorted(numbers)


def run_trials(
    trials: Sequence[int],
    data: Path | None,
    config: Configs,
    out: Path | None,
    given: dict[str, Any],
    assign: list[str],
    display: Display,
) -> None:
    """Do one run for each trial, in `out`/trial_01 and so on, and write and show the mean over them.

    A trial that is complete is passed over, so that the same command goes on where it stopped. The arguments are those
    of `usvireid.run.begin`.

    Raises:
        UsageError: data without trials, the trial is set otherwise too, or `out` holds something else, or
            trials of other settings.
        DataError: the lists of a trial have a fault.
        UsvireidError: of the runs.
    """
    folder = default_folder(data, config) if out is None else out
    _refuse_other_content(folder)
    standing = [Run.open(path) for path in trial_folders(folder)]
    data = standing[0].data if data is None and standing else data
    # All settings and lists are looked at before the first trial begins, not hours later.
    runs = [_begin(trial, data, config, folder, given, assign) for trial in trials]
    _refuse_mixed(runs, standing)
    for position, (trial, run) in enumerate(zip(trials, runs, strict=True), 1):
        if is_complete(run):
            display.say(f"trial {trial} ({position} of {len(trials)}): complete, {run.folder}")
            continue
        display.say(f"trial {trial} ({position} of {len(trials)}): {run.folder}")
        execute(run, display)
    found = [(trial, result) for trial, run in zip(trials, runs, strict=True) if (result := outcome(run)) is not None]
    if len(found) < len(trials):
        display.say("not every trial is scored, so there is no mean; `--stage evaluate` scores them")
        return
    write_atomically(folder / names.TRIALS_FILE, (json.dumps(_to_dict(found), indent=2) + "\n").encode())
    display.console.print(trials_table([result["scores"] for _, result in found], _labels(found)))
    display.say(f"over the trials: {folder / names.TRIALS_FILE}")


def is_complete(run: Run) -> bool:
    """Whether nothing is left to do of the stages of `run.settings` in the folder that stands there."""
    if not (run.folder / names.CONFIG_FILE).is_file() or Run.open(run.folder).settings != run.settings:
        return False
    chosen, stages = selected(run), run.settings.stages
    if "train" in stages and (chosen is None or chosen.epochs < run.settings.training.epochs):
        return False
    evaluation = run.evaluation()
    rules = run.settings.evaluation.model_dump(mode="json")
    scored = evaluation.get("epoch") == (0 if chosen is None else chosen.epoch) and rules.items() <= evaluation.items()
    reported = (run.folder / names.REPORT_FILE).is_file()
    if "train" not in stages and "evaluate" not in stages:
        return False
    return (scored or "evaluate" not in stages) and (reported or "report" not in stages)


def trials_table(scores: Sequence[Scores], labels: Sequence[str]) -> Table:
    """Mean and deviation over trials, a line for each search.

    Args:
        scores: of each trial.
        labels: how the epochs were selected.
    """
    spread = spread_over(scores)
    measures = [name for name in MEASURES if any(name in found for found in spread.values())]
    title = f"Mean of {len(scores)} trials, in percent ({', '.join(labels)})"
    table = Table(title=title, title_justify="left", caption_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("query → gallery", overflow="fold")
    for name in measures:
        table.add_column(MEASURES[name], justify="right", no_wrap=True)
    for search, found in spread.items():
        cells = [found[name].text().replace(" ", "\n") if name in found else "-" for name in measures]
        table.add_row(Text(shown(search)), *map(Text, cells))
    if len(scores) > 1:
        table.caption = "± is the sample standard deviation over the trials"
    return table


def _begin(
    trial: int, data: Path | None, config: Configs, folder: Path, given: dict[str, Any], assign: list[str]
) -> Run:
    run = begin(data, config, folder / f"{names.TRIAL_PREFIX}{trial:02d}", {**given, _TRIAL: trial}, assign)
    if run.settings.data.trial != trial:
        raise UsageError(f"--trials and --set {_TRIAL}: give one of them.")
    layout: str = run.settings.data.format
    if layout == AUTO:
        layout = recognise(run.data) if run.data.is_dir() else names.OWN
    if layout != names.REGDB:
        what = f"it is {TITLES[layout]}" if layout in TITLES else "it is no benchmark"
        raise UsageError(f"--trials: {run.data} has no trials ({what}; RegDB has); leave --trials out.")
    open_crops(run.data, layout=layout, trial=trial)
    return run


def _refuse_mixed(runs: Sequence[Run], standing: Sequence[Run]) -> None:
    """A mean over trials is one of equal settings; those that this command leaves alone may have other epochs."""
    first = runs[0]
    for other in (*runs[1:], *standing):
        changed: dict[str, tuple[Any, Any]] = differences(first.settings, other.settings)
        changed.pop(_TRIAL, None)
        if other.data != first.data:
            changed["DATA"] = first.data, other.data
        epochs = first.settings.training.epochs, other.settings.training.epochs
        if other in runs and epochs[0] != epochs[1]:
            changed["training.epochs"] = epochs
        for name, (here, there) in changed.items():
            raise UsageError(
                f"{first.folder} and {other.folder} would differ in more than the trial ({name}: {here} and {there}); "
                "give the DATA and settings of the one that stands there, or another --out."
            )


def _refuse_other_content(folder: Path) -> None:
    if (folder / names.CONFIG_FILE).is_file():
        raise UsageError(f"{folder}: is a run folder, not one of trials; give another --out.")
    if not folder.exists():
        return
    known = {*trial_folders(folder), folder / names.TRIALS_FILE}
    other = [path for path in folder.iterdir() if path not in known] if folder.is_dir() else [folder]
    if [path for path in other if not re.fullmatch(rf"{names.TRIAL_PREFIX}\d\d|\..*", path.name)]:
        raise UsageError(f"{folder}: exists and is not a folder of trials; give another --out.")


def _labels(found: Sequence[tuple[int, dict[str, Any]]]) -> list[str]:
    return list(dict.fromkeys((result["selection"] or {}).get("label", "untrained") for _, result in found))


def _to_dict(found: Sequence[tuple[int, dict[str, Any]]]) -> dict[str, Any]:
    return {
        "trials": [trial for trial, _ in found],
        "selected": _labels(found),
        "scores": spread_to_dict(spread_over([result["scores"] for _, result in found])),
        "runs": {str(trial): result for trial, result in found},
    }
