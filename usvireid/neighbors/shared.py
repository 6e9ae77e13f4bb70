"""The search for candidates, by this process alone or by all processes of a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from usvireid.neighbors.backends import search_faiss_cpu, search_faiss_gpu, search_torch
from usvireid.neighbors.candidates import Candidates
from usvireid.neighbors.halves import band_of, search_halves
from usvireid.neighbors.tensors import as_tensor, full_float32, one_thread_each
from usvireid.portion import Portion
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
    width: int
    block_bytes: int
    coarse: bool
    band: int


def shared_search(
    values: np.ndarray, width: int, kind: str, gpus: list[int], block_bytes: int, coarse: np.ndarray | None
) -> Candidates:
    """The `width` columns of smallest score of every row.

    Where several processes stand by, they share the work: the queries, or with `TORCH_CPU` the blocks of products. Each
    uses its own GPU. Within a joint task everyone searches alone.

    Args:
        values: float32, N x D.
        width: columns to find, at most N.
        kind: the back end.
        gpus: numbers of the GPUs of this process.
        block_bytes: bound on temporary memory, of each process.
        coarse: for `TORCH_CPU`: `coarse_errors(values)` to search in bfloat16.
    """
    group = current()
    shape = (values.shape[0], values.shape[1])
    wanted = _Wanted(kind, shape, width, block_bytes, coarse is not None, band_of(block_bytes))
    if group.size == 1 or group.together:
        return _search(values, wanted, gpus, coarse, Group())
    with group.jointly(SEARCH, wanted):
        group.spread(as_tensor(values))
        found = _search(values, wanted, gpus, coarse, group)
        for rank, portion in enumerate(group.portions(len(values))[1:], start=1):
            _take(found, group, rank, portion, blocks=kind == TORCH_CPU)
    return found


def join_search(wanted: _Wanted) -> None:
    """This process's part in a search that the first one began."""
    group = current()
    values = group.spread(torch.empty(wanted.shape)).numpy()
    gpus = [torch.cuda.current_device()] if wanted.kind in (FAISS_GPU, TORCH_CUDA) else []
    # Errors are looked at by the first process, when it has everything.
    errors = np.zeros(len(values)) if wanted.coarse else None
    with full_float32(), one_thread_each():
        found = _search(values, wanted, gpus, errors, group)
    rows = slice(None) if wanted.kind == TORCH_CPU else _rows(group.portions(len(values))[group.rank])
    group.hand_over(torch.from_numpy(found.ids[rows]))
    group.hand_over(torch.from_numpy(found.scores[rows]))


def _search(
    values: np.ndarray, wanted: _Wanted, gpus: list[int], coarse: np.ndarray | None, group: Group
) -> Candidates:
    """The part of one process of a group."""
    width, block_bytes = wanted.width, wanted.block_bytes
    if wanted.kind == TORCH_CPU:
        share = (group.rank, group.size)
        return search_halves(values, width, block_bytes, coarse=coarse, band=wanted.band, share=share)
    portion = group.portions(len(values))[group.rank]
    if wanted.kind == FAISS_CPU:
        return search_faiss_cpu(values, width, block_bytes, portion)
    if wanted.kind == FAISS_GPU:
        return search_faiss_gpu(values, width, gpus, block_bytes, portion)
    return search_torch(values, width, [torch.device("cuda", gpu) for gpu in gpus], block_bytes, portion)


def _take(found: Candidates, group: Group, rank: int, portion: Portion, *, blocks: bool) -> None:
    """Put what another process found beside what is there: its rows, or the better of its columns in every row."""
    rows = slice(None) if blocks else _rows(portion)
    ids, scores = found.ids[rows], found.scores[rows]
    taken_ids = group.take(torch.from_numpy(np.empty_like(ids)), rank).numpy()
    taken_scores = group.take(torch.from_numpy(np.empty_like(scores)), rank).numpy()
    if blocks:
        taken_ids, taken_scores = _better(ids, scores, taken_ids, taken_scores)
    found.ids[rows], found.scores[rows] = taken_ids, taken_scores


def _better(
    ids: np.ndarray, scores: np.ndarray, other_ids: np.ndarray, other_scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of two sets of candidates of each row (both N x C), without a column in common, the C of smallest score."""
    both_ids, both_scores = np.concatenate([ids, other_ids], axis=1), np.concatenate([scores, other_scores], axis=1)
    width = ids.shape[1]
    best = np.argpartition(both_scores, width - 1, axis=1)[:, :width]
    return np.take_along_axis(both_ids, best, axis=1), np.take_along_axis(both_scores, best, axis=1)


def _rows(portion: Portion) -> slice:
    return slice(portion.start, portion.stop)
