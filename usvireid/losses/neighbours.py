"""Neighbour losses: pull a feature to those instances of a memory that are almost as near as the nearest one."""

from __future__ import annotations

import torch
from torch import Tensor


def neighbour_contrast(
    features: Tensor, memory: Tensor, own: Tensor | None = None, *, share: float = 0.9, temperature: float = 0.05
) -> Tensor:
    """Cross-entropy over all instances of a memory, with the near ones as equal targets.

    Against the memory of the own modality it is HIL's homogeneous term, against the other modality's its heterogeneous
    one (released code, after SDCL): targets are the instances whose similarity exceeds `share` of the row's largest.

    Args:
        features: float, B x D; unit rows.
        memory: float, N x D; unit rows, one per crop; no gradient flows into them.
        own: int64, B; the row of each feature's own crop, which is neither target nor measure of the largest similarity
            (ours: the released code counts it, and it is mostly the nearest), -1 for none. None: no own rows.
        share: in (0, 1].
        temperature: divides the similarities.

    Returns:
        The mean over the features that have a target; exactly 0, without gradient, where none has: an empty memory, or
        similarities that are all negative.
    """
    if not len(features) or not len(memory):
        return features.sum() * 0
    similarity = features.float() @ memory.detach().float().T
    allowed = torch.ones_like(similarity, dtype=torch.bool)
    if own is not None:
        column = torch.arange(len(memory), device=memory.device)
        allowed = column != own[:, None]
    with torch.no_grad():
        largest = similarity.masked_fill(~allowed, -torch.inf).amax(dim=1, keepdim=True)
        near = allowed & (similarity >= share * largest) & (largest > 0)
    # A row with nothing allowed is left out below; until then everything counts, lest its gradient be NaN.
    left_out = ~allowed & allowed.any(dim=1, keepdim=True)
    logits = (similarity / temperature).masked_fill(left_out, -torch.inf)
    share_of_all = logits - logits.logsumexp(dim=1, keepdim=True)
    targets = near.sum(dim=1)
    loss = -torch.where(near, share_of_all, 0).sum(dim=1) / targets.clamp_min(1)
    counts = targets > 0
    return torch.where(counts, loss, 0).sum() / counts.sum().clamp_min(1)
