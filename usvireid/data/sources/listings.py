"""What lies in a folder, and the text files in which data sets list their images and identities."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from usvireid.errors import DataError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
"""What a file name has to end in to count as an image; upper case counts too."""

_SUFFIXES = tuple(IMAGE_SUFFIXES)
_SHOWN = 5


@dataclass(frozen=True)
class ListedImage:
    """A line of an image list: the image's path in POSIX form, its label, and the number of the line."""

    path: str
    label: int
    line: int


def is_image_name(name: str) -> bool:
    """Whether a file of this name counts as an image."""
    return name.lower().endswith(_SUFFIXES)


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """What a folder holds, hidden things left out (among them the `._x.jpg` that macOS leaves behind).

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as found:
            return [entry for entry in found if not entry.name.startswith(".")]
    except OSError as error:
        raise DataError(f"{folder}: the folder cannot be read ({error.strerror}); check its permissions.") from None


def leads_to(entry: os.DirEntry[str]) -> Literal["folder", "file", "device", "nowhere"]:
    """What kind of thing an entry is, links followed."""
    try:
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return "file"
        entry.stat()
    except OSError:  # a link to what is gone, to itself, or to where we may not look
        return "nowhere"
    return "device"


def subfolders(folder: Path) -> list[str]:
    """The names of the folders in a folder, sorted."""
    return sorted(entry.name for entry in entries(folder) if leads_to(entry) == "folder")


def images_in(folder: Path) -> list[str]:
    """The names of the images that lie directly in a folder, sorted; an image that cannot be opened is among them."""
    return sorted(
        entry.name for entry in entries(folder) if is_image_name(entry.name) and leads_to(entry) in ("file", "nowhere")
    )


def missing_among(root: Path, paths: Iterable[str]) -> set[str]:
    """Those of the paths, relative to `root`, at which there is no file; each folder is read once."""
    by_folder: dict[Path, list[str]] = {}
    for path in paths:
        by_folder.setdefault((root / path).parent, []).append(path)
    missing: set[str] = set()
    for folder, listed in by_folder.items():
        present = {entry.name for entry in entries(folder)} if folder.is_dir() else set()
        missing.update(path for path in listed if PurePosixPath(path).name not in present)
    return missing


def read_id_list(file: Path) -> tuple[list[int], list[str]]:
    """The identities of a list, a first line of whole numbers separated by commas, and what is wrong with it.

    Returns:
        The identities in the order of the file, each once; and a line of text for each kind of fault.
    """
    lines, faults = _lines(file, "identities separated by commas")
    ids: list[int] = []
    for position, entry in enumerate(lines[0].split(",") if lines else []):
        text = entry.strip()
        if not (text.isascii() and text.isdigit()):
            after = f", after {ids[-1]}" if ids else ""
            what = f"is '{text}', no identity" if text else "is empty"
            faults.append(
                f"{file}: the list has a hole: entry {position + 1}{after}, {what}; put the original list back."
            )
        elif int(text) not in ids:
            ids.append(int(text))
    return ids, faults


def read_image_list(file: Path) -> tuple[list[ListedImage], list[str]]:
    """The lines `relative/path label` of a list, and what is wrong with it.

    Returns:
        The images in the order of the file, each path once; and a line of text for each kind of fault.
    """
    lines, faults = _lines(file, "lines of a path and a label")
    images: dict[str, ListedImage] = {}
    bad: list[int] = []
    double: list[int] = []
    outside: list[int] = []
    for number, line in enumerate(lines, 1):
        path, _, label = line.strip().rpartition(" ")
        path = path.strip().removeprefix("./")
        if not path or not (label.isascii() and label.isdigit()):
            bad.append(number)
        elif PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            outside.append(number)
        elif path in images:
            double.append(number)
        else:
            images[path] = ListedImage(path, int(label), number)
    if bad:
        shown = lines[bad[0] - 1].strip()
        what = f"line {bad[0]} " + (f"('{shown}') is no path and label" if shown else "is empty")
        more = f", and so are {len(bad) - 1} more lines" if len(bad) > 1 else ""
        faults.append(f"{file}: the list has a hole: {what}{more}; put the original list back.")
    if outside:
        path = lines[outside[0] - 1].strip().rpartition(" ")[0]
        faults.append(
            f"{file}: line {outside[0]} names '{path}', no path within the data set "
            f"({counted(len(outside), 'such line')}); put the original list back."
        )
    if double:
        path = lines[double[0] - 1].strip().rpartition(" ")[0]
        faults.append(
            f"{file}: line {double[0]} names '{path}' a second time ({counted(len(double), 'such line')}); keep one."
        )
    return list(images.values()), faults


def in_both_modalities(lists: Iterable[tuple[Path, Sequence[ListedImage]]]) -> list[str]:
    """A fault for each pair of lists that share images; given are the lists of one part, one for each modality."""
    (first, one), (second, other) = lists
    shared = sorted({image.path for image in one} & {image.path for image in other})
    if not shared:
        return []
    return [f"{second}: {counted(len(shared), 'image')} also in {first.name} ({few(shared)}); put the lists back."]


def _lines(file: Path, what: str) -> tuple[list[str], list[str]]:
    """The lines of a list, those after the last text left out; and why there are none."""
    advice = f"it holds {what}; put the original list back"
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return [], [f"{file}: no such file; {advice}."]
    except UnicodeDecodeError:
        return [], [f"{file}: is not text; {advice}."]
    except OSError as error:
        return [], [f"{file}: cannot be read ({error.strerror}); check its permissions."]
    lines = text.rstrip().splitlines()
    return lines, [] if lines else [f"{file}: is empty; {advice}."]


def few(texts: Sequence[object]) -> str:
    """The first five of some texts, and how many there are beyond."""
    shown = ", ".join(map(str, texts[:_SHOWN]))
    return shown + (f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else "")


def counted(count: int, one: str, many: str = "") -> str:
    """A number with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
