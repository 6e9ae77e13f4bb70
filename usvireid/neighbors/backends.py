"""The searches that propose candidates to `knn`: FAISS or PyTorch, on GPUs or the CPU."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch

from usvireid.neighbors.candidates import Candidates, ScoreBlock, rounding_errors
from usvireid.neighbors.distances import squared_norms
from usvireid.neighbors.tensors import as_tensor
from usvireid.portion import Portion

Device = TypeVar("Device")

FAISS_GPU_LARGEST_WIDTH = 2048
"""FAISS selects at most so many columns on a GPU."""

_LARGEST_COLUMNS = 65536
_SMALLEST_GPU_SCRATCH = 64 * 2**20


def search_torch(
    values: np.ndarray, width: int, devices: list[torch.device], block_bytes: int, portion: Portion | None = None
) -> Candidates:
    """The `width` columns of smallest score of every row, by matrix products on the devices, which share the rows.

    Args:
        values: float32, N x D.
        width: columns to find, at most N.
        devices: at least one; any device of PyTorch will do. Each holds a copy of `values`.
        block_bytes: bound on the temporary memory of each device.
        portion: the rows to search for; what is returned of others means nothing. None: all.
    """
    whole, norms = as_tensor(values), as_tensor(squared_norms(values).astype(np.float32))
    found = _empty(values, width)
    # A block of scores, with what topk and the merge need beside it, takes about four times its own size.
    columns = max(width, min(len(values), _LARGEST_COLUMNS, block_bytes // 1024))
    step = max(1, block_bytes // (16 * (columns + 2 * width)))

    def search(device: torch.device, start: int, stop: int) -> None:
        on_device, norms_on_device = whole.to(device), norms.to(device)
        for low in range(start, stop, step):
            high = min(low + step, stop)
            scores, ids = _best_columns(on_device, norms_on_device, low, high, width, columns)
            found.scores[low:high] = scores.cpu().numpy()
            found.ids[low:high] = ids.cpu().numpy()

    _share_rows(portion or Portion.whole(len(values)), devices, search)
    return found


def _best_columns(
    values: torch.Tensor, norms: torch.Tensor, low: int, high: int, width: int, columns: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores and ids of the `width` best columns of the rows low..high, one block of columns after the other."""
    best_scores = best_ids = torch.empty(0)
    for start in range(0, len(values), columns):
        stop = min(start + columns, len(values))
        block = torch.addmm(norms[start:stop], values[low:high], values[start:stop].T, alpha=-2)
        block += norms[low:high, None]
        scores, ids = block.topk(min(width, stop - start), dim=1, largest=False, sorted=False)
        ids = ids.to(torch.int32) + start
        if start:
            scores, ids = torch.cat([best_scores, scores], dim=1), torch.cat([best_ids, ids], dim=1)
            scores, chosen = scores.topk(width, dim=1, largest=False, sorted=False)
            ids = ids.gather(1, chosen)
        best_scores, best_ids = scores, ids
    return best_scores, best_ids


def torch_scores(values: np.ndarray, device: torch.device) -> ScoreBlock:
    """Scores of any rows against any range of columns, by matrix products on the device."""
    on_device = as_tensor(values).to(device)
    norms = as_tensor(squared_norms(values).astype(np.float32)).to(device)

    def score(rows: np.ndarray, start: int, stop: int) -> np.ndarray:
        picked = torch.from_numpy(rows).to(device)
        block = torch.addmm(norms[start:stop], on_device[picked], on_device[start:stop].T, alpha=-2)
        block += norms[picked, None]
        scores: np.ndarray = block.cpu().numpy()
        return scores

    return score


def search_faiss_cpu(values: np.ndarray, width: int, block_bytes: int, portion: Portion | None = None) -> Candidates:
    """The `width` columns of smallest score of every row, or of those of a portion, by FAISS on the CPU."""
    import faiss

    found = _empty(values, width)
    portion = portion or Portion.whole(len(values))
    step = max(1, block_bytes // (16 * width))
    for low in range(portion.start, portion.stop, step):
        part = slice(low, min(low + step, portion.stop))
        found.scores[part], found.ids[part] = faiss.knn(values[part], values, width)
    return found


def search_faiss_gpu(
    values: np.ndarray, width: int, gpus: list[int], block_bytes: int, portion: Portion | None = None
) -> Candidates:
    """The `width` columns of smallest score of every row, or of those of a portion, by FAISS on the GPUs.

    The GPUs share the rows, and each holds a copy of `values`. `width` is at most `FAISS_GPU_LARGEST_WIDTH`.
    """
    import faiss

    found = _empty(values, width)
    step = max(1, block_bytes // (16 * width))

    def search(gpu: int, start: int, stop: int) -> None:
        resources = faiss.StandardGpuResources()
        resources.setTempMemory(max(block_bytes, _SMALLEST_GPU_SCRATCH))
        settings = faiss.GpuIndexFlatConfig()
        settings.device = gpu
        index = faiss.GpuIndexFlatL2(resources, values.shape[1], settings)
        index.add(values)
        for low in range(start, stop, step):
            part = slice(low, min(low + step, stop))
            found.scores[part], found.ids[part] = index.search(values[part], width)

    _share_rows(portion or Portion.whole(len(values)), gpus, search)
    return found


def _empty(values: np.ndarray, width: int) -> Candidates:
    shape = (len(values), width)
    errors = rounding_errors(np.sqrt(squared_norms(values)), values.shape[1])
    return Candidates(np.empty(shape, dtype=np.int32), np.empty(shape, dtype=np.float32), errors)


def _share_rows(portion: Portion, devices: list[Device], search: Callable[[Device, int, int], None]) -> None:
    """Give each device a consecutive share of the rows, all at the same time."""
    bounds = [portion.start + len(portion) * part // len(devices) for part in range(len(devices) + 1)]
    with ThreadPoolExecutor(len(devices)) as pool:
        list(pool.map(search, devices, bounds[:-1], bounds[1:]))
