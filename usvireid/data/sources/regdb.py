"""RegDB, read where it lies: Visible/ and Thermal/, and the image lists of ten trials in idx/."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
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
    in_both_modalities,
    missing_among,
    read_image_list,
    subfolders,
)
from usvireid.data.sources.survey import Survey
from usvireid.errors import UsageError

TRIALS: Final = 10
SIDES: Final = (names.TRAIN, names.TEST)
WORDS: Final = {names.VISIBLE: "visible", names.INFRARED: "thermal"}
"""What the lists call the modalities; the folders of images are called the same, in upper case."""

Lists = dict[tuple[str, str], list[ListedImage]]
"""The images of a trial by side and modality."""


def survey_regdb(folder: Path, trial: int = 1) -> Survey:
    """What there is of one trial of RegDB in a folder, with all faults.

    Crops of its train lists are of split "train", those of its test lists of split "test"; they are query and gallery.
    The identity is the label as the lists give it. RegDB counts the labels of both sides from 0, so that a train and a
    test label may be equal and mean two people. Cameras are not told. Rows are sorted by path.

    Raises:
        UsageError: there is no such trial.
    """
    if not 1 <= trial <= TRIALS:
        raise UsageError(f"trial = {trial}: RegDB has the trials 1 to {TRIALS}.")
    lists: Lists = {}
    faults: list[str] = []
    for side in SIDES:
        for modality in names.MODALITIES:
            lists[side, modality], found = read_image_list(folder / list_file(side, modality, trial))
            faults += found
        faults += in_both_modalities(
            [(folder / list_file(side, modality, trial), lists[side, modality]) for modality in names.MODALITIES]
        )
    faults += _swapped(folder, lists, trial)
    faults += _missing_files(folder, lists, trial)
    faults += [*_shared_people(folder, lists, trial), *_holes(folder, lists, trial)]
    table = pd.DataFrame(list(_rows(lists, missing_among(folder, _paths(lists)))), columns=_COLUMNS)
    table = table.drop_duplicates(names.PATH).sort_values(names.PATH, ignore_index=True)
    crops = Crops.from_table(folder, table, str(folder), layout=names.REGDB)
    return Survey(crops, tuple(faults), tuple(_missing_trials(folder)))


_COLUMNS = [names.PATH, names.MODALITY, names.IDENTITY, names.SPLIT]


def _rows(lists: Lists, missing: set[str]) -> Iterator[tuple[str, str, str, str]]:
    for (side, modality), images in lists.items():
        yield from ((image.path, modality, str(image.label), side) for image in images if image.path not in missing)


def list_file(side: str, modality: str, trial: int) -> Path:
    """Where a list lies in the folder of the data set."""
    return Path("idx") / f"{side}_{WORDS[modality]}_{trial}.txt"


def _paths(lists: Lists) -> list[str]:
    return [image.path for images in lists.values() for image in images]


def _swapped(folder: Path, lists: Lists, trial: int) -> Iterator[str]:
    """Lists of one modality that name images of the other's folder."""
    for (side, modality), images in lists.items():
        others = {WORDS[other] for other in names.MODALITIES if other != modality}
        wrong = [image for image in images if PurePosixPath(image.path).parts[0].lower() in others]
        if wrong:
            file = folder / list_file(side, modality, trial)
            yield (
                f"{file}: line {wrong[0].line} names '{wrong[0].path}', an image of the other modality "
                f"({counted(len(wrong), 'such line')}); swapped lists? put the original list back."
            )


def _missing_files(folder: Path, lists: Lists, trial: int) -> Iterator[str]:
    for (side, modality), images in lists.items():
        missing = missing_among(folder, (image.path for image in images))
        gone = [image for image in images if image.path in missing]
        if gone:
            file = folder / list_file(side, modality, trial)
            yield (
                f"{file}: line {gone[0].line}: no file '{gone[0].path}' in {folder} ({len(gone)} of {len(images)} "
                "lines name no file); unpack the data set again."
            )


def _shared_people(folder: Path, lists: Lists, trial: int) -> Iterator[str]:
    """Images and people on both sides. A person is told by the folder, where each folder holds one label."""
    both = {side: {image.path for modality in names.MODALITIES for image in lists[side, modality]} for side in SIDES}
    where = f"{folder / 'idx'}: trial {trial}"
    files = sorted(both[names.TRAIN] & both[names.TEST])
    if files:
        yield f"{where}: {counted(len(files), 'image')} in train and test lists ({few(files)}); put the lists back."
        return
    people = {side: _people(lists, side) for side in SIDES}
    shared = sorted(people[names.TRAIN] & people[names.TEST], key=_by_number)
    if shared:
        yield (
            f"{where}: {counted(len(shared), 'person', 'people')} in train and test lists (folder {few(shared)}); "
            "put the original lists back."
        )


def _people(lists: Lists, side: str) -> set[str]:
    """The folder of each person of a side; empty where folders do not stand for people."""
    labels: dict[str, set[int]] = defaultdict(set)
    for modality in names.MODALITIES:
        for image in lists[side, modality]:
            labels["/".join(PurePosixPath(image.path).parts[1:-1])].add(image.label)
    if "" in labels or any(len(of) > 1 for of in labels.values()):
        return set()
    return set(labels)


def _holes(folder: Path, lists: Lists, trial: int) -> Iterator[str]:
    """Labels that one modality lacks or nobody has, and people with a folder whom no list names."""
    labels = {key: {image.label for image in images} for key, images in lists.items()}
    if all(len(labels[side, modality]) == LISTED_IDENTITIES[names.REGDB][0] for side, modality in labels):
        return
    for side in SIDES:
        yield from _one_modality_only(folder, labels, side, trial)
    by_side = {side: labels[side, names.VISIBLE] | labels[side, names.INFRARED] for side in SIDES}
    if not set.intersection(*by_side.values()):  # one numbering for all people
        by_side = {"": set.union(*by_side.values())}
    for side, numbering in by_side.items():
        gone = sorted(set(range(min(numbering, default=0), max(numbering, default=-1) + 1)) - numbering)
        if gone:
            yield (
                f"{folder / 'idx'}: the {side}{' ' * bool(side)}lists of trial {trial} have a hole: no line has label "
                f"{few(gone)}; put the original lists back."
            )
    yield from _unlisted(folder, lists, trial)


def _one_modality_only(folder: Path, labels: dict[tuple[str, str], set[int]], side: str, trial: int) -> Iterator[str]:
    for modality, other in (names.MODALITIES, names.MODALITIES[::-1]):
        gone = sorted(labels[side, other] - labels[side, modality])
        if gone and labels[side, modality]:
            file, beside = folder / list_file(side, modality, trial), folder / list_file(side, other, trial)
            yield (
                f"{file}: the list has a hole: label {few(gone)} is in {beside.name} and not there; "
                "put the original list back."
            )


def _unlisted(folder: Path, lists: Lists, trial: int) -> Iterator[str]:
    named = _people(lists, names.TRAIN) | _people(lists, names.TEST)
    if not named:
        return
    tops = {PurePosixPath(path).parts[0] for path in _paths(lists)}
    for top in sorted(top for top in tops if (folder / top).is_dir()):
        gone = sorted(set(subfolders(folder / top)) - named, key=_by_number)
        if gone:
            yield (
                f"{folder / 'idx'}: the lists of trial {trial} have a hole: they name no image of the people in "
                f"{folder / top}: {few(gone)}; put the original lists back."
            )


def _missing_trials(folder: Path) -> Iterator[str]:
    gone = [
        trial
        for trial in range(1, TRIALS + 1)
        if not all(
            (folder / list_file(side, modality, trial)).is_file() for side in SIDES for modality in names.MODALITIES
        )
    ]
    if gone:
        yield f"{folder / 'idx'}: the lists of trial {few(gone)} are not complete; a full evaluation takes all ten."


def _by_number(text: str) -> tuple[bool, int, str]:
    return not text.isdigit(), int(text) if text.isdigit() else 0, text
