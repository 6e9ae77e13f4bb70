"""What `usvireid run` does, stage by stage."""

from __future__ import annotations

import contextlib
import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from usvireid import names
from usvireid.config import Settings
from usvireid.data.cache import cache_folder
from usvireid.data.crops import Crops, Images
from usvireid.data.digests import content_digests
from usvireid.data.images import open_images
from usvireid.data.looks import doubts_about_looks
from usvireid.data.open import survey_crops
from usvireid.data.published import differences
from usvireid.devices import choose_compute
from usvireid.display import Display
from usvireid.environment import describe, peak_gpu_memory_mb, peak_memory_mb
from usvireid.errors import DataError, UsageError, UsvireidError
from usvireid.evaluation.results import Evaluation
from usvireid.layers import make_settings
from usvireid.matching.labels import ForeignLabels, PseudoLabels
from usvireid.neighbors.knn import choose_backend
from usvireid.outcome import outcome, selected
from usvireid.quality.measures import measure_labels
from usvireid.quality.report import write_report
from usvireid.quality.selection import Selection
from usvireid.quality.truth import truth_of
from usvireid.recipe import named_faults
from usvireid.resources import load_pipeline, locate
from usvireid.run import Run
from usvireid.summary import summary_table
from usvireid.training.checkpoint import checkpoint_files, latest_checkpoint, read_epoch, remove_old
from usvireid.training.experiment import Experiment
from usvireid.training.held_out import HeldOutScorer, held_out_rows, training_rows
from usvireid.training.monitor import Monitor
from usvireid.training.scoring import Scorer

_NAMED_BAD_IMAGES = 5
"""Unreadable images that are named on the terminal; all of them are counted."""


@dataclass(frozen=True)
class Data:
    """The readable crops of a data folder and their pixels."""

    crops: Crops
    images: Images

    def rows(self, rows: np.ndarray) -> Data:
        """Some of the crops as data of their own."""
        return Data(self.crops.take(rows), lambda picked: self.images(rows[picked]))


def open_data(path: Path, settings: Settings, display: Display) -> Data:
    """Open crops and decode their images, once; what cannot be read is named and left out, or refused if strict.

    What is odd about the data is said here, before anything is made of them: counts other than a benchmark's published
    ones, and cameras whose images look like the other modality.

    Raises:
        UsvireidError: of the sources and the image cache; each says what to do.
    """
    survey = survey_crops(path, layout=settings.data.format, trial=settings.data.trial)
    crops = survey.usable()
    for remark in (*survey.remarks, *filter(None, [differences(crops)])):
        display.warn(remark)
    with display.counted("decoding images") as progress:
        readable, store, bad = open_images(
            crops,
            settings.data.height,
            settings.data.width,
            cache_dir=settings.data.cache,
            strict=settings.data.strict,
            progress=progress,
        )
    for image in bad[:_NAMED_BAD_IMAGES]:
        display.warn(f"{crops.root / image.path}: {image.reason}; left out")
    if bad:
        display.warn(f"{len(bad)} of {len(crops)} images cannot be read and are left out (--strict refuses them)")
    data = Data(readable, lambda rows: store.images[rows])
    for doubt in doubts_about_looks(data.crops, data.images):
        display.warn(doubt)
    return data


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
        self.compute = choose_compute(run.settings.device, run.settings.precision)
        _refuse_damaged(run, display)
        data = open_data(run.data, run.settings, display)
        self.truth = _training_data(data, run.settings)
        training = self.truth.crops
        if not getattr(self.recipe, "uses_identities", False):
            training = training.without_identities()
        self.experiment = Experiment(self.settings, training, self.truth.images, self.compute, display)
        if not checkpoint_files(run.checkpoints):
            self.experiment.load_weights()
        trained = training_rows(data.crops, self.settings)
        self.scorer = Scorer(data.crops, data.images, self.settings.evaluation, trained)
        self.held_out = _held_out_scorer(data, self.settings)
        if self.settings.selection.method == "test" and self.scorer.why_not is not None:
            raise DataError(f"selection.method test: there is nothing to select by. {self.scorer.why_not}")
        self.finished = 0
        self._recipe_file = locate("pipelines", run.settings.pipeline)
        self._inputs = _fingerprints(training, self._recipe_file, cache_folder(run.settings.data.cache))
        self._previous_labels: PseudoLabels | None = None

    def execute(self) -> None:
        """Do the stages of the settings; go on after the last complete epoch."""
        with self.run.claimed():
            self._resume()
            self._stages()

    def _stages(self) -> None:
        stages = self.settings.stages
        neighbors = self.settings.neighbors
        searcher, _ = choose_backend(neighbors.backend, str(self.compute.device), neighbors.k1)
        environment = {**describe(self.compute), "knn": searcher}
        self.run.write_environment(environment)
        self.display.say(
            f"{self.run.folder}: {self._counted()}; {self.settings.encoder.name} on {self.compute}, "
            f"{environment['cpu_threads']} threads, k-NN by {searcher}"
        )
        if "train" in stages:
            self._score_untrained()
            for epoch in range(self.finished + 1, self.settings.training.epochs + 1):
                self._epoch(epoch)
            self._say_if_nothing_was_left(stages)
        elif "cluster" in stages:
            self._cluster_only(self.finished + 1)
        if "evaluate" in stages:
            self._evaluate()
        summary = summary_table(self.run.metrics(), selected(self.run))
        if summary is not None:
            self.display.table(summary)
        if "report" in stages or stages == ["cluster"]:
            _report(self.run, self.truth, self.display)

    def _resume(self) -> None:
        checkpoint = latest_checkpoint(self.run.checkpoints)
        if checkpoint is None:
            return
        self.experiment.restore(checkpoint)
        self.finished = checkpoint.epoch
        self._say_what_changed(checkpoint.fact("inputs"))
        if all(line["epoch"] != self.finished for line in self.run.metrics()):
            self.run.write_metrics(checkpoint.fact("metrics"))
        before = self.run.labels / checkpoint.fact("metrics")["labels"]
        if before.is_file():
            # They serve one measure, stability; crops that have gone since must not stop the run.
            with contextlib.suppress(ForeignLabels):
                self._previous_labels = PseudoLabels.read(before, self.experiment.crops)
        self.display.say(f"going on after epoch {self.finished}")

    def _say_what_changed(self, before: object) -> None:
        known = before if isinstance(before, dict) else {}
        changed = [what for what, digest in self._inputs.items() if known.get(what) != digest]
        if changed:
            self.display.warn(
                f"changed since epoch {self.finished}: {', '.join(changed)}; the run goes on with what is there now"
            )

    def _score_untrained(self) -> None:
        monitor = self._new_monitor()
        # Rules that leave nothing to select by are found here, not after an epoch.
        held_out = self._score_held_out(monitor) if not self.finished else {}
        if self.finished or self.scorer.why_not is not None or any(line["epoch"] == 0 for line in self.run.metrics()):
            return
        with monitor.step("evaluate"):
            evaluation = self.scorer.score(self.experiment)
        self.run.write_metrics({"epoch": 0, **_facts(monitor), **_scored(evaluation), **held_out})
        self.display.say(f"untrained: {_brief(evaluation)}")

    def _score_held_out(self, monitor: Monitor) -> dict[str, Any]:
        """The scores on held-out identities as a part of a line of metrics; empty where none are held out."""
        if self.held_out is None:
            return {}
        with monitor.step("evaluate"):
            return {"held_out": self.held_out.score(self.experiment).to_dict()}

    def _epoch(self, epoch: int) -> None:
        monitor = self._new_monitor()
        labels, facts = self._labels(epoch)
        if not len(labels.column(names.IDENTITY)) or labels.column(names.IDENTITY).max() < 0:
            raise UsvireidError(self._nothing_to_train_on(monitor))
        with monitor.step("train"):
            self._train(labels, epoch)
            losses = monitor.losses()
        _refuse_not_finite(losses, epoch)
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
        self.experiment.checkpoint(epoch, {"metrics": line, "inputs": self._inputs}).write(self.run.checkpoints)
        chosen = selected(self.run)
        spared = None if chosen is None else chosen.epoch
        remove_old(self.run.checkpoints, self.settings.training.keep_checkpoints, spared)
        self.display.say(_epoch_line(line, self.settings.training.epochs, evaluation))

    def _train(self, labels: PseudoLabels, epoch: int) -> None:
        with named_faults(self._recipe_file, f"train() failed in epoch {epoch}"):
            self.recipe.train(self.experiment, labels, epoch)
        if not self.experiment.monitor.losses():
            self.display.warn_once(
                f"{self._recipe_file}: train() never called experiment.optimize, so nothing was learnt "
                "unless it has an optimiser of its own"
            )

    def _clustered(self, epoch: int) -> PseudoLabels:
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
        measures = measure_labels(labels, self._previous_labels)
        self._previous_labels = labels
        truth = truth_of(labels, self.truth.crops)
        return labels, {
            "phase": "cross" if len(labels.shared_identities()) else "intra",
            "labels": path.name,
            "eps": self.experiment.monitor.eps,
            "edited": self.run.is_edited(path),
            "clusters": {name: counts.clusters for name, counts in measures.modalities.items()},
            "outliers": {name: counts.outliers for name, counts in measures.modalities.items()},
            "quality": measures.to_dict(),
            "truth": None if truth is None else truth.to_dict(),
        }

    def _cluster_only(self, epoch: int) -> None:
        monitor = self._new_monitor()
        _, facts = self._labels(epoch)
        self.run.write_metrics({"epoch": epoch, **facts, "losses": {}, **_facts(monitor), "evaluation": None})
        path = self.run.labels_file(epoch)
        self.display.say(f"labels: {path} ({_clusters(facts)}); `--stage train` trains on this file as it stands then")

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

    def _new_monitor(self) -> Monitor:
        self.experiment.monitor = Monitor(self.display)
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
                f"{self.run.folder}: {_all(epochs)} trained, so nothing was trained on "
                f"{self.run.latest_labels().name}; give more, for example --epochs {epochs + 5}."
            )
        self.display.say(f"{_all(epochs)} trained; a larger --epochs goes on from there")


def _refuse_damaged(run: Run, display: Display) -> None:
    """Look at the run's records before any work is done; a line that an interruption cut off is no damage."""
    run.metrics()
    torn = run.torn_metrics()
    if torn is not None:
        display.warn(torn)


def _fingerprints(crops: Crops, recipe: Path, cache: Path) -> dict[str, str]:
    """Digests of what is trained on and how: which crops there are, what their files hold, and the recipe's text."""
    listed = hashlib.sha256()
    for column in (names.PATH, names.MODALITY):
        listed.update("\n".join(crops.table[column]).encode())
    # Opening the images has just looked at every file, so that the digests are at hand.
    content = content_digests(crops, cache, workers=4).content
    return {
        "the list of crops": listed.hexdigest(),
        "the images": hashlib.sha256(np.ascontiguousarray(content).tobytes()).hexdigest(),
        "the recipe": hashlib.sha256(recipe.read_bytes()).hexdigest(),
    }


def _retrieval_title(chosen: Selection | None) -> str:
    if chosen is None:
        return "Retrieval of the untrained encoder, in percent"
    return f"Retrieval after {chosen.sentence()}; in percent"


def _held_out_scorer(data: Data, settings: Settings) -> HeldOutScorer | None:
    if settings.selection.method != "held-out":
        return None
    held_out = data.rows(held_out_rows(data.crops, settings))
    return HeldOutScorer(held_out.crops, held_out.images, settings)


def _training_data(data: Data, settings: Settings) -> Data:
    training = data.rows(training_rows(data.crops, settings))
    for modality in names.MODALITIES:
        if not len(training.crops.rows_of(modality)):
            raise DataError(
                f"{data.crops.root}: no {modality} crop to train on; both modalities need crops"
                + (" of split 'train'." if data.crops.has(names.SPLIT) else ".")
            )
    return training


def _facts(monitor: Monitor) -> dict[str, Any]:
    return {
        "seconds": {name: round(seconds, 3) for name, seconds in monitor.seconds.items()},
        "peak_memory_mb": round(peak_memory_mb(), 1),
        "peak_gpu_memory_mb": peak_gpu_memory_mb(),
        "messages": monitor.messages,
    }


def _clusters(line: dict[str, Any]) -> str:
    quality = line["quality"]
    if line["edited"]:  # the clusters in the file need not be what a person made of the identities
        crops = ", ".join(f"{quality[modality]['trained']} {modality} crops" for modality in names.MODALITIES)
        return f"{quality['identities']} identities by hand, {quality['shared_identities']} in both; {crops}"
    counted = ", ".join(
        f"{modality} {line['clusters'][modality]} clusters {line['outliers'][modality]} outliers"
        for modality in names.MODALITIES
    )
    shared = quality["shared_identities"]
    return counted + (f", {shared} matched" if shared else "")


def _epoch_line(line: dict[str, Any], epochs: int, evaluation: Evaluation | None) -> str:
    losses = " ".join(f"{name.replace(' ', '-')} {value:.2f}" for name, value in line["losses"].items())
    parts = [
        f"epoch {line['epoch']}/{epochs} {line['phase']}: {_clusters(line)}",
        *([f"loss {losses}"] if losses else []),
        f"{line['images_per_second']:.0f} images/s",
        f"{sum(line['seconds'].values()):.1f} s",
    ]
    return "; ".join(parts) + ("" if evaluation is None else f"; {_brief(evaluation)}")


def _all(epochs: int) -> str:
    return "the one epoch is" if epochs == 1 else f"all {epochs} epochs are"


def _brief(evaluation: Evaluation) -> str:
    return ", ".join(
        f"{name} Rank-1 {100 * (found.cmc[1] or 0):.1f} mAP {100 * (found.mean_average_precision or 0):.1f}"
        for name, found in evaluation.rows.items()
    )


def _scored(evaluation: Evaluation | None) -> dict[str, Any]:
    """The scores of an epoch and what they were measured by, for its line of metrics."""
    if evaluation is None:
        return {"evaluation": None}
    return {"evaluation": evaluation.to_dict(), "fingerprints": evaluation.fingerprints_dict()}


def _refuse_not_finite(losses: dict[str, float], epoch: int) -> None:
    bad = [name for name, value in losses.items() if not math.isfinite(value)]
    if bad:
        raise UsvireidError(
            f"epoch {epoch}: the loss '{bad[0]}' is not a finite number; nothing of this epoch was kept. Start anew, "
            "with another --out, a smaller optimizer.learning_rate or precision float32."
        )


def _report(run: Run, data: Data, display: Display) -> None:
    """Write `report.html` from what stands in the run folder."""
    files, chosen, found = run.label_files(), selected(run), outcome(run)
    path = write_report(
        run.folder,
        images=data.images,
        crops=data.crops,
        labels=PseudoLabels.read(files[-1], data.crops, display.warn_once) if files else None,
        metrics=run.metrics(),
        evaluation=None if found is None else found["scores"],
        settings=run.settings.model_dump(mode="json"),
        environment=run.environment(),
        selection=None if chosen is None else chosen.to_dict(),
    )
    display.say(f"report: {path}")


def report_run(folder: Path, display: Display) -> None:
    """Write the report of a run folder anew.

    Raises:
        UsvireidError: not a run folder, its data are gone, or the report cannot be written.
    """
    run = Run.open(folder)
    _refuse_damaged(run, display)
    _report(run, _training_data(open_data(run.data, run.settings, display), run.settings), display)


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
        experiment.load_weights()
    else:
        experiment.restore(read_epoch(run.checkpoints, chosen.epoch))
        display.say(f"{folder}: {chosen.sentence()}")
    return scorer.score(experiment), chosen
