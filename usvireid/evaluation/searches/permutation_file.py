"""The draws that SYSU-MM01 brings along: `exp/rand_perm_cam.mat`.

The array `rand_perm_cam` is a cell for each camera, in it a cell for each identity, in that a matrix of a row for each
trial: a permutation of the numbers of the person's images in that camera, counted from 1 like the file names. The first
`shots` of the row are the gallery of the trial.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.errors import DataError
from usvireid.evaluation.searches.search import as_rows

PERMUTATION_FILE = "exp/rand_perm_cam.mat"
"""Relative to the data folder."""
_ARRAY = "rand_perm_cam"
_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    IndexError,
    NotImplementedError,
    MemoryError,
    MatReadError,
    zlib.error,
)
"""What SciPy raises on files that are damaged or of a version that it does not read."""


@dataclass(frozen=True)
class Permutations:
    """The cells of a permutation file.

    Attributes:
        path: the file.
        cells: by camera and identity, both counted from 0: integers, trials x images.
        digest: of the file, 12 hexadecimal digits.
    """

    path: Path
    cells: list[list[np.ndarray]]
    digest: str

    @classmethod
    def read(cls, path: Path) -> Permutations:
        """Read a file.

        Raises:
            DataError: it is not there, or is not such a file.
        """
        try:
            content = path.read_bytes()
            array = loadmat(io.BytesIO(content))[_ARRAY]
        except FileNotFoundError:
            raise DataError(
                f"{path}: not found; evaluation.draw=file needs the data set's own permutations. Copy the file there, "
                "or use evaluation.draw=seeded."
            ) from None
        except KeyError:
            raise DataError(f"{path}: holds no array {_ARRAY}; take the file of the data set.") from None
        except _UNREADABLE as error:
            raise DataError(f"{path}: cannot be read as a MATLAB file ({' '.join(str(error).split())}).") from None
        cameras = [np.ravel(camera) for camera in np.ravel(array)]
        if array.dtype != object or any(camera.dtype != object for camera in cameras):
            raise DataError(f"{path}: {_ARRAY} must hold a cell for each camera and in it one for each identity.")
        return cls(path, [list(camera) for camera in cameras], hashlib.sha256(content).hexdigest()[:12])

    def draw(self, crops: Crops, groups: Mapping[tuple[str, str], list[int]], trial: int, shots: int = 1) -> np.ndarray:
        """The gallery of a trial: rows (int64) of the images that the file names first, in the order of the groups.

        Args:
            crops: the table; file names are numbers.
            groups: (identity, camera) to rows; identities are numbers, cameras "cam" and a number.
            trial: row of the permutations.
            shots: images of an identity and camera.

        Raises:
            DataError: the file has no such camera, identity, trial or image; the message names it.
        """
        paths = crops.table[names.PATH]
        drawn: list[int] = []
        for (identity, camera), group in groups.items():
            numbered = {PurePosixPath(paths.iloc[row]).stem.lstrip("0"): row for row in group}
            for number in self._numbers(identity, camera, trial)[:shots]:
                if str(number) not in numbered:
                    raise DataError(
                        f"{self.path}: trial {trial} asks for image {number} of identity {identity}, {camera}, which "
                        "is not among the readable crops; restore the image, or use evaluation.draw=seeded."
                    )
                drawn.append(numbered[str(number)])
        return as_rows(drawn)

    def _numbers(self, identity: str, camera: str, trial: int) -> list[int]:
        """Numbers of the images of an identity and camera in the order of a trial."""
        what = f"identity {identity}, {camera}"
        cell_of_camera, cell_of_identity = camera.removeprefix("cam"), identity
        if not (cell_of_camera.isdecimal() and cell_of_identity.isdecimal()):
            raise DataError(f"{self.path}: knows cameras and identities by numbers, so it has no draw of {what}.")
        at, who = int(cell_of_camera) - 1, int(cell_of_identity) - 1
        known = 0 <= at < len(self.cells) and 0 <= who < len(self.cells[at])
        cell = np.atleast_2d(self.cells[at][who]) if known else np.empty((0, 0))
        if not cell.size or cell.dtype.kind not in "iuf":
            raise DataError(f"{self.path}: has no permutation of {what}; take the file of the data set.")
        if trial >= len(cell):
            raise DataError(
                f"{self.path}: has {len(cell)} trials of {what}, so there is no trial {trial}; "
                f"use evaluation.trials={len(cell)} or fewer."
            )
        return [int(number) for number in cell[trial]]
