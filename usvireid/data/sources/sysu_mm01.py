"""SYSU-MM01, read where it lies: cam1..cam6/<identity>/<image>.jpg and the identity lists of exp/."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pandas as pd

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.data.published import LISTED_IDENTITIES
from usvireid.data.sources.listings import counted, few, images_in, read_id_list, subfolders
from usvireid.data.sources.survey import Survey

VISIBLE_CAMERAS: Final = ("cam1", "cam2", "cam4", "cam5")
INFRARED_CAMERAS: Final = ("cam3", "cam6")
CAMERAS: Final = tuple(sorted((*VISIBLE_CAMERAS, *INFRARED_CAMERAS)))

_LISTS: Final = ("train", "val", "test")


def survey_sysu_mm01(folder: Path) -> Survey:
    """What there is of SYSU-MM01 in a folder, in its official split, with all faults.

    People of train_id.txt and val_id.txt are of split "train"; of those of test_id.txt the infrared crops are "query"
    and the visible ones "gallery", all of them: which are drawn from it is the protocol's business. The identity is the
    name of the folder ("0001"), the camera "cam1" to "cam6". Rows are sorted by path.
    """
    lists = {part: read_id_list(_list_file(folder, part)) for part in _LISTS}
    ids = {part: found for part, (found, _) in lists.items()}
    faults = [fault for _, found in lists.values() for fault in found]
    available: list[int] = []
    if _list_file(folder, "available").exists():
        available, found = read_id_list(_list_file(folder, "available"))
        faults += found
    faults += _overlaps(folder, ids)
    people = _Images.of(folder, {name for part in ids.values() for name in part})
    faults += _holes(folder, ids, available) + _missing_cameras(folder, people)
    faults += _without_images(folder, ids, people)
    table = pd.DataFrame(list(_rows(ids, people)), columns=_COLUMNS).sort_values(names.PATH, ignore_index=True)
    crops = Crops.from_table(folder, table, str(folder), layout=names.SYSU_MM01)
    return Survey(crops, tuple(faults), tuple(_unlisted(folder, ids, available, people)))


@dataclass
class _Images:
    """The images of each camera and identity (name of a folder as a number), and identities that no list names."""

    folders: dict[tuple[str, int], str] = field(default_factory=dict)
    images: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    unlisted: set[int] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, folder: Path, wanted: set[int]) -> _Images:
        found = cls()
        for camera in CAMERAS:
            if not (folder / camera).is_dir():
                found.missing.append(camera)
                continue
            for name in subfolders(folder / camera):
                if not (name.isascii() and name.isdigit()):
                    continue
                identity = int(name)
                if identity not in wanted:
                    found.unlisted.add(identity)
                elif images := images_in(folder / camera / name):
                    found.folders[camera, identity] = name
                    found.images[camera, identity] = images
        return found

    def identities(self) -> set[int]:
        return {identity for _, identity in self.images}


_COLUMNS = [names.PATH, names.MODALITY, names.CAMERA, names.IDENTITY, names.SPLIT]


def _rows(ids: dict[str, list[int]], people: _Images) -> Iterator[tuple[str, str, str, str, str]]:
    training = {*ids["train"], *ids["val"]}
    for (camera, identity), images in people.images.items():
        modality = names.INFRARED if camera in INFRARED_CAMERAS else names.VISIBLE
        tested = names.QUERY if modality == names.INFRARED else names.GALLERY
        folder = people.folders[camera, identity]
        for image in images:
            path = f"{camera}/{folder}/{image}"
            yield path, modality, camera, f"{identity:04d}", names.TRAIN if identity in training else tested


def _list_file(folder: Path, part: str) -> Path:
    return folder / "exp" / f"{part}_id.txt"


def _overlaps(folder: Path, ids: dict[str, list[int]]) -> list[str]:
    faults = []
    for one, other in (("train", "test"), ("val", "test"), ("train", "val")):
        shared = sorted(set(ids[one]) & set(ids[other]))
        if shared:
            faults.append(
                f"{_list_file(folder, other)}: {_people(shared)} also in {one}_id.txt; "
                "nobody may be in two of the lists; put the original lists back."
            )
    return faults


def _holes(folder: Path, ids: dict[str, list[int]], available: list[int]) -> list[str]:
    """Identities that available_id.txt names and none of the lists of the split, and the other way round."""
    listed = {name for part in ids.values() for name in part}
    faults = []
    gone = sorted(set(available) - listed)
    if gone:
        faults.append(
            f"{folder / 'exp'}: the lists have a hole: {_people(gone)} in available_id.txt and in none of "
            "train_id.txt, val_id.txt and test_id.txt; put the original lists back."
        )
    unknown = sorted(listed - set(available))
    if available and unknown:
        faults.append(
            f"{_list_file(folder, 'available')}: the list has a hole: {_people(unknown)} in train_id.txt, val_id.txt "
            "or test_id.txt and not there; put the original lists back."
        )
    return faults


def _missing_cameras(folder: Path, people: _Images) -> list[str]:
    return [
        f"{folder}: no folder '{camera}' ({'infrared' if camera in INFRARED_CAMERAS else 'visible'} camera); "
        "unpack the data set again."
        for camera in people.missing
    ]


def _without_images(folder: Path, ids: dict[str, list[int]], people: _Images) -> list[str]:
    """Listed people of whom there is no image at all. Where a camera's folder is gone that is said instead."""
    if people.missing:
        return []
    seen = people.identities()
    faults = []
    for what, listed in (("train", [*ids["train"], *ids["val"]]), ("test", ids["test"])):
        gone = sorted(set(listed) - seen)
        if gone:
            faults.append(
                f"{folder}: {_people(gone, 'has', 'have')} no images in any camera's folder: {len(listed) - len(gone)} "
                f"identities instead of {len(listed)} to {what} on; unpack the data set again."
            )
    return faults


def _unlisted(folder: Path, ids: dict[str, list[int]], available: list[int], people: _Images) -> list[str]:
    """People with a folder and in no list. The original has some; where it is not the original, it may be a hole."""
    sizes = (len(ids["train"]) + len(ids["val"]), len(ids["test"]))
    if not people.unlisted or available or sizes == LISTED_IDENTITIES[names.SYSU_MM01]:
        return []
    return [
        f"{folder / 'exp'}: {_people(sorted(people.unlisted), 'has', 'have')} a folder and no place in train_id.txt, "
        "val_id.txt or test_id.txt (a hole in the lists?); they are not used."
    ]


def _people(ids: list[int], one: str = "is", many: str = "are") -> str:
    shown = few([f"{identity:04d}" for identity in ids])
    return f"{counted(len(ids), 'identity', 'identities')} ({shown}) {one if len(ids) == 1 else many}"
