"""A run by all processes that torchrun started: the first does it, the others take part in what it begins."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from torch import Tensor

from usvireid.config import Settings
from usvireid.display import Display
from usvireid.errors import DataError
from usvireid.matching.labels import PseudoLabels
from usvireid.neighbors.shared import join_search
from usvireid.processes import BEGIN, EXTRACT, FIT, RESTORE, SCORE, SCORE_HELD_OUT, SEARCH, TRAIN, Group, current
from usvireid.run import Run
from usvireid.workflow import Workflow


def execute(run: Run, display: Display) -> None:
    """Do what a run asks for, with all processes that there are."""
    group = current()
    group.send(run)
    workflow = Workflow(run, display)
    weights = {name: tensor.cpu() for name, tensor in workflow.experiment.encoder.state_dict().items()}
    with group.jointly(BEGIN, workflow.inputs, weights):
        pass  # the others make theirs equal; this process has nothing to do
    workflow.execute()
    group.dismiss()


def follow(group: Group) -> None:
    """Take part, unheard, in every run that the first process does."""
    while (run := group.receive()) is not None:
        group.follow(_tasks(Workflow(run, Display(Console(quiet=True)))))


def _tasks(workflow: Workflow) -> dict[str, Callable[..., object]]:
    """What a process that follows is asked to take part in."""
    experiment, scorer, held_out = workflow.experiment, workflow.scorer, workflow.held_out

    def begin(inputs: dict[str, str], weights: dict[str, Tensor]) -> None:
        """Start from the weights of the first process, and on the same data."""
        differs = [what for what, digest in workflow.inputs.items() if inputs.get(what) != digest]
        if differs:
            raise DataError(
                f"{workflow.run.data}: {' and '.join(differs)} of process {current().rank} differ from those of "
                "process 0; all processes need the same files."
            )
        experiment.encoder.load_state_dict(weights)

    def train(labels: PseudoLabels, epoch: int, settings: Settings) -> None:
        """Train as the first process does, whose settings may have changed on the way."""
        experiment.settings = settings
        workflow.new_monitor()
        workflow.train(labels, epoch)

    return {
        BEGIN: begin,
        RESTORE: experiment.restore,
        FIT: experiment.fit_batches,
        EXTRACT: experiment.extract_features,
        SEARCH: join_search,
        TRAIN: train,
        SCORE: lambda: scorer.features(experiment),
        SCORE_HELD_OUT: lambda: held_out and held_out.features(experiment),
    }
