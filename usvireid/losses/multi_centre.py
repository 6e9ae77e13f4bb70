"""MCCL, multi-centre contrastive learning: contrast with several centres per pseudo-identity."""

from __future__ import annotations

import torch
from torch import Tensor

_NEAREST = 1e-6
"""Distances below count as this, so that a feature that sits on a centre has a finite weight."""


def multi_centre_contrast(
    features: Tensor, centres: Tensor, valid: Tensor, rows: Tensor, temperature: float = 0.05
) -> Tensor:
    """Pull each feature to the centres of its own identity, together, and push it from all others (ours).

    InfoNCE in which the centres of the feature's identity are its positives: -log of the share that they have of all
    similarities, each exp(cosine / temperature). A feature that is near one of its centres is near enough. HIL's
    abstract names a contrast within the modality and one with the other modality's centres; they differ in the centres
    that are handed over.

    Args:
        features: float, B x D; unit rows.
        centres: float, K x S x D; unit rows where valid; no gradient flows into them.
        valid: bool, K x S; which centres exist.
        rows: int64, B; the identity of each feature, -1 for none.
        temperature: divides the similarities.

    Returns:
        The mean over the features whose identity has a centre; exactly 0, without gradient, where none has.
    """
    if not len(features) or not valid.numel():
        return features.sum() * 0
    own = rows.clamp_min(0)
    counts = (rows >= 0) & valid[own].any(dim=1)
    logits = torch.einsum("bd,ksd->bks", features.float(), centres.detach().float()) / temperature
    # Where there is no centre at all everything counts, lest a sum over nothing make the gradient NaN; it is left out.
    logits = logits.masked_fill(counts[:, None, None] & ~valid, -torch.inf)
    positive = torch.take_along_dim(logits, own[:, None, None], dim=1)[:, 0].logsumexp(dim=1)
    everything = logits.flatten(1).logsumexp(dim=1)
    return _mean(torch.where(counts, everything - positive, 0), counts)


def nearest_centre_contrast(features: Tensor, centres: Tensor, valid: Tensor, counts: Tensor | None = None) -> Tensor:
    """The contrast of HIL's released code, which asks no label: the nearest identity against all others.

    With Euclidean distances d to the centres, d_k the smallest to a centre of identity k, and p the identity of the
    smallest of all: pos = mean over the centres of p of 1 / d, neg = mean over the other identities of 1 / d_k, and the
    loss is -log(pos / (pos + neg)). The released code gives NaN where no feature counts; here that is 0.

    Args:
        features: float, B x D; unit rows.
        centres: float, K x S x D; unit rows where valid; no gradient flows into them.
        valid: bool, K x S; which centres exist.
        counts: bool, B; which features count: in the released code those whose two heads agree on p. None: all.

    Returns:
        The mean over the features that count; exactly 0, without gradient, where none does, or where there are fewer
        than two identities.
    """
    exists = valid.any(dim=1)
    if not len(features) or len(exists) < 2:
        return features.sum() * 0
    cosine = torch.einsum("bd,ksd->bks", features.float(), centres.detach().float())
    distance = (2 - 2 * cosine).clamp_min(_NEAREST**2).sqrt()
    # A centre that does not exist is at no distance and weighs nothing.
    weight = torch.where(valid, distance.reciprocal(), 0)
    nearest = weight.amax(dim=2)
    chosen = nearest.argmax(dim=1)
    own = torch.take_along_dim(weight, chosen[:, None, None], dim=1)[:, 0]
    positive = own.sum(dim=1) / valid[chosen].sum(dim=1).clamp_min(1)
    negative = nearest.scatter(1, chosen[:, None], 0).sum(dim=1) / (exists.sum() - 1).clamp_min(1)
    kept = torch.ones_like(chosen, dtype=torch.bool) if counts is None else counts
    kept = kept & (exists.sum() > 1)
    share = torch.where(kept, positive / torch.where(kept, positive + negative, 1), 1)
    return _mean(-share.log(), kept)


def agreement(one: Tensor, other: Tensor, centres: Tensor, other_centres: Tensor, valid: Tensor) -> Tensor:
    """Which features (bool, B) have the same nearest identity in two heads, each with centres of its own."""
    return nearest_identity(one, centres, valid) == nearest_identity(other, other_centres, valid)


@torch.no_grad()
def nearest_identity(features: Tensor, centres: Tensor, valid: Tensor) -> Tensor:
    """The identity (int64, B) that has the nearest of all centres, for unit rows the one of the largest cosine."""
    cosine = torch.einsum("bd,ksd->bks", features.float(), centres.float()).masked_fill(~valid, -torch.inf)
    return cosine.amax(dim=2).argmax(dim=1)


def _mean(values: Tensor, counts: Tensor) -> Tensor:
    return values.sum() / counts.sum().clamp_min(1)
