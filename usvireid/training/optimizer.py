"""The optimiser: its parameters in groups, each with its share of the learning rate."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from usvireid.config import OptimizerSettings
from usvireid.encoders.interface import Encoder

_SHARE = "share"
"""Of the learning rate; the name under which a group of parameters keeps it."""


def make_optimizer(
    encoder: Encoder, settings: OptimizerSettings, *, from_weights: bool, scaled: bool = False
) -> torch.optim.Optimizer:
    """AdamW, or SGD with Nesterov momentum, over everything that an encoder learns.

    Args:
        encoder: what learns.
        settings: the form, and the share of the rate for what published weights fill (`Encoder.published`).
        from_weights: whether the run starts from such weights; if not, everything learns at the whole rate.
        scaled: gradients come from scaled losses (float16): a step then takes the scale out itself, and leaves all as
            it is where they are not finite, which the host need not wait for.
    """
    shares = from_weights and settings.backbone != 1
    published = {id(parameter) for parameter in encoder.published()} if shares else set()
    learnt = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in learnt if id(parameter) in published], _SHARE: settings.backbone},
        {"params": [parameter for parameter in learnt if id(parameter) not in published], _SHARE: 1.0},
    ]
    groups = [group for group in groups if group["params"]]
    # One parameter at a time on the CPU would be slower; `foreach` is what PyTorch itself takes on a GPU.
    foreach, fused = (None, True) if scaled else (True, None)
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.name == "adamw":
        return torch.optim.AdamW(groups, lr=rate, weight_decay=decay, foreach=foreach, fused=fused)
    nesterov = settings.momentum > 0
    return torch.optim.SGD(
        groups,
        lr=rate,
        weight_decay=decay,
        momentum=settings.momentum,
        nesterov=nesterov,
        foreach=foreach,
        fused=fused,
    )


def add_parameters(optimizer: torch.optim.Optimizer, parameters: Iterable[nn.Parameter]) -> None:
    """Let further parameters learn at the whole rate."""
    optimizer.add_param_group({"params": list(parameters), _SHARE: 1.0, "lr": optimizer.defaults["lr"]})


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group its share of a rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group[_SHARE]
