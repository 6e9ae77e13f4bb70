"""Batch normalisation by the statistics of all processes' rows.

PyTorch has one for GPUs alone; this one runs on the CPU too, and takes the place of any batch normalisation without a
change to the names of its tensors or to what a class derived from it does besides.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from usvireid.processes import Group, acting


def synchronise(network: nn.Module) -> None:
    """Make every batch normalisation of a network, in place, one over the rows of all processes."""
    for module in network.modules():
        kind = type(module)
        if kind is nn.SyncBatchNorm:
            module.__class__ = SynchronisedBatchNorm
        elif isinstance(module, _BatchNorm) and not isinstance(module, nn.SyncBatchNorm):
            # Behind the module's own class, so that what that does before and after `forward` is done as ever.
            module.__class__ = type(f"Synchronised{kind.__name__}", (kind, SynchronisedBatchNorm), {})
            vars(module)["process_group"] = None  # that of all processes


class SynchronisedBatchNorm(nn.SyncBatchNorm):
    """A batch normalisation that, in a joint task and in training, sees the rows of all processes as one batch.

    Everywhere else it is a plain one. On a GPU PyTorch's own does the work.
    """

    def forward(self, values: Tensor) -> Tensor:
        """Normalise B x C or B x C x ...; a process may have no rows.

        Raises:
            ValueError: in training, there is one value per channel over all processes.
        """
        group = acting()
        if not self.training or group.size == 1:
            return _BatchNorm.forward(self, values)
        if values.device.type == "cuda":
            return super().forward(values)
        self._check_input_dim(values)
        normalised: Tensor
        normalised, mean, variance, count = _Normalise.apply(  # type: ignore[no-untyped-call]  # PyTorch's own
            values, self.weight, self.bias, self.eps, group
        )
        self._follow(mean, variance, int(count))
        return normalised

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running statistics, as `nn.BatchNorm2d` does."""
        if not self.track_running_stats or self.running_mean is None or self.running_var is None:
            return
        share = self.momentum
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            share = 1 / float(self.num_batches_tracked) if share is None else share
        self.running_mean.lerp_(mean, share or 0.0)
        self.running_var.lerp_(variance * (count / (count - 1)), share or 0.0)


class _Normalise(torch.autograd.Function):
    """(x - mean) / sqrt(variance + eps) * weight + bias, with mean and variance over the rows of all processes."""

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, group: Group
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        mean, variance, count = _statistics(values, group)
        if count <= 1:
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {values.shape}")
        out = functional.batch_norm(values, mean, variance, weight, bias, False, 0.0, eps) if len(values) else values
        ctx.save_for_backward(values, mean, (variance + eps).rsqrt(), *([] if weight is None else [weight]))
        ctx.group, ctx.count = group, count
        number = torch.tensor(count)
        ctx.mark_non_differentiable(mean, variance, number)
        return out.clone() if out is values else out, mean, variance, number

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None, None, None]:
        values, mean, scale, *affine = ctx.saved_tensors
        others = [dimension for dimension in range(values.ndim) if dimension != 1]
        received = gradient.float()
        centred = values.float() - _per_channel(mean, values)
        own = torch.stack([received.sum(others), (received * centred).sum(others)])
        total = ctx.group.sum(own) / ctx.count
        # The mean and the variance move with every row of every process.
        moved = received - _per_channel(total[0], values) - centred * _per_channel(total[1] * scale**2, values)
        moved *= _per_channel(scale * affine[0] if affine else scale, values)
        by_weight, by_bias = (own[1] * scale, own[0]) if affine else (None, None)
        return moved.to(values.dtype), by_weight, by_bias, None, None


def _statistics(values: Tensor, group: Group) -> tuple[Tensor, Tensor, int]:
    """Mean and biased variance of each channel (float32, C) over all processes, and the values per channel."""
    others = [dimension for dimension in range(values.ndim) if dimension != 1]
    channels = values.shape[1]
    count = values.numel() // channels
    own = torch.zeros(2 * channels + 1, dtype=torch.float64)
    if count:
        variance, mean = torch.var_mean(values.float(), others, correction=0)
        own = torch.cat([mean.double(), variance.double() * count, own.new_tensor([count])])
    parts = torch.stack(group.gather(own[None], [1] * group.size))[:, 0]
    counts, means = parts[:, -1:], parts[:, :channels]
    whole = counts.sum()
    mean = (means * counts).sum(0) / whole.clamp(min=1)
    spread = parts[:, channels:-1] + counts * (means - mean) ** 2
    variance = spread.sum(0) / whole.clamp(min=1)
    return mean.float(), variance.float(), int(whole)


def _per_channel(numbers: Tensor, values: Tensor) -> Tensor:
    """C numbers in a shape that goes with B x C x ..."""
    return numbers.view(1, -1, *[1] * (values.ndim - 2))
