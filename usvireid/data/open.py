"""The one door for crops: whatever a person points at becomes a `Crops` table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.data.sources.folder import is_image_folder, read_folder
from usvireid.data.sources.listings import subfolders
from usvireid.data.sources.llcm import survey_llcm
from usvireid.data.sources.manifest import read_manifest
from usvireid.data.sources.regdb import SIDES, TRIALS, list_file, survey_regdb
from usvireid.data.sources.survey import Survey
from usvireid.data.sources.sysu_mm01 import CAMERAS, survey_sysu_mm01
from usvireid.errors import DataError, UsageError

AUTO: Final = "auto"
"""The layout is recognised by what lies in the folder."""

_MARKS: Final = {
    names.SYSU_MM01: ("exp/train_id.txt", "exp/val_id.txt", "exp/test_id.txt"),
    names.REGDB: tuple(
        list_file(side, modality, trial).as_posix()
        for trial in range(1, TRIALS + 1)
        for side in SIDES
        for modality in names.MODALITIES
    ),
    names.LLCM: ("idx/train_vis.txt", "idx/train_nir.txt", "idx/test_id.txt", "test_vis", "test_nir"),
}
"""A folder that has one of these holds that benchmark, whole or not."""
_ENOUGH_CAMERAS: Final = 3
"""So many of cam1 to cam6 are SYSU-MM01 with its lists gone."""


def open_crops(data: Path, *, layout: str = AUTO, trial: int = 1) -> Crops:
    """The crops at `data`.

    `data` is one of: a manifest (`.csv`), a folder with a manifest `crops.csv` in it, a folder with the sub-folders
    `visible` and `infrared`, or the folder of a benchmark as its authors give it out. A manifest comes before anything
    else that a folder has.

    Args:
        data: where to look.
        layout: one of `names.LAYOUTS`, or "auto", which recognises it by what is there.
        trial: which of RegDB's ten; the other layouts have none.

    Raises:
        UsageError: there is nothing at `data`, a file that is no manifest, or an unknown layout or trial.
        DataError: what is there cannot be used; the message names the file or row.
    """
    return survey_crops(data, layout=layout, trial=trial).usable()


def survey_crops(data: Path, *, layout: str = AUTO, trial: int = 1, single: bool = False) -> Survey:
    """Like `open_crops`, but a benchmark's faults are listed and the crops that are there come with them.

    With `single`, one modality alone will do, which cannot be trained on but can be searched.

    Raises:
        UsageError: as `open_crops`.
        DataError: there is no table of crops at all.
    """
    if layout not in (AUTO, *names.LAYOUTS):
        raise UsageError(f"unknown format '{layout}'; use one of {', '.join((AUTO, *names.LAYOUTS))}.")
    try:
        return _survey(data.expanduser(), layout, trial, single)
    except RuntimeError:
        raise UsageError(f"{data}: there is no such home folder.") from None
    except OSError as error:
        raise DataError(f"{data}: cannot be read ({error.strerror}); check the name and its permissions.") from None


def recognise(folder: Path) -> str:
    """Which of `names.LAYOUTS` a folder has; "own" for whatever is no benchmark."""
    if (folder / names.MANIFEST_FILE).is_file():
        return names.OWN
    for layout, marks in _MARKS.items():
        if any((folder / mark).exists() for mark in marks):
            return layout
    if not is_image_folder(folder) and sum((folder / camera).is_dir() for camera in CAMERAS) >= _ENOUGH_CAMERAS:
        return names.SYSU_MM01
    return names.OWN


def _survey(data: Path, layout: str, trial: int, single: bool) -> Survey:
    if not data.exists():
        raise UsageError(f"{data}: no such folder or file; give the folder that holds the crops, or a manifest (.csv).")
    if not data.is_dir():
        if layout not in (AUTO, names.OWN):
            raise UsageError(f"{data}: a file; the format {layout} is a folder.")
        if data.suffix.lower() != ".csv":
            raise UsageError(f"{data}: neither a folder nor a manifest; a manifest is a table whose name ends in .csv.")
        return Survey(read_manifest(data, single=single))
    if layout == AUTO:
        layout = recognise(data)
    surveys: dict[str, Callable[[], Survey]] = {
        names.SYSU_MM01: lambda: survey_sysu_mm01(data),
        names.REGDB: lambda: survey_regdb(data, trial),
        names.LLCM: lambda: survey_llcm(data),
        names.OWN: lambda: Survey(_own(data, single)),
    }
    return surveys[layout]()


def _own(data: Path, single: bool) -> Crops:
    if (data / names.MANIFEST_FILE).is_file():
        return read_manifest(data / names.MANIFEST_FILE, single=single)
    if (data / names.DEMO_FILE).is_file():
        raise DataError(_unfinished_demo(data))
    if (data / names.FOOTAGE_FILE).is_file():
        raise DataError(
            f"{data}: footage that was not ingested to the end (it has no {names.MANIFEST_FILE}); run the same "
            f"`usvireid footage ingest` again, or remove {names.FOOTAGE_FILE} to take the crops as they are."
        )
    if not is_image_folder(data):
        if not any(data.iterdir()):
            raise DataError(
                f"{data}: the folder is empty; put crops into the folders {' and '.join(names.MODALITIES)} in it, "
                f"or a manifest {names.MANIFEST_FILE}."
            )
        for name in subfolders(data):
            if (layout := recognise(data / name)) != names.OWN:
                raise DataError(f"{data}: no crops, but the folder '{name}' in it holds {layout}; give that one.")
    return read_folder(data, single=single)


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
