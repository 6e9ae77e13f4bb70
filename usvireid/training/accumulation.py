"""A batch that goes through the encoder in parts, for devices on which it does not fit whole. The losses see it whole.

Every loss over the batch and every update of a memory is that of the whole batch: only the encoder works in parts. The
parts are encoded one after the other without keeping what the backward pass needs; the losses are computed on the
features of all; and in the backward pass each part is encoded a second time and learnt from, with the gradients of its
features (gradient caching, Gao et al., RepL4NLP 2021; by PyTorch's checkpointing). So one part's activations are in
memory at a time.

Equal to the whole batch at once up to rounding: everything, for a network in which crops do not meet. Where batch
normalisation makes them meet it is what normalises each part by its own mean and deviation, apart from the necks, the
last steps of the encoders' heads, which always see the whole batch. What is equal to what is tested in
`tests/training/test_accumulation.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from usvireid.devices import Compute
from usvireid.encoders.interface import Encoded, Encoder
from usvireid.encoders.neck import Neck
from usvireid.errors import UsageError
from usvireid.names import MODALITIES

_FEWEST = 2
"""Crops of a modality in a part: one alone has no deviation to be normalised by."""


def most_parts(sizes: Mapping[str, int]) -> int:
    """In how many parts a batch can go that has so many crops of each modality."""
    return max(1, min(sizes.values(), default=0) // _FEWEST)


def crops_meet(encoder: nn.Module) -> bool:
    """Whether what a crop becomes depends on the others of its part: batch normalisation before the necks."""
    return any(isinstance(part, _BatchNorm) and not isinstance(part, Neck) for part in encoder.modules())


@dataclass(frozen=True)
class Division:
    """In how many parts a batch goes through the encoder, and whether a second time in the backward pass."""

    parts: int
    again: bool


def divide(sizes: Mapping[str, int], accumulate: int, meet: bool, fits: int | None, processes: int = 1) -> Division:
    """How to encode a batch.

    Where crops meet, the number of parts decides what is learnt, so it is that of the settings on every machine; only
    whether all parts are kept, or encoded again, depends on what fits. Elsewhere there are as many parts as it takes.

    Args:
        sizes: crops of each modality.
        accumulate: the setting.
        meet: of `crops_meet`.
        fits: crops that the device takes at a time; None: not known, all of a part, and no second one.
        processes: that share each part.

    Raises:
        UsageError: a part does not fit.
    """
    parts = min(accumulate, most_parts(sizes))
    if fits is None:
        return Division(parts, again=parts > 1)
    largest = {more: _largest(sizes, more * processes) for more in range(parts, most_parts(sizes) + 1)}
    enough = next((more for more, crops in largest.items() if crops <= fits), None)
    total = _largest(sizes, processes)
    if enough is None or (meet and enough > parts):
        of_batch = "a batch" if parts == 1 else f"a part of a batch, of {parts},"
        least = largest[most_parts(sizes)]
        if enough is None:
            remedy = f"no part can have fewer than {least}, so give training.batch {least} or more"
        else:
            remedy = (
                f"set training.accumulate={enough}, or a smaller sampling.instances "
                "(batch normalisation then sees a part at a time, which changes what is learnt)"
            )
        raise UsageError(f"training.batch: {fits} crops fit at a time, and {of_batch} has {largest[parts]}; {remedy}.")
    return Division(enough, again=total > fits)


def _largest(sizes: Mapping[str, int], parts: int) -> int:
    """Crops in the largest part."""
    return sum(-(-size // parts) for size in sizes.values())


@dataclass(frozen=True)
class _Necks:
    """The last steps of an encoder: that of its own head, and those of further heads, whose outcome is handed on.

    `handed` tells for a name among what is handed on which neck it comes from, and which field of its outcome it is.
    """

    own: Neck
    handed: dict[str, tuple[Neck, str]]

    @contextmanager
    def held_back(self) -> Iterator[None]:
        with ExitStack() as stack:
            for neck in {self.own, *(neck for neck, _ in self.handed.values())}:
                stack.enter_context(neck.held_back())
            yield

    def __call__(self, pooled: Tensor, extra: dict[str, Tensor]) -> Encoded:
        """What the heads make of a whole batch; in `extra` what they have held back is replaced."""
        outcomes: dict[Neck, Encoded] = {}
        for name, (neck, place) in self.handed.items():
            if neck not in outcomes:
                outcomes[neck] = neck(extra[name])
            extra[name] = getattr(outcomes[neck], place)
        encoded: Encoded = self.own(pooled, **extra)
        return encoded


class PartedEncoder:
    """Encodes batches in parts.

    Args:
        encoder: of either or both modalities.
        compute: device and number format.
    """

    def __init__(self, encoder: Encoder, compute: Compute) -> None:
        self._encoder = encoder
        self._compute = compute
        self._necks: _Necks | None = None
        self._probed = False

    def __call__(
        self,
        images: Mapping[str, Tensor],
        parts: int,
        *,
        again: bool,
        positions: Mapping[str, Tensor] | None = None,
    ) -> Encoded:
        """Encode a batch.

        Args:
            images: per modality B x 3 x H x W. A part takes every `parts`-th crop of each, so that it holds crops of
                as many identities as the batch.
            parts: their number, at most `most_parts`.
            again: encode each part a second time in the backward pass instead of keeping its activations.
            positions: where the images stand among those of their modality in the whole batch, of which other processes
                have the rest (int64, on the CPU); None: these are all.
        """
        if not self._probed:
            self._necks, self._probed = self._last_steps(images), True
        present = [name for name in MODALITIES if name in images]
        places = {name: torch.arange(len(images[name])) if positions is None else positions[name] for name in present}
        rows = {
            name: [torch.nonzero(place % parts == part)[:, 0] for part in range(parts)]
            for name, place in places.items()
        }
        found = []
        for part in range(parts):
            pixels = {
                name: images[name][rows[name][part].to(images[name].device, non_blocking=True)] for name in present
            }
            if again and torch.is_grad_enabled():
                tensors = checkpoint(self._encode, pixels, use_reentrant=False, context_fn=self._contexts)
            else:
                tensors = self._encode(pixels)
            found.append(tensors)
        order = _order([rows[name] for name in present], found[0]["pooled"].device)
        whole = {name: torch.cat([part[name] for part in found])[order] for name in found[0]}
        pooled, extra = whole.pop("pooled"), whole
        if self._necks is not None:
            return self._necks(pooled, _extra(extra))
        return Encoded(pooled, extra.pop("necked"), extra.pop("features"), _extra(extra))

    def _encode(self, images: dict[str, Tensor]) -> dict[str, Tensor]:
        """What there is of a part before the necks, or all of it where the network ends in another way."""
        held: AbstractContextManager[None] = nullcontext() if self._necks is None else self._necks.held_back()
        with self._compute.autocast(), held:
            encoded = self._encoder(images)
        extra = {f"extra {name}": tensor for name, tensor in encoded.extra.items()}
        if self._necks is not None:
            return {"pooled": encoded.pooled, **extra}
        return {"pooled": encoded.pooled, "necked": encoded.necked, "features": encoded.features, **extra}

    @torch.no_grad()
    def _last_steps(self, images: Mapping[str, Tensor]) -> _Necks | None:
        """The encoder's neck, where nothing comes after it, and those of further heads; found out on a few crops."""
        own = getattr(self._encoder, "neck", None)
        if not isinstance(own, Neck):
            return None
        was_training = self._encoder.training
        self._encoder.eval()
        with self._compute.autocast(), ExitStack() as stack:
            necks = [part for part in self._encoder.modules() if isinstance(part, Neck)]
            held = {neck: stack.enter_context(neck.held_back()) for neck in necks}
            encoded = self._encoder({name: values[:_FEWEST] for name, values in images.items()})
        self._encoder.train(was_training)
        if len(held[own]) != 1 or held[own][0] is not encoded:
            return None
        handed = {
            name: (neck, place)
            for neck, (outcome, *again) in held.items()
            if neck is not own and not again
            for place in ("necked", "features")
            for name, tensor in encoded.extra.items()
            if tensor is getattr(outcome, place)
        }
        return _Necks(own, handed)

    def _contexts(self) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        """Of the first and of the second time that a part is encoded."""
        return nullcontext(), _unrecorded(self._encoder)


@contextmanager
def _unrecorded(encoder: nn.Module) -> Iterator[None]:
    """Batch normalisation that leaves its running means alone: it has counted these crops already."""
    norms = [part for part in encoder.modules() if isinstance(part, _BatchNorm)]
    before = [(part.momentum, part.num_batches_tracked) for part in norms]
    for part in norms:
        part.momentum, part.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for part, (momentum, count) in zip(norms, before, strict=True):
            part.momentum, part.num_batches_tracked = momentum, count


def _order(rows: list[list[Tensor]], device: torch.device) -> Tensor:
    """Where each row of a batch, one modality after the other, stands among the rows of all parts (int64).

    Args:
        rows: of each modality, the rows of each part.
        device: where it is needed.
    """
    starts = [0, *itertools.accumulate(sum(map(len, parts)) for parts in rows)]
    placed = [[start + own for own in parts] for start, parts in zip(starts, rows, strict=False)]
    return torch.argsort(torch.cat([own for part in zip(*placed, strict=True) for own in part])).to(
        device, non_blocking=True
    )


def _extra(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix("extra "): tensor for name, tensor in tensors.items()}
