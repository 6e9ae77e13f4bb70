"""k-means inside many small groups at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

_BUCKET_VALUES = 2**22
"""Distances of one kind that a bucket of groups may hold (16 MiB of float32), unless a single group needs more."""
_BLOCK_VALUES = 2**20
"""Features that are looked at together (4 MiB of float32, so that they stay in a CPU's cache)."""
_LEAST_FILL = 0.65
"""A bucket holds only groups of at least this share of its largest."""
_NO_DISTANCE = 1e-6
"""Squared distances up to this are rounding, for features of length about 1."""


@dataclass(frozen=True)
class Bucket:
    """B groups of similar size, largest first.

    `groups` is int64, B: their numbers. `sizes` lists their sizes. `members` is int64, B x n: row numbers, filled up to
    the largest size with the first one; `real` (bool, B x n) says which are not such padding.
    """

    groups: Tensor
    sizes: list[int]
    members: Tensor
    real: Tensor

    def blocks(self, width: int) -> Iterator[tuple[slice, int]]:
        """Runs of groups of exactly the same size, with that size; short enough to be looked at together."""
        first = 0
        while first < len(self.sizes):
            size = self.sizes[first]
            last = min(first + max(1, _BLOCK_VALUES // (size * width)), len(self.sizes))
            while self.sizes[last - 1] < size:
                last -= 1
            yield slice(first, last), size
            first = last


def buckets(group: Tensor, sizes: Tensor, values: Callable[[int], int]) -> Iterator[Bucket]:
    """Sort groups by size into buckets with little padding and bounded memory. Empty groups are in none.

    Args:
        group: int64, N; the group of each row, negative for none.
        sizes: int64, K, on the CPU; rows per group.
        values: how many numbers a group of some size takes, for the memory bound.
    """
    rows = torch.argsort(group, stable=True)
    rows = rows[len(rows) - int(sizes.sum()) :]
    starts = (sizes.cumsum(0) - sizes).to(rows.device)
    ordered_sizes, order = torch.sort(sizes, descending=True, stable=True)
    listed = ordered_sizes[ordered_sizes > 0].tolist()
    first = 0
    while first < len(listed):
        longest = listed[first]
        last = first + 1
        end = min(len(listed), first + max(1, _BUCKET_VALUES // values(longest)))
        while last < end and listed[last] >= _LEAST_FILL * longest:
            last += 1
        groups = order[first:last].to(rows.device)
        place = torch.arange(longest, device=rows.device)
        real = place < sizes.to(rows.device)[groups, None]
        members = rows[starts[groups, None] + torch.where(real, place, 0)]
        yield Bucket(groups, listed[first:last], members, real)
        first = last


class GramDistances:
    """Squared distances inside the groups of a bucket from inner products alone: iterations never touch features.

    For groups with fewer members than a feature has numbers.
    """

    def __init__(self, features: Tensor, bucket: Bucket) -> None:
        longest = bucket.members.shape[1]
        self._gram = features.new_empty(len(bucket.groups), longest, longest)
        for block, size in bucket.blocks(features.shape[1]):
            # Several times faster than indexing with a table of rows.
            inside = features.index_select(0, bucket.members[block, :size].flatten()).view(-1, size, features.shape[1])
            self._gram[block, :size, :size] = inside @ inside.transpose(1, 2)
            self._gram[block, size:] = 0
            self._gram[block, :size, size:] = 0
        self._square = torch.diagonal(self._gram, dim1=1, dim2=2)

    def to_members(self, chosen: Tensor) -> Tensor:
        """From chosen members (int64, B x T) to all members: float, B x T x n. Of no meaning for padding."""
        rows = self._gram.gather(1, chosen[:, :, None].expand(-1, -1, self._gram.shape[2]))
        square = self._square.gather(1, chosen)
        return (square[:, :, None] + self._square[:, None, :] - 2 * rows).clamp_min_(0)

    def to_means(self, weights: Tensor) -> Tensor:
        """From means (weights over members, float, B x P x n, rows sum to 1 or 0) to all members: B x P x n."""
        inner = weights @ self._gram
        square = (inner * weights).sum(2, keepdim=True)
        return (square + self._square[:, None, :] - 2 * inner).clamp_min_(0)


class FeatureDistances:
    """The same distances computed from the features, for groups of many members."""

    def __init__(self, features: Tensor, bucket: Bucket) -> None:
        self._features = features[bucket.members]
        self._square = self._features.square().sum(2)

    def to_members(self, chosen: Tensor) -> Tensor:
        """As `GramDistances.to_members`."""
        return self._to(self._features.gather(1, chosen[:, :, None].expand(-1, -1, self._features.shape[2])))

    def to_means(self, weights: Tensor) -> Tensor:
        """As `GramDistances.to_means`."""
        return self._to(weights @ self._features)

    def _to(self, points: Tensor) -> Tensor:
        square = points.square().sum(2, keepdim=True)
        inner = points @ self._features.transpose(1, 2)
        return (square + self._square[:, None, :] - 2 * inner).clamp_min_(0)


Distances = GramDistances | FeatureDistances


def distances_of(features: Tensor, bucket: Bucket) -> Distances:
    """The cheaper of the two ways for a bucket of groups, from all features (float, N x D)."""
    kind = GramDistances if bucket.members.shape[1] <= features.shape[1] else FeatureDistances
    return kind(features, bucket)


def seed_centres(distances: Distances, real: Tensor, counts: Tensor, draws: Tensor) -> Tensor:
    """Choose members as first centres, far apart (greedy k-means++, Arthur and Vassilvitskii 2007).

    Each centre is the best of a few candidates drawn with probability proportional to the squared distance from the
    centres so far; the draw is a race of exponential clocks, which takes no cumulative sums, so that a seed gives the
    same centres whatever the padding.

    Args:
        distances: of B groups.
        real: bool, B x n; padding is never chosen.
        counts: int64, B; centres per group, at most their members.
        draws: float, B x R x P x n; standard exponential numbers, for R independent restarts and P centres.

    Returns:
        int64, B x R x P; members. Beyond the count of a group, its first centre is repeated.
    """
    batch, restarts, places, longest = draws.shape
    trials = 2 + int(math.log(places))
    never = torch.full_like(draws[:, :, 0], torch.inf)
    clock = torch.where(real[:, None], draws[:, :, 0], never)
    first = clock.argmin(2)
    chosen = first[:, :, None].repeat(1, 1, places)
    nearest = distances.to_members(first)
    nearest = torch.where(real[:, None], nearest, 0)
    for place in range(1, places):
        clock = torch.where(real[:, None], draws[:, :, place] / nearest.clamp_min(1e-30), never)
        candidates = clock.topk(min(trials, longest), dim=2, largest=False)
        reached = distances.to_members(candidates.indices.flatten(1)).view(batch, restarts, -1, longest)
        reached = torch.minimum(reached, nearest[:, :, None])
        best = reached.sum(3).masked_fill_(candidates.values == torch.inf, torch.inf).argmin(2, keepdim=True)
        wanted = (place < counts)[:, None]
        chosen[:, :, place] = torch.where(wanted, candidates.indices.gather(2, best)[:, :, 0], first)
        reached = reached.gather(2, best[..., None].expand(-1, -1, -1, longest))[:, :, 0]
        nearest = torch.where(wanted[..., None], reached, nearest)
    return chosen


def membership(parts: Tensor, real: Tensor, places: int) -> Tensor:
    """Which members each part has: bool, ... x P x n, from parts (int64, ... x n, in 0..P-1) and no padding."""
    place = torch.arange(places, device=parts.device)[:, None]
    return (parts.unsqueeze(-2) == place) & real.unsqueeze(-2)


def inertia_of(distances: Distances, real: Tensor, parts: Tensor, places: int) -> Tensor:
    """The sum of squared distances of members from the means of their parts: float, B, from parts int64, B x n."""
    belongs = membership(parts, real, places)
    squared = distances.to_means(belongs / belongs.sum(2, keepdim=True).clamp_min(1))
    return (squared * belongs).sum((1, 2))


def lloyd(
    distances: Distances, real: Tensor, counts: Tensor, seeds: Tensor, max_iterations: int
) -> tuple[Tensor, Tensor]:
    """Move every member to its nearest mean until none moves (Lloyd's iteration), in all groups and restarts at once.

    A part that loses all its members takes the member that is farthest from its own mean, if there is any distance.

    Args:
        distances: of B groups.
        real: bool, B x n.
        counts: int64, B; parts per group.
        seeds: int64, B x R x P, from `seed_centres`.
        max_iterations: means are computed at most so often.

    Returns:
        parts: int64, B x R x n; the part of each member, 0..count-1, of padding too.
        inertia: float, B x R; the sum of squared distances of the members from the means of their parts.
    """
    batch, restarts, places = seeds.shape
    allowed = torch.arange(places, device=seeds.device)[:, None] < counts[:, None, None, None]
    shape = (batch, restarts, places, real.shape[1])
    squared = distances.to_members(seeds.flatten(1)).view(shape).masked_fill_(~allowed, torch.inf)
    parts = squared.min(dim=2).indices
    for _ in range(max_iterations):
        belongs = membership(parts, real[:, None], places)
        sizes = belongs.sum(3, keepdim=True)
        squared = distances.to_means((belongs / sizes.clamp_min(1)).flatten(1, 2)).view(shape)
        squared.masked_fill_(sizes == 0, torch.inf)
        moved = squared.min(dim=2).indices
        if torch.equal(moved, parts):
            moved = _refill(squared, parts, real, allowed & (sizes == 0))
            if torch.equal(moved, parts):
                break
        parts, before = moved, parts
    else:
        parts = before
    return parts, squared.gather(2, parts[:, :, None])[:, :, 0].mul(real[:, None]).sum(2)


def _refill(squared: Tensor, parts: Tensor, real: Tensor, empty: Tensor) -> Tensor:
    """Give the first empty part of each group and restart the member that is farthest from its mean."""
    own = squared.gather(2, parts[:, :, None])[:, :, 0].mul(real[:, None])
    farthest = own.max(dim=2, keepdim=True)
    first_empty = empty[..., 0].int().max(dim=2, keepdim=True)
    moves = (first_empty.values > 0) & (farthest.values > _NO_DISTANCE)
    before = parts.gather(2, farthest.indices)
    return parts.scatter(2, farthest.indices, torch.where(moves, first_empty.indices, before))
