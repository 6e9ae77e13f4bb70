"""Estimate the GPU memory and the time that a settings file takes, without a GPU.

Memory: the bytes that autograd keeps for the backward pass are counted on the CPU, in the GPU's number format, for one
and for two crops; the difference is what a crop costs. Added are weights, gradients and both moments of AdamW, and an
allowance for what is not counted: the CUDA context, convolution workspaces, gradients on the way, crops in transit.
Time: operations are counted (2 per multiply-add; 3 times the forward pass for training, 2 forward passes for features
of crop and mirror image) and divided by a sustained rate that you give. Reading, clustering and scoring are not in it.

    python scripts/estimate_training.py sysu_mm01 --train 22258 11909 --test 10578 --teraflops 30
"""

from __future__ import annotations

import argparse
from contextlib import nullcontext

import torch
from torch.utils.flop_counter import FlopCounterMode

from usvireid import names
from usvireid.config import Settings
from usvireid.encoders.interface import Encoder
from usvireid.encoders.make import make_encoder
from usvireid.layers import make_settings, read_settings_file
from usvireid.resources import locate
from usvireid.training.fitting import kept_bytes

ALLOWANCE_GIB = 2.5
BYTES_PER_PARAMETER = 16
"""float32 weight, gradient, and two moments."""


def activation_bytes(encoder: Encoder, settings: Settings, dtype: torch.dtype) -> int:
    """Bytes kept for the backward pass for each crop of a batch."""
    return (_kept(encoder, settings, dtype, 2) - _kept(encoder, settings, dtype, 1)) // 2


def forward_operations(encoder: Encoder, settings: Settings) -> int:
    """Operations of the forward pass for one crop, 2 per multiply-add."""
    encoder.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        encoder(_crops(settings, 1))
    return int(counter.get_total_flops()) // 2


def crops_in_batch(settings: Settings) -> int:
    """Crops in a batch of both modalities; a second view counts."""
    of_modality = settings.sampling.identities * settings.sampling.instances
    return of_modality * (3 if settings.augment.second_view else 2)


def main() -> None:
    """Print the estimate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("--train", type=int, nargs=2, required=True, metavar=("VISIBLE", "INFRARED"))
    parser.add_argument("--test", type=int, default=0, help="crops that are scored")
    parser.add_argument("--teraflops", type=float, default=30.0, help="sustained rate of the GPU")
    arguments = parser.parse_args()
    settings = make_settings([(arguments.config, read_settings_file(locate("configs", arguments.config)))])
    encoder = make_encoder(settings)
    batch = crops_in_batch(settings)
    print(f"{arguments.config}: {batch} crops in a batch")
    weights = sum(parameter.numel() for parameter in encoder.parameters()) * BYTES_PER_PARAMETER
    for dtype in (torch.bfloat16, torch.float32):
        kept = activation_bytes(encoder, settings, dtype)
        total = (batch * kept + weights) / 2**30 + ALLOWANCE_GIB
        print(f"  {str(dtype).removeprefix('torch.')}: {kept / 2**20:.1f} MiB a crop, {total:.0f} GiB in all")
    operations = forward_operations(encoder, settings)
    steps = settings.training.steps or -(-max(arguments.train) // (batch // (3 if settings.augment.second_view else 2)))
    work = operations * (3 * batch * steps + 2 * sum(arguments.train) + 2 * arguments.test / settings.evaluation.every)
    seconds = work / (arguments.teraflops * 1e12)
    print(f"  {operations / 1e9:.1f} GFLOP a crop, {steps} steps and {work / 1e15:.2f} PFLOP an epoch")
    print(
        f"  at {arguments.teraflops:g} TFLOP/s: {seconds:.0f} s an epoch, "
        f"{seconds * settings.training.epochs / 3600:.1f} h for {settings.training.epochs} epochs"
    )


def _kept(encoder: Encoder, settings: Settings, dtype: torch.dtype, count: int) -> int:
    encoder.train()
    with nullcontext() if dtype == torch.float32 else torch.autocast("cpu", dtype=dtype):
        return kept_bytes(encoder, lambda: encoder(_crops(settings, count)))


def _crops(settings: Settings, count: int) -> dict[str, torch.Tensor]:
    shape = (count, 3, settings.data.height, settings.data.width)
    return {modality: torch.rand(shape, generator=torch.Generator().manual_seed(0)) for modality in names.MODALITIES}


if __name__ == "__main__":
    main()
