"""A step of training by several processes: each encodes its rows of the batch, and all learn from the whole.

Every process runs the encoder on its own rows, with batch statistics of the whole batch; the features are gathered, and
everyone computes the same losses of the whole batch and moves the same memories. Backwards, a process takes up the
gradient of its own rows, and the gradients of the weights are summed. What one process would learn, all of them learn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from usvireid.processes import Group, acting
from usvireid.training.synchronised import synchronise


def places_of(counts: Iterable[tuple[int, int]], group: Group) -> list[Tensor]:
    """Which rows of a whole batch each process encodes, in the order in which it does (int64).

    Args:
        counts: for each modality its crops, of which each process has an equal portion, to a crop; and how often all of
            them stand in the batch, one block after the other.
        group: the processes.
    """
    places: list[list[Tensor]] = [[] for _ in range(group.size)]
    first = 0
    for count, blocks in counts:
        for _ in range(blocks):
            for own, portion in zip(places, group.portions(count), strict=True):
                own.append(torch.arange(first + portion.start, first + portion.stop))
            first += count
    return [torch.cat(own) if own else torch.zeros(0, dtype=torch.int64) for own in places]


def gathered(own: Tensor, places: Sequence[Tensor]) -> Tensor:
    """The rows of the whole batch, B x ..., from the own ones of each process; gradients flow into the own ones.

    Args:
        own: the rows `places[rank]` of the batch.
        places: as `places_of` gives them.
    """
    whole: Tensor = _Gather.apply(own, places)  # type: ignore[no-untyped-call]  # PyTorch's own has no types
    return whole


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor, places: Sequence[Tensor]) -> Tensor:
        group = acting()
        ctx.own = places[group.rank]
        whole = own.new_empty(sum(map(len, places)), *own.shape[1:])
        for place, part in zip(places, group.gather(own.detach(), [len(place) for place in places]), strict=True):
            whole[place] = part
        if not own.is_floating_point():
            ctx.mark_non_differentiable(whole)
        return whole

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        # Every process has the same losses, so each has the whole gradient of its rows already.
        return gradient[ctx.own], None


def learn_together(encoder: nn.Module, group: Group) -> None:
    """Let an encoder learn from the rows of all processes: batch statistics and gradients are those of the whole.

    The names and shapes of its tensors stay as they are. Outside of joint tasks it behaves as before, and in a group of
    one it is not touched.
    """
    if group.size == 1:
        return
    synchronise(encoder)
    for parameter in encoder.parameters():
        if parameter.requires_grad:
            _combine(parameter, lambda gradient, group: group.sum(gradient))


def learn_alike(module: nn.Module, group: Group) -> None:
    """Keep weights that every process trains on the whole batch equal to the last bit.

    Their gradients are equal but for rounding, which a GPU does not repeat exactly.
    """
    if group.size == 1:
        return
    for parameter in module.parameters():
        _combine(parameter, lambda gradient, group: group.sum(gradient) / group.size)


def _combine(parameter: nn.Parameter, combined: Callable[[Tensor, Group], Tensor]) -> None:
    """Let what comes of a parameter's gradient in a joint task be a function of those of all processes."""

    def hook(gradient: Tensor) -> Tensor:
        group = acting()
        return gradient if group.size == 1 else combined(gradient, group)

    parameter.register_hook(hook)  # type: ignore[no-untyped-call]  # PyTorch's own has no types
