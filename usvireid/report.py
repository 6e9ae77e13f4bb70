"""What `usvireid report` does: the report of a run, written from what stands in its folder."""

from __future__ import annotations

from pathlib import Path

from usvireid import names
from usvireid.data.crops import Crops, Images
from usvireid.data.known import unseen
from usvireid.devices import choose_compute
from usvireid.display import Display
from usvireid.doubts import epoch_before
from usvireid.encoders.exported import start_from
from usvireid.encoders.extract import extract
from usvireid.encoders.features import Features
from usvireid.encoders.gradients import gradient_features
from usvireid.encoders.interface import Encoder
from usvireid.encoders.make import make_encoder
from usvireid.errors import UsvireidError
from usvireid.layers import make_settings
from usvireid.loading import Data, open_data, training_data
from usvireid.matching.labels import PseudoLabels
from usvireid.outcome import outcome, selected
from usvireid.quality.doubts import Doubt, find_doubts
from usvireid.quality.page.extracting import Extracted, extract_in_time
from usvireid.quality.page.material import Material
from usvireid.quality.report import write_report
from usvireid.randomness import numpy_generator
from usvireid.review.answers import read_answers
from usvireid.run import Run
from usvireid.training.checkpoint import read_epoch, restore_encoder

_BATCH = 32
"""Crops at a time at most, so that a large network on a slow machine does not overrun the time by a whole batch."""


def report_on(run: Run, data: Data, display: Display) -> None:
    """Write `report.html` from what stands in the run folder.

    Args:
        run: the run; `report.*` of its settings says what is shown.
        data: the crops it trains on.
        display: where to show what happens.

    Raises:
        UsvireidError: a file of the run is damaged, or the report cannot be written.
    """
    files, chosen, found = run.label_files(), selected(run), outcome(run)
    labels = PseudoLabels.read(files[-1], data.crops, display.warn_once) if files else None
    lines = run.metrics()
    supervised = any(line.get("supervised") for line in lines)
    extracted, why_not, doubts = None, "", []
    if labels is not None:
        extracted, why_not = _extracted(run, data, labels, files[-1], display)
        doubts = [] if supervised else _doubts(run, data, labels, extracted, display)
    material = Material(
        crops=unseen(data.crops, run.settings, any(line.get("sees_identities") for line in lines)),
        labels=labels,
        images=data.images if run.settings.report.images else None,
        blur_heads=run.settings.report.blur_faces,
        metrics=lines,
        evaluation=None if found is None else found["scores"],
        settings=run.settings.model_dump(mode="json"),
        environment=run.environment(),
        selection=None if chosen is None else chosen.to_dict(),
        supervised=supervised,
        answers=read_answers(run.folder / names.REVIEWS_FILE, display.warn),
        doubts=doubts,
        sample=None if extracted is None else extracted.sample,
        no_sample=why_not,
    )
    display.say(f"report: {write_report(run.folder, material, seed=run.settings.seed % 2**32)}")


def report_run(folder: Path, display: Display, images: bool | None = None, blur_faces: bool | None = None) -> None:
    """Write the report of a run folder anew.

    Args:
        folder: the run folder.
        display: where to show what happens.
        images: whether the report holds pictures; None: as the run has it.
        blur_faces: whether the head region of pictures is blurred; None: as the run has it.

    Raises:
        UsvireidError: not a run folder, its data are gone, or the report cannot be written.
    """
    run = Run.open(folder)
    asked = {name: value for name, value in (("images", images), ("blur_faces", blur_faces)) if value is not None}
    settings = make_settings([(str(folder), run.settings.model_dump(mode="json")), ("options", {"report": asked})])
    run = Run(run.folder, settings, run.data)
    run.check_records(display.warn)
    report_on(run, training_data(open_data(run.data, run.settings, display, once=True), run.settings), display)


def _extracted(
    run: Run, data: Data, labels: PseudoLabels, labels_file: Path, display: Display
) -> tuple[Extracted | None, str]:
    """Features by the encoder that made the labels, as far as a short time allows; or why there are none."""
    try:
        return _extract(run, data, labels, _encoder_before(run, labels_file), display), ""
    except UsvireidError as error:
        return None, f"There is no map, because there are no features: {error}"


def _extract(run: Run, data: Data, labels: PseudoLabels, encoder: Encoder, display: Display) -> Extracted:
    compute = choose_compute(run.settings.device, run.settings.precision)
    encoder = encoder.to(compute.device)
    batch = min(run.settings.encoder.batch, _BATCH)

    def extractor(crops: Crops, images: Images) -> Features:
        return extract(encoder, crops, images, compute, batch=batch)

    generator = numpy_generator(run.settings.seed, "report")
    with display.task("features for the report", len(labels)) as advance:
        return extract_in_time(data.crops, data.images, labels, extractor, generator, batch=batch, progress=advance)


def _encoder_before(run: Run, labels_file: Path) -> Encoder:
    """The encoder that made the labels: later ones have been taught them."""
    encoder = make_encoder(run.settings)
    epoch = epoch_before(run, labels_file)
    if epoch is not None:
        checkpoint = read_epoch(run.checkpoints, epoch)
        restore_encoder(encoder, checkpoint, checkpoint.learner)
    elif run.settings.encoder.weights is not None:
        start_from(encoder, run.settings.encoder.weights)
    return encoder.eval()


def _doubts(run: Run, data: Data, labels: PseudoLabels, extracted: Extracted | None, display: Display) -> list[Doubt]:
    """What is doubtful: by features where there are those of all crops, else by what the labels say themselves."""
    crops = data.crops.without_identities()
    if extracted is None or extracted.features is None:
        return find_doubts(labels, crops=crops)
    device = choose_compute(run.settings.device, run.settings.precision).device
    with display.task("gradient descriptors", len(labels)) as advance:
        gradients = gradient_features(crops, data.images, device, progress=advance)
    return find_doubts(labels, extracted.features, gradients=gradients, crops=crops)
