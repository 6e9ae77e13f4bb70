"""Two folders of images, `visible` and `infrared`, as crops."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.data.sources.listings import IMAGE_SUFFIXES, entries, is_image_name, leads_to, subfolders
from usvireid.errors import DataError

_OTHER_NAMES = {
    names.VISIBLE: frozenset({"rgb", "vis", "color", "colour", "day", "visual"}),
    names.INFRARED: frozenset({"ir", "nir", "tir", "thermal", "infra", "infra-red", "night", "lwir"}),
}
"""Names that people give the two folders; they are not guessed at, but the error message points at them."""


def is_image_folder(folder: Path) -> bool:
    """Whether a folder has a sub-folder `visible` or `infrared`, in upper or lower case."""
    return any(_modality_folders(folder).values())


def read_folder(folder: Path, *, single: bool = False) -> Crops:
    """Every image below `folder/visible` and `folder/infrared`, at any depth.

    The two names may be in upper or lower case. Hidden files and folders, files with other suffixes and folders whose
    name looks like an image are passed over; links are followed, each folder once, and a link that leads nowhere is
    kept as a crop so that it is reported as unreadable. Paths are sorted. Only `path` and `modality` are filled.

    Args:
        folder: where to look.
        single: one modality alone will do.

    Raises:
        DataError: a modality is missing or has no image, a folder cannot be read, or a file name is not text.
    """
    found = _modality_folders(folder)
    paths: list[str] = []
    modalities: list[str] = []
    for modality in names.MODALITIES:
        if not found[modality]:
            if single and any(found.values()):
                continue
            raise DataError(_what_is_missing(folder, modality))
        images = sorted(f"{child}/{image}" for child in found[modality] for image in _images_below(folder / child))
        if not images:
            raise DataError(
                f"{folder / found[modality][0]}: no images; put the {modality} crops there "
                f"({', '.join(sorted(IMAGE_SUFFIXES))})."
            )
        paths += images
        modalities += [modality] * len(images)
    _refuse_undecodable_names(paths, folder)
    return Crops.from_table(folder, pd.DataFrame({names.PATH: paths, names.MODALITY: modalities}), str(folder))


def _modality_folders(folder: Path) -> dict[str, list[str]]:
    """The names of the sub-folders of each modality."""
    found: dict[str, list[str]] = {modality: [] for modality in names.MODALITIES}
    for name in subfolders(folder):
        if name.lower() in found:
            found[name.lower()].append(name)
    return found


def _images_below(top: Path) -> list[str]:
    """Paths relative to `top`, unsorted.

    Linked folders wait until all real ones are done, so that a folder is listed under its real place where it has one
    here, and every folder is listed once, so that links in a circle come to an end.
    """
    images: list[str] = []
    seen: set[tuple[int, int]] = set()
    folders, links = [""], list[str]()
    while folders or links:
        below = folders.pop() if folders else links.pop(0)
        found = entries(top / below)
        status = (top / below).stat()
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        linked: list[str] = []
        for entry in found:
            path = f"{below}/{entry.name}" if below else entry.name
            target = leads_to(entry)
            if target == "folder":
                (linked if entry.is_symlink() else folders).append(path)
            elif target != "device" and is_image_name(entry.name):
                images.append(path)
        links += sorted(linked)
    return images


def _what_is_missing(folder: Path, modality: str) -> str:
    other = next((name for name in subfolders(folder) if name.lower() in _OTHER_NAMES[modality]), None)
    if other is not None:
        hint = "; or, if this is RegDB, put its folder idx back" if other.lower() == "thermal" else ""
        return f"{folder}: no folder '{modality}', but a folder '{other}'; rename it to '{modality}'{hint}."
    return (
        f"{folder}: no folder '{modality}'. Put the crops of both modalities into the folders "
        f"{' and '.join(names.MODALITIES)}; one modality alone cannot be trained on."
    )


def _refuse_undecodable_names(paths: list[str], folder: Path) -> None:
    for path in paths:
        try:
            path.encode()
        except UnicodeEncodeError:
            shown = os.fsencode(path).decode(errors="replace")
            raise DataError(f"{folder}: the file name '{shown}' is not UTF-8 text; rename the file.") from None
