"""ICG, identity clues guided loss: crops of an identity near its centre in either modality, identities apart.

ICRE (arXiv 2512.04522) reports modality-aware centres, compactness across the modalities and diversity of identities;
its equations are not public. The three forms here are reconstructions: the first is the most likely one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from usvireid.config import IcgSettings
from usvireid.names import INFRARED, VISIBLE


@dataclass(frozen=True)
class Icg:
    """The loss of a batch, with the distances that it is made of, to be logged; float32 scalars.

    Attributes:
        loss: 0, with a gradient of 0, where no identity of the batch has crops in both modalities.
        pull: mean distance of crops from their target centre; 0 where there is none.
        push: mean distance between centres of different identities; 0 where there are no two.
    """

    loss: Tensor
    pull: Tensor
    push: Tensor


@dataclass(frozen=True)
class _Batch:
    """A batch of B crops and, for each of them, the centres of its identity.

    `values` is float32, B x D; `number` int64, B; `is_visible` bool, B. `counts` (bool, B) are the crops whose identity
    both modalities show, and `first` (bool, B) one of them per identity. The centres `visible`, `infrared` and `joint`,
    float32, B x D, are of no meaning where `counts` is false. Nothing here asks the device how many there are.
    """

    values: Tensor
    number: Tensor
    is_visible: Tensor
    counts: Tensor
    first: Tensor
    visible: Tensor
    infrared: Tensor
    joint: Tensor


def identity_clues(pooled: Mapping[str, Tensor], identities: Mapping[str, Tensor], settings: IcgSettings) -> Icg:
    """ICG of a batch, in one of three forms.

    With f_i a crop of identity y in modality m, m' the other modality, c_p^m the mean of identity p's crops in m, and
    c_p the mean of c_p^visible and c_p^infrared:

        sample-centre    mean_i [ |f_i - c_y^m'| - rho1 ]_+  +  mean_{p<q} [ rho2 - |c_p - c_q| ]_+
        centre-triplet   mean_{p,m} [ |c_p^m - c_p^m'| - min_{q!=p} |c_p^m - c_q^m'| + margin ]_+
        sample-triplet   mean_i [ |f_i - c_y^m'| - min_{q!=y} |f_i - c_q^m'| + margin ]_+

    With target "joint" c_y takes the place of c_y^m' everywhere, and c_q that of c_q^m'. Identities that only one
    modality shows are left out.

    Args:
        pooled: per modality, float, B_m x D; features before the neck.
        identities: per modality, int64, B_m; identity numbers are shared by the modalities.
        settings: the form.
    """
    if VISIBLE not in pooled or INFRARED not in pooled:
        nothing = torch.stack([values.float().sum() * 0 for values in pooled.values()]).sum()
        return Icg(loss=nothing, pull=nothing.detach(), push=nothing.detach())
    with torch.autocast(pooled[VISIBLE].device.type, enabled=False):
        return _FORMS[settings.form](_of_batch(pooled, identities, settings.normalised), settings)


def _of_batch(pooled: Mapping[str, Tensor], identities: Mapping[str, Tensor], normalised: bool) -> _Batch:
    values = torch.cat([pooled[VISIBLE], pooled[INFRARED]]).float()
    values = functional.normalize(values) if normalised else values
    number = torch.cat([identities[VISIBLE], identities[INFRARED]])
    is_visible = torch.arange(len(values), device=values.device) < len(pooled[VISIBLE])
    same = number[:, None] == number
    visible, infrared = same & is_visible, same & ~is_visible
    counts = visible.any(dim=1) & infrared.any(dim=1)
    first = counts & ~same.tril(-1).any(dim=1)
    of_visible, of_infrared = (_means(values, belongs) for belongs in (visible, infrared))
    return _Batch(
        values, number, is_visible, counts, first, of_visible, of_infrared, joint=(of_visible + of_infrared) / 2
    )


def _means(values: Tensor, belongs: Tensor) -> Tensor:
    weight = belongs.to(values.dtype)
    return (weight @ values) / weight.sum(dim=1, keepdim=True).clamp_min(1)


def _sample_centre(batch: _Batch, settings: IcgSettings) -> Icg:
    own = _length(batch.values - _target(batch, settings))
    between, apart = _between(batch)
    loss = _mean((own - settings.rho1).clamp_min(0), batch.counts)
    loss = loss + _mean((settings.rho2 - between).clamp_min(0), apart)
    return _result(batch, loss, own)


def _centre_triplet(batch: _Batch, settings: IcgSettings) -> Icg:
    joint = settings.target == "joint"
    sides = [
        (batch.visible, batch.joint if joint else batch.infrared),
        (batch.infrared, batch.joint if joint else batch.visible),
    ]
    own = torch.stack([_length(one - other) for one, other in sides])
    hinges = [
        _hinge(_length(one - other), torch.cdist(one, other, compute_mode=_EXACT), batch, settings.margin)
        for one, other in sides
    ]
    return _result(batch, _mean(torch.stack(hinges), batch.first.expand(2, -1)), own.mean(dim=0))


def _sample_triplet(batch: _Batch, settings: IcgSettings) -> Icg:
    own = _length(batch.values - _target(batch, settings))
    if settings.target == "joint":
        distance = torch.cdist(batch.values, batch.joint, compute_mode=_EXACT)
    else:
        to_infrared, to_visible = (
            torch.cdist(batch.values, centres, compute_mode=_EXACT) for centres in (batch.infrared, batch.visible)
        )
        distance = torch.where(batch.is_visible[:, None], to_infrared, to_visible)
    return _result(batch, _mean(_hinge(own, distance, batch, settings.margin), batch.counts), own)


_FORMS: dict[str, Callable[[_Batch, IcgSettings], Icg]] = {
    "sample-centre": _sample_centre,
    "centre-triplet": _centre_triplet,
    "sample-triplet": _sample_triplet,
}
_EXACT = "donot_use_mm_for_euclid_dist"


def _target(batch: _Batch, settings: IcgSettings) -> Tensor:
    """The centre that each crop is drawn to, B x D."""
    if settings.target == "joint":
        return batch.joint
    return torch.where(batch.is_visible[:, None], batch.infrared, batch.visible)


def _hinge(own: Tensor, distance: Tensor, batch: _Batch, margin: float) -> Tensor:
    """By how much the nearest centre of another identity is too near (B), from distances to all centres (B x B).

    A single identity has no other: its nearest one is infinitely far, and nothing is too near.
    """
    other = batch.first & (batch.number[:, None] != batch.number)
    nearest = distance.masked_fill(~other, torch.inf).amin(dim=1)
    return (own - nearest + margin).clamp_min(0)


def _between(batch: _Batch) -> tuple[Tensor, Tensor]:
    """Distances of joint centres, B x B, and which of them count: each pair of identities once."""
    pairs = (batch.first[:, None] & batch.first).triu(1)
    return torch.cdist(batch.joint, batch.joint, compute_mode=_EXACT), pairs


def _length(difference: Tensor) -> Tensor:
    """Lengths of rows; the gradient of a length of 0 is 0."""
    square = difference.square().sum(dim=-1)
    apart = square > 0
    return torch.where(apart, torch.where(apart, square, 1).sqrt(), 0)


def _mean(values: Tensor, counts: Tensor) -> Tensor:
    """The mean of some values; 0 if there are none."""
    return torch.where(counts, values, 0).sum() / counts.sum().clamp_min(1)


def _result(batch: _Batch, loss: Tensor, own: Tensor) -> Icg:
    return Icg(loss, _mean(own.detach(), batch.counts), _mean(*_between(batch)).detach())
