"""The one door for crops: whatever a person points at becomes a `Crops` table."""

from __future__ import annotations

import json
from pathlib import Path

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.data.sources.folder import is_image_folder, read_folder
from usvireid.data.sources.manifest import read_manifest
from usvireid.errors import DataError, UsageError


def open_crops(data: Path) -> Crops:
    """The crops at `data`.

    `data` is one of: a manifest (`.csv`), a folder with a manifest `crops.csv` in it, or a folder with the
    sub-folders `visible` and `infrared`. A manifest comes before the sub-folders where a folder has both.

    Raises:
        UsageError: there is nothing at `data`, or a file that is no manifest.
        DataError: what is there cannot be used; the message names the file or row.
    """
    try:
        return _open(data.expanduser())
    except RuntimeError:
        raise UsageError(f"{data}: there is no such home folder.") from None
    except OSError as error:
        raise DataError(f"{data}: cannot be read ({error.strerror}); check the name and its permissions.") from None


def _open(data: Path) -> Crops:
    if not data.exists():
        raise UsageError(f"{data}: no such folder or file; give the folder that holds the crops, or a manifest (.csv).")
    if not data.is_dir():
        if data.suffix.lower() != ".csv":
            raise UsageError(f"{data}: neither a folder nor a manifest; a manifest is a table whose name ends in .csv.")
        return read_manifest(data)
    if (data / names.MANIFEST_FILE).is_file():
        return read_manifest(data / names.MANIFEST_FILE)
    if (data / names.DEMO_FILE).is_file():
        raise DataError(_unfinished_demo(data))
    if not is_image_folder(data) and not any(data.iterdir()):
        raise DataError(
            f"{data}: the folder is empty; put crops into the folders {' and '.join(names.MODALITIES)} in it, "
            f"or a manifest {names.MANIFEST_FILE}."
        )
    return read_folder(data)


def _unfinished_demo(data: Path) -> str:
    """A demo set has no manifest until its last image is drawn; without it half of the people would be missing."""
    try:
        drawn = json.loads((data / names.DEMO_FILE).read_bytes())
        command = f"usvireid demo {data} --people {int(drawn['people'])} --seed {int(drawn['seed'])}"
    except (OSError, ValueError, LookupError, TypeError):
        command = f"usvireid demo {data}"
    return (
        f"{data}: a demo set that was not drawn to the end (it has no {names.MANIFEST_FILE}); draw the rest with "
        f"`{command}`, or remove {names.DEMO_FILE} to take the images as they are."
    )
