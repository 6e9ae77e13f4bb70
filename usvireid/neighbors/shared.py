"""The search for candidates, by this process alone or by all processes of a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from usvireid.neighbors.backends import search_faiss_cpu, search_faiss_gpu, search_torch
from usvireid.neighbors.candidates import Candidates
from usvireid.neighbors.coarse import Coarse, coarse
from usvireid.neighbors.halves import band_of, search_halves
from usvireid.neighbors.pool import Pool
from usvireid.neighbors.tensors import as_tensor, full_float32, one_thread_each
from usvireid.processes import SEARCH, Group, current

FAISS_GPU = "faiss-gpu"
TORCH_CUDA = "torch-cuda"
FAISS_CPU = "faiss-cpu"
TORCH_CPU = "torch-cpu"


@dataclass(frozen=True)
class _Wanted:
    """A search, as the other processes are told of it; `values` follow by themselves."""

    kind: str
    shape: tuple[int, int]
    k: int
    block_bytes: int
    coarse: bool
    band: int


def candidate_width(k: int) -> int:
    """Candidates to ask FAISS or a GPU for: enough that ties at the k-th place rarely need a second search."""
    return k + k // 2 + 8


def shared_search(
    values: np.ndarray, k: int, kind: str, gpus: list[int], block_bytes: int, rounded: Coarse | None
) -> Candidates:
    """The columns of every row that may be among its k nearest.

    Where several processes stand by, they share the work: the queries, or with `TORCH_CPU` the blocks of products. Each
    uses its own GPU. Within a joint task everyone searches alone.

    Args:
        values: float32, N x D.
        k: neighbours wanted, at most N.
        kind: the back end.
        gpus: numbers of the GPUs of this process.
        block_bytes: bound on the blocks of each process, see `knn`.
        rounded: for `TORCH_CPU`: `coarse(values)` to search in bfloat16.
    """
    group = current()
    shape = (values.shape[0], values.shape[1])
    wanted = _Wanted(kind, shape, k, block_bytes, rounded is not None, band_of(block_bytes))
    if group.size == 1 or group.together:
        return _search(values, wanted, gpus, rounded, Group())
    with group.jointly(SEARCH, wanted):
        group.spread(as_tensor(values))
        if kind == TORCH_CPU:
            pool = _search_blocks(values, wanted, rounded, group)
            for rank in range(1, group.size):
                others = (group.take(torch.from_numpy(np.empty_like(part)), rank).numpy() for part in pool.found)
                pool.add(*others)
            return pool.candidates()
        found = _search(values, wanted, gpus, rounded, group)
        for rank, portion in enumerate(group.portions(len(values))[1:], start=1):
            for part in (found.ids, found.scores):
                rows = part[portion.start : portion.stop]
                rows[:] = group.take(torch.from_numpy(np.empty_like(rows)), rank).numpy()
    return found


def join_search(wanted: _Wanted) -> None:
    """This process's part in a search that the first one began."""
    group = current()
    values = group.spread(torch.empty(wanted.shape)).numpy()
    gpus = [torch.cuda.current_device()] if wanted.kind in (FAISS_GPU, TORCH_CUDA) else []
    with full_float32(), one_thread_each():
        if wanted.kind == TORCH_CPU:
            rounded = coarse(values) if wanted.coarse else None
            parts = list(_search_blocks(values, wanted, rounded, group).found)
        else:
            found, portion = _search(values, wanted, gpus, None, group), group.portions(len(values))[group.rank]
            parts = [part[portion.start : portion.stop] for part in (found.ids, found.scores)]
    for part in parts:
        group.hand_over(torch.from_numpy(part))


def _search(values: np.ndarray, wanted: _Wanted, gpus: list[int], rounded: Coarse | None, group: Group) -> Candidates:
    """The part of one process of a group."""
    if wanted.kind == TORCH_CPU:
        return _search_blocks(values, wanted, rounded, group).candidates()
    width, block_bytes = min(candidate_width(wanted.k), len(values)), wanted.block_bytes
    portion = group.portions(len(values))[group.rank]
    if wanted.kind == FAISS_CPU:
        return search_faiss_cpu(values, width, block_bytes, portion)
    if wanted.kind == FAISS_GPU:
        return search_faiss_gpu(values, width, gpus, block_bytes, portion)
    return search_torch(values, width, [torch.device("cuda", gpu) for gpu in gpus], block_bytes, portion)


def _search_blocks(values: np.ndarray, wanted: _Wanted, rounded: Coarse | None, group: Group) -> Pool:
    """The part of one process of a group, on the CPU: some of the blocks of products."""
    share = (group.rank, group.size)
    return search_halves(values, wanted.k, wanted.block_bytes, coarse=rounded, band=wanted.band, share=share)
