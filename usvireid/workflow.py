"""What `usvireid run` does, stage by stage."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from types import ModuleType
from typing import Any

from usvireid import names
from usvireid.config import Settings
from usvireid.data.known import shown_rows, unseen
from usvireid.devices import choose_compute
from usvireid.display import Display
from usvireid.environment import describe, peak_gpu_memory_mb, peak_memory_mb
from usvireid.errors import DataError, UsageError, UsvireidError
from usvireid.evaluation.results import Evaluation
from usvireid.lines import all_epochs, clusters_line, epoch_line, scores_line
from usvireid.loading import Data, fingerprints, open_data, training_data
from usvireid.matching.labels import ForeignLabels, PseudoLabels
from usvireid.neighbors.choice import refuse_without_faiss, searcher
from usvireid.outcome import selected
from usvireid.processes import TRAIN, current
from usvireid.profile import Profile, profile_of
from usvireid.quality.epoch_measures import Seen, measure_epoch
from usvireid.quality.selection import Selection
from usvireid.quality.truth import truth_of
from usvireid.recipe import named_faults
from usvireid.report import report_on
from usvireid.resources import load_pipeline, locate
from usvireid.review.answer import standing
from usvireid.review.answers import read_answers
from usvireid.rollback import roll_back, signs_of
from usvireid.run import Run
from usvireid.summary import summary_table
from usvireid.training.checkpoint import (
    Checkpoint,
    checkpoint_files,
    latest_checkpoint,
    read_epoch,
    remove_old,
)
from usvireid.training.experiment import Experiment
from usvireid.training.guard import Guard, GuardState, Symptom
from usvireid.training.held_out import HeldOutScorer, held_out_rows, training_rows
from usvireid.training.monitor import Monitor
from usvireid.training.scoring import Scorer
from usvireid.training.soundness import refuse_unsound


class Workflow:
    """One call of `usvireid run` on a run folder.

    Args:
        run: the folder, with the settings.
        display: where to show what happens.
    """

    def __init__(self, run: Run, display: Display) -> None:
        self.run = run
        self.settings = run.settings
        self.display = display
        self.recipe: ModuleType = load_pipeline(run.settings.pipeline)
        self._supervised = bool(getattr(self.recipe, "labels_are_identities", False))
        self._clusters = "cluster" in run.settings.stages and not self._supervised
        if self._clusters and current().leads:  # the others have no part in an approximate search
            refuse_without_faiss(run.settings.neighbors)
        self.compute = choose_compute(run.settings.device, run.settings.precision)
        run.check_records(display.warn)
        data = open_data(run.data, run.settings, display)
        self.truth = training_data(data, run.settings)
        training = self.truth.crops
        self._sees_identities = bool(getattr(self.recipe, "uses_identities", False))
        shown = shown_rows(training, self.settings.known, self.settings.seed) & self._sees_identities
        training = training.with_identities_at(shown)
        self.experiment = Experiment(self.settings, training, self.truth.images, self.compute, display)
        if current().leads and not checkpoint_files(run.checkpoints):
            self.experiment.begin()
        trained = training_rows(data.crops, self.settings)
        self.scorer = Scorer(data.crops, data.images, self.settings.evaluation, trained)
        self.held_out = _held_out_scorer(data, self.settings)
        if self.settings.selection.method == "test" and self.scorer.why_not is not None:
            raise DataError(f"selection.method test: there is nothing to select by. {self.scorer.why_not}")
        self.profile = Profile(run.folder)
        self.guard = Guard(run.settings)
        self._guarded = run.settings.guard.use and self._clusters
        self.finished = 0
        self._recipe_file = locate("pipelines", run.settings.pipeline)
        self.inputs = fingerprints(training, self._recipe_file, run.settings)
        self._previous_labels: PseudoLabels | None = None

    def execute(self) -> None:
        """Do the stages of the settings; go on after the last complete epoch."""
        with self.run.claimed():
            self._resume()
            self._stages()

    def _stages(self) -> None:
        stages = self.settings.stages
        searching = searcher(self.settings.neighbors, str(self.compute.device))
        several = current().size
        environment = {**describe(self.compute), "knn": searching, "processes": several}
        self.run.write_environment(environment)
        self.display.say(
            f"{self.run.folder}: {self._counted()}; {self.settings.encoder.name} on {self.compute}, "
            f"{environment['cpu_threads']} threads{f' each, {several} processes' if several > 1 else ''}, "
            f"k-NN by {searching}"
        )
        if "train" in stages:
            if self.finished < self.settings.training.epochs:
                self.experiment.fit_batches()
            self._score_untrained()
            while self.finished < self.settings.training.epochs:
                self._epoch(self.finished + 1)
            self._say_if_nothing_was_left(stages)
        elif "cluster" in stages:
            self._cluster_only(self.finished + 1)
        if "evaluate" in stages:
            with self.profile.stage("evaluate"):
                self._evaluate()
        summary = summary_table(self.run.metrics(), selected(self.run))
        if summary is not None:
            self.display.table(summary)
        if "report" in stages or stages == ["cluster"]:
            with self.profile.stage("report"):
                report_on(self.run, self.truth, self.display)

    def _resume(self) -> None:
        checkpoint = latest_checkpoint(self.run.checkpoints)
        if checkpoint is None:
            return
        self._go_on_from(checkpoint)
        self._say_what_changed(checkpoint.fact("inputs"))
        if self.finished:
            self.display.say(f"going on after epoch {self.finished}")

    def _go_on_from(self, checkpoint: Checkpoint) -> None:
        """Take the state of a checkpoint; that of the untrained encoder has no line of metrics and no labels."""
        line = checkpoint.fact("metrics")
        if "guard" in checkpoint.facts:  # older runs had none
            self.guard.state = GuardState.of_fact(checkpoint.facts["guard"])
        self.experiment.settings = self.guard.settings()
        self.experiment.restore(checkpoint)
        self.finished, self._previous_labels = checkpoint.epoch, None
        if line is None:
            return
        if all(old["epoch"] != self.finished for old in self.run.metrics()):
            self.run.write_metrics(line)
        before = self.run.labels / line["labels"]
        if before.is_file():
            # They serve one measure, stability; crops that have gone since must not stop the run.
            with contextlib.suppress(ForeignLabels):
                self._previous_labels = PseudoLabels.read(before, self.experiment.crops)

    def _say_what_changed(self, before: object) -> None:
        known = before if isinstance(before, dict) else {}
        changed = [what for what, digest in self.inputs.items() if known.get(what) != digest]
        if changed:
            self.display.warn(
                f"changed since epoch {self.finished}: {', '.join(changed)}; the run goes on with what is there now"
            )

    def _score_untrained(self) -> None:
        monitor = self.new_monitor()
        # Rules that leave nothing to select by are found here, not after an epoch.
        held_out = self._score_held_out(monitor) if not self.finished else {}
        if self.finished or self.scorer.why_not is not None or any(line["epoch"] == 0 for line in self.run.metrics()):
            return
        with monitor.step("evaluate"):
            evaluation = self.scorer.score(self.experiment)
        self.run.write_metrics({"epoch": 0, **_facts(monitor), **_scored(evaluation), **held_out})
        self.display.say(f"untrained: {scores_line(evaluation)}")

    def _score_held_out(self, monitor: Monitor) -> dict[str, Any]:
        """The scores on held-out identities as a part of a line of metrics; empty where none are held out."""
        if self.held_out is None:
            return {}
        with monitor.step("evaluate"):
            return {"held_out": self.held_out.score(self.experiment).to_dict()}

    def _epoch(self, epoch: int) -> None:
        monitor = self.new_monitor()
        monitor.messages += self.guard.messages(epoch)
        labels, facts = self._labels(epoch)
        if self._guarded:
            known = self.experiment.constraints().of_known_identity()
            signs = signs_of(facts["quality"], monitor.shown, self.experiment.extract_features(), known)
            symptoms = self.guard.judge(epoch, signs)
            if symptoms:
                self._refuse_if_answered(epoch, symptoms, facts["answers"])
                self._roll_back(epoch, symptoms)
                return
            facts["guard"] = self.guard.facts(signs)
        if not len(labels.column(names.IDENTITY)) or labels.column(names.IDENTITY).max() < 0:
            raise UsvireidError(self._nothing_to_train_on(monitor))
        untrained = self._checkpoint(0, None).copied() if self._guarded and not self.finished else None
        with monitor.step("train"):
            self.train(labels, epoch)
            losses = monitor.losses()
        refuse_unsound(self.experiment, losses, epoch)
        self.finished = epoch
        evaluation = None
        last = epoch == self.settings.training.epochs
        if self.scorer.why_not is None and (last or epoch % self.settings.evaluation.every == 0):
            with monitor.step("evaluate"):
                evaluation = self.scorer.score(self.experiment)
        held_out = self._score_held_out(monitor)
        line = {
            "epoch": epoch,
            **facts,
            "losses": losses,
            "notes": monitor.notes(),
            **_facts(monitor),
            "images_per_second": monitor.images / monitor.seconds["train"],
            **_scored(evaluation),
            **held_out,
        }
        # The checkpoint comes last: once it stands the epoch is done, and until then all of it is done again.
        self.run.write_metrics(line)
        with monitor.step("checkpoint"):
            if untrained is not None:
                untrained.write(self.run.checkpoints)
            self._checkpoint(epoch, line).write(self.run.checkpoints)
        chosen = selected(self.run)
        spared = None if chosen is None else chosen.epoch
        remove_old(self.run.checkpoints, self.settings.training.keep_checkpoints, spared)
        self.profile.add_epoch(profile_of(epoch, monitor))
        self.display.say(epoch_line(line, self.settings.training.epochs, evaluation))

    def _checkpoint(self, epoch: int, line: dict[str, Any] | None) -> Checkpoint:
        guard = self.guard.state.model_dump(mode="json")
        return self.experiment.checkpoint(epoch, {"metrics": line, "inputs": self.inputs, "guard": guard})

    def _refuse_if_answered(self, epoch: int, symptoms: dict[str, Symptom], answers: int) -> None:
        """Where a collapse comes with new answers it is theirs, and no state of the run is to blame."""
        before = next((line.get("answers", 0) for line in reversed(self.run.metrics()) if line["epoch"] < epoch), 0)
        if answers == before:
            return
        why = ", ".join(f"{modality}: {symptom.text}" for modality, symptom in symptoms.items())
        raise UsvireidError(
            f"epoch {epoch}: with the new answers in {self.run.reviews} the clusters collapse ({why}); nothing was "
            "changed. Take the last answers back in `usvireid review`, and start again."
        )

    def _roll_back(self, epoch: int, symptoms: dict[str, Symptom]) -> None:
        checkpoint, rollback = roll_back(self.run, self.guard, epoch, symptoms, lambda: self._checkpoint(0, None))
        self._go_on_from(checkpoint)
        self.display.warn(rollback.sentence())

    def train(self, labels: PseudoLabels, epoch: int) -> None:
        """Train for one epoch, by all processes that there are."""
        doing = f"train() failed in epoch {epoch}"
        with current().jointly(TRAIN, labels, epoch, self.experiment.settings), named_faults(self._recipe_file, doing):
            self.recipe.train(self.experiment, labels, epoch)
        if not self.experiment.monitor.losses():
            self.display.warn_once(
                f"{self._recipe_file}: train() never called experiment.optimize, so nothing was learnt "
                "unless it has an optimiser of its own"
            )

    def _clustered(self, epoch: int) -> PseudoLabels:
        self.experiment.heed(read_answers(self.run.reviews, self.display.warn_once))
        with named_faults(self._recipe_file, f"cluster() failed in epoch {epoch}"):
            labels = self.recipe.cluster(self.experiment, epoch)
        if not isinstance(labels, PseudoLabels):
            raise UsvireidError(
                f"{self._recipe_file}: cluster() returned a {type(labels).__name__} in epoch {epoch}; "
                "it has to return PseudoLabels."
            )
        return labels

    def _labels(self, epoch: int) -> tuple[PseudoLabels, dict[str, Any]]:
        """The labels of an epoch, from the cluster stage or from the newest file, and the facts about them."""
        if "cluster" in self.settings.stages:
            labels = self._clustered(epoch)
            kept = self.run.write_labels(labels, epoch)
            path = self.run.labels_file(epoch)
            if kept is not None:
                self.experiment.monitor.warn(f"{path.name} had been edited by hand; the edited file is kept as {kept}")
            # What is trained on is what the file says, not what memory holds: an edit and a re-run mean the same.
        else:
            path = self.run.latest_labels()
        labels = PseudoLabels.read(path, self.experiment.crops, self.display.warn_once)
        measured = self._measured(labels)
        self._previous_labels = labels
        truth = truth_of(labels, unseen(self.truth.crops, self.settings, self._sees_identities), self.truth.crops)
        return labels, {
            "supervised": self._supervised,
            "sees_identities": self._sees_identities,
            "phase": "cross" if len(labels.shared_identities()) else "intra",
            "labels": path.name,
            "eps": self.experiment.monitor.eps,
            "edited": self.run.is_edited(path),
            "answers": len(standing(self.experiment.answers)),
            "clusters": {name: measured[name]["clusters"] for name in names.MODALITIES},
            "outliers": {name: measured[name]["outliers"] for name in names.MODALITIES},
            "quality": measured,
            "truth": None if truth is None else truth.to_dict(),
        }

    def _measured(self, labels: PseudoLabels) -> dict[str, Any]:
        """The label-free measures of labels, by all that the recipe has left at hand."""
        experiment, monitor = self.experiment, self.experiment.monitor
        from_file = "cluster" not in self.settings.stages and not self._supervised
        if from_file and self.settings.quality.measures != "counts":
            experiment.extract_features()
        features, gradients = experiment.at_hand()
        constraints = experiment.constraints() if monitor.shown else None
        with monitor.step("measure"):
            seen = Seen(experiment.crops, monitor.shown, self.truth.looks, features, gradients, constraints)
            measured = measure_epoch(labels, self._previous_labels, seen, self.settings)
        # The graphs are large, and training needs the room.
        monitor.shown = {name: replace(shown, graph=None) for name, shown in monitor.shown.items()}
        return measured

    def _cluster_only(self, epoch: int) -> None:
        monitor = self.new_monitor()
        _, facts = self._labels(epoch)
        self.run.write_metrics({"epoch": epoch, **facts, "losses": {}, **_facts(monitor), "evaluation": None})
        path = self.run.labels_file(epoch)
        self.display.say(
            f"labels: {path} ({clusters_line(facts)}); `--stage train` trains on this file as it stands then"
        )

    def _evaluate(self) -> None:
        if self.scorer.why_not is not None:
            self.display.say(f"not evaluated. {self.scorer.why_not}")
            return
        chosen = selected(self.run)
        if chosen is not None and chosen.epoch != self.finished:
            self.experiment.restore(read_epoch(self.run.checkpoints, chosen.epoch))
        evaluation = self.scorer.score(self.experiment)
        self.run.write_evaluation(
            {
                "epoch": 0 if chosen is None else chosen.epoch,
                "selection": None if chosen is None else chosen.to_dict(),
                **self.settings.evaluation.model_dump(mode="json"),
                "scores": evaluation.to_dict(),
                "fingerprints": evaluation.fingerprints_dict(),
            }
        )
        self.display.table(evaluation.table(_retrieval_title(chosen)))

    def new_monitor(self) -> Monitor:
        """Begin to collect the facts of an epoch."""
        self.experiment.monitor = Monitor(self.display, self.compute.device)
        return self.experiment.monitor

    def _counted(self) -> str:
        crops = self.truth.crops
        return ", ".join(f"{len(crops.rows_of(modality)):,} {modality} crops" for modality in names.MODALITIES)

    def _nothing_to_train_on(self, monitor: Monitor) -> str:
        said = " ".join(f"{message.rstrip('.')}." for message in monitor.messages)
        return (
            f"no crop has a pseudo-identity, so there is nothing to train on. {said} "
            f"The labels stand in {self.run.latest_labels()}."
        )

    def _say_if_nothing_was_left(self, stages: list[Any]) -> None:
        epochs = self.settings.training.epochs
        if not self.finished or self.experiment.monitor.seconds:
            return
        if "cluster" not in stages:
            raise UsageError(
                f"{self.run.folder}: {all_epochs(epochs)} trained, so nothing was trained on "
                f"{self.run.latest_labels().name}; give more, for example --epochs {epochs + 5}."
            )
        self.display.say(f"{all_epochs(epochs)} trained; a larger --epochs goes on from there")


def _retrieval_title(chosen: Selection | None) -> str:
    if chosen is None:
        return "Retrieval of the untrained encoder, in percent"
    return f"Retrieval after {chosen.sentence()}; in percent"


def _held_out_scorer(data: Data, settings: Settings) -> HeldOutScorer | None:
    if settings.selection.method != "held-out":
        return None
    held_out = data.rows(held_out_rows(data.crops, settings))
    return HeldOutScorer(held_out.crops, held_out.images, settings)


def _facts(monitor: Monitor) -> dict[str, Any]:
    return {
        "seconds": {name: round(seconds, 3) for name, seconds in monitor.seconds.items()},
        "peak_memory_mb": round(peak_memory_mb(), 1),
        "peak_gpu_memory_mb": peak_gpu_memory_mb(),
        "messages": monitor.messages,
    }


def _scored(evaluation: Evaluation | None) -> dict[str, Any]:
    """The scores of an epoch and what they were measured by, for its line of metrics."""
    if evaluation is None:
        return {"evaluation": None}
    return {"evaluation": evaluation.to_dict(), "fingerprints": evaluation.fingerprints_dict()}
