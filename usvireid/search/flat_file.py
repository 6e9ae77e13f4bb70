"""Features on disk as FAISS keeps them: a flat inner-product index, which is an array with a header.

The file is written and read here without FAISS; where FAISS is installed, `faiss.read_index` opens the same file.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from usvireid.errors import DataError

_HEADER: Final = struct.Struct("<4siqqq?iQ")
"""Mark, width, rows, two numbers that FAISS no longer uses, whether it is trained, the metric, count of float32."""
_MARK: Final = b"IxFI"
_UNUSED: Final = 1 << 20
_INNER_PRODUCT: Final = 0


class FlatWriter:
    """Writes rows one block after the other.

    Args:
        file: opened for writing, at its beginning.
        count: rows that will be written in all.
        width: numbers in a row.
    """

    def __init__(self, file: BinaryIO, count: int, width: int) -> None:
        self._file, self._left, self._width = file, count, width
        file.write(_HEADER.pack(_MARK, width, count, _UNUSED, _UNUSED, True, _INNER_PRODUCT, count * width))

    def add(self, values: np.ndarray) -> None:
        """Write the next rows (float32, B x width)."""
        if values.dtype != np.float32 or values.ndim != 2 or values.shape[1] != self._width:
            raise ValueError(f"rows must be float32, B x {self._width}; got {values.dtype} {values.shape}")
        self._left -= len(values)
        self._file.write(np.ascontiguousarray(values).tobytes())

    def close(self) -> None:
        """See to it that all rows were written."""
        if self._left:
            raise ValueError(f"{self._left} rows are missing")


def read_flat(path: Path) -> np.ndarray:
    """The rows of such a file: float32, N x D, a read-only memory map that is not aligned, so copy what you compute on.

    Raises:
        DataError: no such file, another kind of file, or a part of one.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_HEADER.size)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from None
    if len(head) < _HEADER.size or head[:4] != _MARK:
        raise DataError(f"{path}: not a flat FAISS index; make the index anew.")
    _, width, count, _, _, _, metric, numbers = _HEADER.unpack(head)
    if metric != _INNER_PRODUCT or width < 1 or count < 0 or numbers != count * width:
        raise DataError(f"{path}: not a flat inner-product index, or a damaged one; make the index anew.")
    if size != _HEADER.size + 4 * numbers:
        raise DataError(f"{path}: damaged ({size} bytes, {_HEADER.size + 4 * numbers} expected); make the index anew.")
    if not count:
        return np.zeros((0, width), dtype=np.float32)
    return np.memmap(path, dtype="<f4", mode="r", offset=_HEADER.size, shape=(count, width))
