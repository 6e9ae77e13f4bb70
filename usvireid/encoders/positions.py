"""Tables of positions, made for one grid and wanted for another."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def resized(table: Tensor, grid: tuple[int, int], wanted: tuple[int, int]) -> Tensor:
    """A table of positions for another grid, by bicubic interpolation.

    Args:
        table: float, (h w) x C, rows of the grid one after the other.
        grid: h and w.
        wanted: h' and w'; equal ones give the table itself.

    Returns:
        (h' w') x C.
    """
    if grid == wanted:
        return table
    maps = table.T.reshape(1, -1, *grid)
    return functional.interpolate(maps, wanted, mode="bicubic", align_corners=False)[0].flatten(1).T
