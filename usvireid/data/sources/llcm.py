"""LLCM, read where it lies: train lists, a list of test identities, and a folder per test camera and identity."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import pandas as pd

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.data.published import LISTED_IDENTITIES
from usvireid.data.sources.listings import (
    ListedImage,
    counted,
    few,
    images_in,
    in_both_modalities,
    missing_among,
    read_id_list,
    read_image_list,
    subfolders,
)
from usvireid.data.sources.survey import Survey

WORDS: Final = {names.VISIBLE: "vis", names.INFRARED: "nir"}
"""What the lists and folders call the modalities."""
TEST_CAMERAS: Final = {
    names.VISIBLE: tuple(f"cam{number}" for number in range(1, 10)),
    names.INFRARED: tuple(f"cam{number}" for number in (1, 2, 4, 5, 6, 7, 8, 9)),
}

_CAMERA_FOLDER = re.compile(r"cam(\d+)")
_CAMERA_IN_NAME = re.compile(r"_c0*(\d+)_")
_IDENTITY_FOLDER = re.compile(r"\d{4}")

Row = tuple[str, str, str | None, str, str]
Lists = dict[str, list[ListedImage]]
"""The lines of the train lists by modality."""


def survey_llcm(folder: Path) -> Survey:
    """What there is of LLCM in a folder, with all faults.

    Crops of the train lists are of split "train", those of the test people's folders of split "test".
    The identity is the name of the folder ("0001"), or "label 12" for a listed image that lies in no such folder; the
    camera is "cam1" to "cam9", the same ones in both modalities, taken from the path ("cam3/" or "_c03_"). Rows are
    sorted by path.
    """
    lists: Lists = {}
    faults: list[str] = []
    for modality in names.MODALITIES:
        lists[modality], found = read_image_list(_train_file(folder, modality))
        faults += found
    faults += in_both_modalities([(_train_file(folder, modality), images) for modality, images in lists.items()])
    ids, found = read_id_list(_test_file(folder))
    faults += found
    missing = missing_among(folder, (image.path for images in lists.values() for image in images))
    test = _TestImages.of(folder, set(ids))
    faults += _missing_files(folder, lists, missing)
    faults += [f"{camera}: no such folder; unpack the data set again." for camera in test.missing]
    faults += [*_shared_people(folder, lists, ids), *_holes(folder, lists, ids, test)]
    rows = [*_train_rows(lists, missing), *test.rows]
    columns = [names.PATH, names.MODALITY, names.CAMERA, names.IDENTITY, names.SPLIT]
    table = pd.DataFrame(rows, columns=columns).drop_duplicates(names.PATH)
    table = table.sort_values(names.PATH, ignore_index=True)
    return Survey(
        Crops.from_table(folder, table, str(folder), layout=names.LLCM),
        tuple(faults),
        tuple(_one_modality_only(folder, lists)),
    )


@dataclass
class _TestImages:
    """Rows of the test people's images, who they are, people whom the list does not name, and missing folders."""

    rows: list[Row]
    seen: set[int]
    unlisted: set[int]
    missing: list[Path]

    @classmethod
    def of(cls, folder: Path, wanted: set[int]) -> _TestImages:
        found = cls([], set(), set(), [])
        for modality, cameras in TEST_CAMERAS.items():
            for camera in cameras:
                place = f"test_{WORDS[modality]}/{camera}"
                if not (folder / place).is_dir():
                    found.missing.append(folder / place)
                    continue
                for name in filter(_IDENTITY_FOLDER.fullmatch, subfolders(folder / place)):
                    if int(name) not in wanted:
                        found.unlisted.add(int(name))
                        continue
                    images = images_in(folder / place / name)
                    found.rows += [(f"{place}/{name}/{image}", modality, camera, name, names.TEST) for image in images]
                    found.seen.update([int(name)] * bool(images))
        return found


def _train_rows(lists: Lists, missing: set[str]) -> Iterator[Row]:
    for modality, images in lists.items():
        for image in images:
            if image.path not in missing:
                yield image.path, modality, _camera_of(image.path), _identity_of(image), names.TRAIN


def _identity_of(image: ListedImage) -> str:
    folder = PurePosixPath(image.path).parent.name
    return folder if _IDENTITY_FOLDER.fullmatch(folder) else f"label {image.label}"


def _camera_of(path: str) -> str | None:
    parts = PurePosixPath(path).parts
    found = next(filter(None, map(_CAMERA_FOLDER.fullmatch, parts)), None) or _CAMERA_IN_NAME.search(parts[-1])
    return f"cam{int(found[1])}" if found else None


def _train_file(folder: Path, modality: str) -> Path:
    return folder / "idx" / f"train_{WORDS[modality]}.txt"


def _test_file(folder: Path) -> Path:
    return folder / "idx" / "test_id.txt"


def _missing_files(folder: Path, lists: Lists, missing: set[str]) -> Iterator[str]:
    for modality, images in lists.items():
        gone = [image for image in images if image.path in missing]
        if gone:
            yield (
                f"{_train_file(folder, modality)}: line {gone[0].line}: no file '{gone[0].path}' in {folder} "
                f"({len(gone)} of {len(images)} lines name no file); unpack the data set again."
            )


def _shared_people(folder: Path, lists: Lists, ids: list[int]) -> Iterator[str]:
    training = {_identity_of(image) for images in lists.values() for image in images}
    shared = sorted(training & {f"{identity:04d}" for identity in ids})
    if shared:
        yield (
            f"{_test_file(folder)}: {_people([int(name) for name in shared])} also in the train lists; "
            "nobody may be in train and test; put the original lists back."
        )


def _holes(folder: Path, lists: Lists, ids: list[int], test: _TestImages) -> Iterator[str]:
    """People with test folders and no place in the list or the other way round; people whom the train lists lack."""
    if ids and not test.missing and (gone := sorted(set(ids) - test.seen)):
        yield (
            f"{_test_file(folder)}: {_people(gone)} without images in any camera's folder: {len(ids) - len(gone)} "
            f"identities instead of {len(ids)} to test on; unpack the data set again."
        )
    train, tested = LISTED_IDENTITIES[names.LLCM]
    if ids and test.unlisted and len(ids) != tested:
        yield (
            f"{_test_file(folder)}: the list has a hole: {_people(sorted(test.unlisted))} with a folder in test_vis or "
            "test_nir and not in the list; put the original list back."
        )
    if len(_labels(lists)) != train:
        yield from _train_holes(folder, lists, ids)


def _train_holes(folder: Path, lists: Lists, ids: list[int]) -> Iterator[str]:
    every = _labels(lists)
    gone = sorted(set(range(min(every, default=0), max(every, default=-1) + 1)) - every)
    if gone and not _labels_are_folders(lists):
        yield f"{folder / 'idx'}: the train lists have a hole: no line has label {few(gone)}; put the lists back."
    images = [image for listed in lists.values() for image in listed]
    known = {_identity_of(image) for image in images} | {f"{identity:04d}" for identity in ids}
    for top in sorted({PurePosixPath(image.path).parent.parent for image in images}):
        here = filter(_IDENTITY_FOLDER.fullmatch, subfolders(folder / top) if (folder / top).is_dir() else [])
        if unlisted := sorted(set(here) - known):
            yield (
                f"{folder / 'idx'}: the train lists have a hole: they name no image of the people in "
                f"{folder / top}: {few(unlisted)}; put the original lists back."
            )


def _one_modality_only(folder: Path, lists: Lists) -> Iterator[str]:
    """Labels of one train list that the other lacks; where the lists are not the original ones."""
    if len(_labels(lists)) == LISTED_IDENTITIES[names.LLCM][0]:
        return
    labels = {modality: {image.label for image in images} for modality, images in lists.items()}
    for modality, other in (names.MODALITIES, names.MODALITIES[::-1]):
        gone = sorted(labels[other] - labels[modality])
        if gone and labels[modality]:
            yield (
                f"{_train_file(folder, modality)}: label {few(gone)} is in {_train_file(folder, other).name} and not "
                "there (a hole in the list?)."
            )


def _labels(lists: Lists) -> set[int]:
    return {image.label for images in lists.values() for image in images}


def _people(ids: list[int]) -> str:
    return f"{counted(len(ids), 'identity', 'identities')} ({few([f'{identity:04d}' for identity in ids])})"


def _labels_are_folders(lists: Lists) -> bool:
    return all(_identity_of(image) == f"{image.label:04d}" for images in lists.values() for image in images)
