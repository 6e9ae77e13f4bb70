"""Small pictures of the crops, in one file, so that an index needs no data beside it."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from PIL import Image

from usvireid.errors import DataError

_LARGEST: Final = (64, 128)
"""Width and height, pixels."""
_QUALITY: Final = 75


def thumbnail(picture: np.ndarray) -> bytes:
    """A small JPEG file of a picture (uint8, H x W x 3)."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    image.thumbnail(_LARGEST)
    file = io.BytesIO()
    image.save(file, format="JPEG", quality=_QUALITY, optimize=True)
    return file.getvalue()


def data_uri(jpeg: bytes) -> str:
    """A JPEG file as it stands in a page."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


class ThumbnailWriter:
    """Writes thumbnails one after the other; `places` says where each begins and where the last ends (int64, N + 1)."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.places = [0]

    def add(self, picture: np.ndarray) -> None:
        """Write the thumbnail of a picture (uint8, H x W x 3)."""
        content = thumbnail(picture)
        self._file.write(content)
        self.places.append(self.places[-1] + len(content))


class Thumbnails:
    """Reads the thumbnails of an index."""

    def __init__(self, path: Path, places: np.ndarray) -> None:
        self._path, self._places = path, places

    def read(self, row: int) -> bytes:
        """The JPEG file of a crop.

        Raises:
            DataError: the file is gone or was cut off.
        """
        start, stop = int(self._places[row]), int(self._places[row + 1])
        try:
            with self._path.open("rb") as file:
                file.seek(start)
                content = file.read(stop - start)
        except OSError as error:
            raise DataError(f"{self._path}: cannot be read ({error.strerror or error}).") from None
        if len(content) < stop - start:
            raise DataError(f"{self._path}: damaged; make the index anew.")
        return content
