"""Random changes of training crops, for a whole batch at once, on the device the crops are on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from usvireid.names import VISIBLE
from usvireid.portion import Portion

# Rec. 601 luma, the usual grey of a colour image.
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Augmentation:
    """How crops are changed. Every chance is per crop, from 0 (never) to 1 (always).

    pad: pixels of border added before a crop of the old size is cut out at random.
    mirror: chance of a left-right mirror image.
    erase: chance that a rectangle of 2 to 40 % of the area takes a random grey (Zhong et al., AAAI 2020).
    channel: visible only; chance that one colour channel, drawn at random, is copied to all three (as HIL's released
        code does for its second visible view).
    grey: chance that the crop is mixed towards its own grey by a random share (after HIL's released code). Changes
        nothing on an infrared crop whose channels are equal.
    remap: chance of a random intensity remapping, in both modalities alike: the channels are first mixed to one grey
        with random weights, then passed through a random piecewise-linear curve, rising, falling or neither. It leaves
        edges and shapes and removes what differs between the modalities (ours).
    """

    pad: int = 10
    mirror: float = 0.5
    erase: float = 0.5
    channel: float = 0.5
    grey: float = 0.5
    remap: float = 0.5

    def __call__(
        self, images: Tensor, modality: str, generator: torch.Generator, portion: Portion | None = None
    ) -> Tensor:
        """Change a batch, or a portion of it as it would be changed within the whole.

        Args:
            images: B x 3 x H x W, values 0 to 255, any dtype.
            modality: "visible" or "infrared".
            generator: on the CPU; every random number comes from it, as many as the whole batch needs.
            portion: which rows of the batch the images are; None: all.

        Returns:
            float32 B x 3 x H x W, values 0 to 255.
        """
        draws = _Draws(generator, Portion.whole(len(images)) if portion is None else portion)
        if not draws.portion.count:
            return images.float()
        changed = _shift(images.float(), self.pad, draws)
        changed = torch.where(_chosen(changed, self.mirror, draws), changed.flip(3), changed)
        if modality == VISIBLE:
            changed = torch.where(_chosen(changed, self.channel, draws), _one_channel(changed, draws), changed)
        changed = torch.where(_chosen(changed, self.grey, draws), _towards_grey(changed, draws), changed)
        changed = torch.where(_chosen(changed, self.remap, draws), _remapped(changed, draws), changed)
        return torch.where(
            _chosen(changed, self.erase, draws) & _rectangles(changed, draws),
            _fill(changed, draws),
            changed,
        )


@dataclass(frozen=True)
class _Draws:
    """Uniform numbers in [0, 1) from the CPU's generator: drawn for the whole batch, given for the rows at hand."""

    generator: torch.Generator
    portion: Portion

    def __call__(self, like: Tensor, *shape: int) -> Tensor:
        """A row for each crop at hand, of the given shape, on the device of `like`."""
        drawn = torch.rand((self.portion.count, *shape), generator=self.generator)
        return drawn[self.portion.start : self.portion.stop].to(like.device, non_blocking=True)


def _chosen(images: Tensor, chance: float, draws: _Draws) -> Tensor:
    """Which crops a change applies to, B x 1 x 1 x 1."""
    return draws(images, 1, 1, 1) < chance


def _shift(images: Tensor, pad: int, draws: _Draws) -> Tensor:
    """Pad with black and cut out at a random place, another one for each crop."""
    if pad == 0:
        return images
    count, _, height, width = images.shape
    padded = functional.pad(images, (pad, pad, pad, pad))
    offset = [(draws(images, 1) * (2 * pad + 1)).long() for _ in range(2)]
    rows = offset[0] + torch.arange(height, device=images.device)
    columns = offset[1] + torch.arange(width, device=images.device)
    which = torch.arange(count, device=images.device)[:, None, None]
    # Channels last for the look-up: one index per pixel fetches all its channels.
    return padded.permute(0, 2, 3, 1)[which, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _one_channel(images: Tensor, draws: _Draws) -> Tensor:
    channel = (draws(images) * 3).long()
    return images[torch.arange(len(images), device=images.device), channel][:, None].expand_as(images)


def _towards_grey(images: Tensor, draws: _Draws) -> Tensor:
    share = draws(images, 1, 1, 1)
    grey = sum(weight * images[:, channel : channel + 1] for channel, weight in enumerate(_LUMA))
    return images.lerp(torch.as_tensor(grey).expand_as(images), share)


def _remapped(images: Tensor, draws: _Draws, most_knots: int = 5) -> Tensor:
    """Mix the channels to one grey and pass it through a random curve of 3 to 5 knots.

    With chance 0.6 the curve's values are sorted (rising), and with chance 0.3 the curve is then reversed, so that
    bright becomes dark: in thermal images a dark coat may be the brightest thing.
    """
    count = len(images)
    # Exponential numbers over their sum are uniform among all mixes.
    weights = -torch.log(draws(images, 3, 1, 1).clamp(min=1e-6))
    grey = (images * weights).sum(1, keepdim=True) / weights.sum(1, keepdim=True)
    knots = 3 + (draws(images, 1) * (most_knots - 2)).long()
    values = draws(images, most_knots) * 255
    # A curve of fewer knots leaves the last places unused: they are kept out of the sorting, and never looked up.
    beyond = torch.arange(most_knots, device=images.device) >= knots
    rising = values.masked_fill(beyond, torch.inf).sort(dim=1).values
    values = torch.where(draws(images, 1) < 0.6, rising, values)
    reverse = (knots - 1 - torch.arange(most_knots, device=images.device)).clamp(min=0)
    values = torch.where(draws(images, 1) < 0.3, values.gather(1, reverse), values)
    place = (grey / 255).clamp(0, 1) * (knots - 1).view(count, 1, 1, 1)
    left = torch.minimum(place.long(), (knots - 2).view(count, 1, 1, 1))
    flat = left.flatten(1)
    low = values.gather(1, flat).view_as(grey)
    high = values.gather(1, flat + 1).view_as(grey)
    return low.lerp(high, place - left).expand_as(images)


def _rectangles(images: Tensor, draws: _Draws) -> Tensor:
    """One random rectangle per crop as a mask, B x 1 x H x W: 2 to 40 % of the area, sides 0.3 to 3.3 apart."""
    height, width = images.shape[2:]
    area = (0.02 + 0.38 * draws(images)) * height * width
    low, high = torch.tensor([0.3, 3.3]).log()
    ratio = torch.exp(low + (high - low) * draws(images))
    tall = (area * ratio).sqrt().clamp(max=height)
    wide = (area / ratio).sqrt().clamp(max=width)
    top = draws(images) * (height - tall)
    left = draws(images) * (width - wide)
    y = torch.arange(height, device=images.device)
    x = torch.arange(width, device=images.device)
    in_rows = (y >= top[:, None]) & (y < (top + tall)[:, None])
    in_columns = (x >= left[:, None]) & (x < (left + wide)[:, None])
    return (in_rows[:, :, None] & in_columns[:, None, :])[:, None]


def _fill(images: Tensor, draws: _Draws) -> Tensor:
    return (draws(images, 1, 1, 1) * 255).expand_as(images)
