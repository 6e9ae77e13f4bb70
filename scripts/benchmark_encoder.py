"""What the parts of the ICRE encoder cost: parameters, and images a second in training and inference.

    python scripts/benchmark_encoder.py --size 288x144 --rounds 5

All variants run in this one process, a step of each in turn, so that whatever else the machine does meets all of them
alike; the median step counts. A training step is forward, identity classifier (and ICG), backward and SGD on a batch of
either modality's halves; inference is one forward pass. Weights and images are random, the arithmetic is the same.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from usvireid.config import ENCODERS, IcgSettings, MpfrSettings, OptimizerSettings, SdceSettings
from usvireid.devices import Compute, choose_compute
from usvireid.encoders.dual_stream import DualStreamEncoder
from usvireid.losses.icg import identity_clues
from usvireid.training.optimizer import add_parameters, make_optimizer

CLASSES = 395
"""Identities of SYSU-MM01's training set."""
VARIANTS = {
    "plain": (False, False, False),
    "+ MPFR": (True, False, False),
    "+ MPFR + SDCE": (True, True, False),
    "+ ICG": (False, False, True),
    "all": (True, True, True),
}
"""Name to whether MPFR, SDCE and ICG are used."""


@dataclass
class Variant:
    """One encoder with its two kinds of step and the seconds that each has taken."""

    train: Callable[[], None]
    infer: Callable[[], None]
    parameters: int
    train_seconds: list[float]
    infer_seconds: list[float]


def make_variant(
    name: str, mpfr: bool, sdce: bool, icg: bool, images: dict[str, Tensor], identities: Tensor, compute: Compute
) -> Variant:
    """An encoder on the device with its optimiser."""
    height, width = next(iter(images.values())).shape[2:]
    encoder = DualStreamEncoder(name, mpfr=MpfrSettings(use=mpfr), sdce=SdceSettings(use=sdce), size=(height, width))
    encoder = encoder.to(compute.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    classify = nn.Linear(encoder.width, CLASSES, bias=False).to(compute.device)
    optimizer = make_optimizer(encoder, OptimizerSettings(name="sgd"), from_weights=False)
    add_parameters(optimizer, classify.parameters())
    half = len(identities)

    def train() -> None:
        encoder.train()
        with compute.autocast():
            encoded = encoder(images)
        loss = cross_entropy(classify(encoded.necked), identities.repeat(2))
        if icg:
            halves = {"visible": encoded.pooled[:half], "infrared": encoded.pooled[half:]}
            loss = loss + identity_clues(halves, dict.fromkeys(halves, identities), IcgSettings()).loss
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    @torch.inference_mode()
    def infer() -> None:
        encoder.eval()
        with compute.autocast():
            encoder(images)

    parameters = sum(parameter.numel() for parameter in encoder.parameters())
    return Variant(train, infer, parameters, [], [])


def timed(step: Callable[[], None]) -> float:
    """Seconds of one step, the device's queue included."""
    _wait()
    start = time.perf_counter()
    step()
    _wait()
    return time.perf_counter() - start


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def machine(compute: Compute) -> str:
    """Where this ran."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.processor())
    cores = len(os.sched_getaffinity(0))
    return f"{model}, {cores} cores, {torch.get_num_threads()} threads, {compute}, torch {torch.__version__}"


def table(variants: dict[str, Variant], batch: int) -> str:
    """A Markdown table; the ratios are against the first row."""
    first = next(iter(variants.values()))
    lines = [
        "| encoder | parameters | training img/s | of plain | inference img/s | of plain |",
        "|---|---|---|---|---|---|",
    ]
    for name, variant in variants.items():
        cells = []
        for mine, plain in (
            (variant.train_seconds, first.train_seconds),
            (variant.infer_seconds, first.infer_seconds),
        ):
            seconds = statistics.median(mine)
            cells += [f"{batch / seconds:.1f}", f"{100 * statistics.median(plain) / seconds:.0f} %"]
        lines.append(f"| {name} | {variant.parameters:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="resnet50", choices=[name for name in ENCODERS if name.startswith("resnet")])
    parser.add_argument("--size", default="288x144", help="height x width of a crop")
    parser.add_argument("--identities", type=int, default=4, help="of a batch")
    parser.add_argument("--instances", type=int, default=4, help="crops of an identity and modality")
    parser.add_argument("--rounds", type=int, default=5, help="steps of every variant")
    options = parser.parse_args()
    height, width = map(int, options.size.split("x"))
    compute = choose_compute("auto", "auto")
    half = options.identities * options.instances
    generator = torch.Generator().manual_seed(0)
    images = {
        modality: torch.randint(0, 256, (half, 3, height, width), generator=generator).float().to(compute.device)
        for modality in ("visible", "infrared")
    }
    identities = torch.arange(options.identities).repeat_interleave(options.instances).to(compute.device)
    variants = {
        name: make_variant(options.name, *parts, images, identities, compute) for name, parts in VARIANTS.items()
    }
    for round_number in range(options.rounds + 1):
        for variant in variants.values():
            seconds = timed(variant.train), timed(variant.infer)
            if round_number:  # the first round warms up
                variant.train_seconds.append(seconds[0])
                variant.infer_seconds.append(seconds[1])
    print(f"{options.name} at {options.size}, batches of {2 * half}, {options.rounds} rounds; {machine(compute)}\n")
    print(table(variants, 2 * half))


if __name__ == "__main__":
    main()
