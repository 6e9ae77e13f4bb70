"""What training costs beyond what it cannot do without, and what the memories cost.

    python scripts/benchmark_engine.py --steps 6 --rounds 3

An epoch is what a recipe does with its labels: batches are read, augmented and trained on, and memories are moved. The
memories are built once an epoch, however many batches it has, so that is timed by itself. Extraction and clustering are
not in it: they are other steps of the flow, with times of their own in a run's `profile.json`.

An epoch is compared with the bare minimum for the same batches, which lie ready: forward pass, backward pass and
optimiser. Rounds of both take turns in this one process, so whatever else the machine does meets both; CPU seconds,
which that changes less, are given too. Identities are as many as SYSU-MM01 has clusters, 690 visible and 400 infrared,
each with 9 parts: what the memories take is timed by itself, with gradients down to the features. Pixels, features and
weights are random; the arithmetic is the same.
"""

from __future__ import annotations

import argparse
import copy
import io
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rich.console import Console

from usvireid import names
from usvireid.config import Settings
from usvireid.data.crops import Crops
from usvireid.devices import choose_compute
from usvireid.display import Display
from usvireid.encoders.features import Features
from usvireid.environment import peak_gpu_memory_mb, peak_memory_mb
from usvireid.layers import make_settings, nested
from usvireid.matching.labels import PseudoLabels
from usvireid.resources import load_pipeline
from usvireid.terms.term import Terms
from usvireid.training.batches import Batch
from usvireid.training.experiment import EncodedBatch, Experiment
from usvireid.training.monitor import Monitor
from usvireid.training.optimizer import make_optimizer

CLUSTERS = {names.VISIBLE: 690, names.INFRARED: 400}
"""Identities of a modality; the infrared ones are all seen in visible crops too."""
CENTRES = 9
TERMS = load_pipeline("hil").TERMS


class Prepared(Experiment):
    """An experiment whose features are given, as if the crops had been encoded."""

    given: Features

    def extract_features(self) -> Features:
        """What is given."""
        return self.given


@dataclass
class Times:
    """Seconds of every round, by the clock and on all cores."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def add(self, work: Callable[[], None]) -> None:
        """Time some work, the device's queue included."""
        _wait()
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        _wait()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="resnet50")
    parser.add_argument("--size", default="288x144", help="height x width of a crop")
    parser.add_argument("--identities", type=int, default=4, help="of a batch")
    parser.add_argument("--instances", type=int, default=4, help="crops of an identity and modality")
    parser.add_argument("--steps", type=int, default=6, help="of an epoch")
    parser.add_argument("--rounds", type=int, default=3, help="epochs of either kind")
    parser.add_argument("--set", dest="assign", action="append", default=[], metavar="KEY=VALUE", help="of a run")
    options = parser.parse_args()
    height, width = map(int, options.size.split("x"))
    given = {
        "encoder.name": options.name,
        "data.height": height,
        "data.width": width,
        "sampling.identities": options.identities,
        "sampling.instances": options.instances,
        "training.steps": options.steps,
        "losses.mccl": 1.0,
        **dict(text.split("=", 1) for text in options.assign),
    }
    measure(make_settings([("command line", nested(name, value)) for name, value in given.items()]), options.rounds)


def measure(settings: Settings, rounds: int) -> None:
    """Take turns and print what came of it."""
    experiment, labels = made_up(settings)
    batches = list(experiment.batches(labels, 1))
    build, ours, bare, memories = Times(), Times(), Times(), Times()
    built: list[Terms] = []
    train_bare = bare_training(experiment, batches)
    use_memories = memory_work(experiment, labels, batches)
    parts: dict[str, float] = {}
    for round_number in range(rounds + 1):
        experiment.monitor = Monitor(experiment.display, experiment.compute.device)
        turns = (
            (build, lambda: built.append(Terms(experiment, labels, 1, TERMS))),
            (ours, lambda: epoch(experiment, labels, built.pop())),
            (bare, train_bare),
            (memories, use_memories),
        )
        for times, work in turns:
            (times if round_number else Times()).add(work)  # the first round warms up
        for name, seconds in experiment.monitor.laps.seconds().items() if round_number else ():
            parts[name] = parts.get(name, 0.0) + seconds / rounds
    steps, crops = len(batches), len(batches[0])
    print(
        f"{settings.encoder.name} at {settings.data.height} x {settings.data.width}, batches of {crops} crops, "
        f"{steps} steps an epoch, {rounds} rounds; {machine(experiment)}\n"
    )
    print(table(ours, bare, memories, steps))
    once, cpu = statistics.median(build.wall), statistics.median(build.cpu)
    print(f"\nmemories are built once an epoch: {once:.2f} s, {cpu:.2f} CPU s")
    shown = ", ".join(f"{name} {seconds:.3f}" for name, seconds in parts.items())
    background = ", ".join(f"{name} {seconds:.2f}" for name, seconds in experiment.monitor.background.items())
    print(f"\nseconds of our epoch by part: {shown}; in the background meanwhile: {background}")
    gpu = peak_gpu_memory_mb()
    print(f"peak memory: {peak_memory_mb():,.0f} MB" + ("" if gpu is None else f", {gpu:,.0f} MB on the GPU"))


def epoch(experiment: Prepared, labels: PseudoLabels, terms: Terms) -> None:
    """What the recipe does."""
    for batch in experiment.batches(labels, 1):
        encoded = experiment.encode(batch)
        experiment.optimize(terms.losses(batch, encoded))
        terms.update(batch, encoded)
    experiment.monitor.losses()


def bare_training(experiment: Prepared, batches: list[Batch]) -> Callable[[], None]:
    """Forward, backward and optimiser alone, on a network of its own."""
    encoder = copy.deepcopy(experiment.encoder)
    optimizer = make_optimizer(encoder, experiment.settings.optimizer, from_weights=False)
    direction = torch.randn(len(batches[0]), encoder.width).to(experiment.compute.device)

    def work() -> None:
        encoder.train()
        for batch in batches:
            with experiment.compute.autocast():
                features = encoder(batch.images).features
            optimizer.zero_grad(set_to_none=True)
            (features * direction).sum().backward()
            optimizer.step()

    return work


def memory_work(experiment: Prepared, labels: PseudoLabels, batches: list[Batch]) -> Callable[[], None]:
    """Losses against the memories, their gradients down to the features, and the memories' moves."""
    kinds = [kind for kind in TERMS if kind.__name__ in ("OwnMemories", "SharedMemory", "MultiCentres")]
    terms = Terms(experiment, labels, 1, kinds)
    encoded = []
    for batch in batches:
        values = {
            name: torch.nn.functional.normalize(torch.randn(len(images), experiment.encoder.width), dim=1)
            .to(experiment.compute.device)
            .requires_grad_()
            for name, images in batch.images.items()
        }
        encoded.append(EncodedBatch(features=values, pooled=values, necked=values, extra={}))

    def work() -> None:
        for batch, found in zip(batches, encoded, strict=True):
            losses = terms.losses(batch, found)
            torch.stack([weight * value for weight, value in losses.values()]).sum().backward()
            terms.update(batch, found)

    return work


def made_up(settings: Settings) -> tuple[Prepared, PseudoLabels]:
    """An experiment on random crops, and their labels."""
    random = np.random.default_rng(0)
    each = 2 * CENTRES
    modality = np.repeat(list(CLUSTERS), [each * count for count in CLUSTERS.values()])
    identity = np.concatenate([np.repeat(np.arange(count), each) for count in CLUSTERS.values()])
    paths = [f"{number}.png" for number in range(len(modality))]
    crops = Crops.from_table(Path(), pd.DataFrame({names.PATH: paths, names.MODALITY: modality}), "made up")
    labels = PseudoLabels.of_clusters(
        crops, identity, np.full(len(crops), names.CORE, dtype=object), np.ones(len(crops), dtype=np.float32)
    ).replace(**{names.IDENTITY: identity, names.SUB_CLUSTER: np.tile(np.arange(CENTRES), len(crops) // CENTRES)})
    pixels = random.integers(0, 256, (512, settings.data.height, settings.data.width, 3), dtype=np.uint8)
    compute = choose_compute(settings.device, settings.precision)
    display = Display(Console(file=io.StringIO()))
    experiment = Prepared(settings, crops, lambda rows: pixels[rows % len(pixels)], compute, display)
    values = random.normal(size=(len(crops), experiment.encoder.width)).astype(np.float32)
    experiment.given = Features(values / np.linalg.norm(values, axis=1, keepdims=True), crops)
    return experiment, labels


def table(ours: Times, bare: Times, memories: Times, steps: int) -> str:
    """A Markdown table; a ratio is the median over the rounds, its extremes in brackets."""

    def row(title: str, times: Times, other: Times) -> str:
        cells = []
        for mine, base in ((times.wall, other.wall), (times.cpu, other.cpu)):
            ratios = sorted(one / two for one, two in zip(mine, base, strict=True))
            middle = f"{statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})"
            cells += [f"{statistics.median(mine) / steps:.3f}", middle]
        return f"| {title} | {' | '.join(cells)} |"

    return "\n".join(
        [
            "| | s a step | ratio | CPU s a step | ratio |",
            "|---|---|---|---|---|",
            row("forward, backward, optimiser alone", bare, bare),
            row("our epoch, of that", ours, bare),
            row("memories, of our epoch", memories, ours),
        ]
    )


def machine(experiment: Prepared) -> str:
    """Where this ran."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.processor())
    load = os.getloadavg()[0]
    return (
        f"{model}, {len(os.sched_getaffinity(0))} cores, {torch.get_num_threads()} threads, load {load:.1f}, "
        f"{experiment.compute}, torch {torch.__version__}"
    )


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
