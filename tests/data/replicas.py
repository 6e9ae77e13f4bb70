"""Small replicas of the three benchmarks, in their own layouts, filled with drawn crops.

    build_sysu(root) -> root        cam1..cam6/<id>/<image>.jpg and exp/*.txt
    build_regdb(root) -> root       Visible, Thermal/<person>/*.bmp and idx/*_{1..10}.txt
    build_llcm(root) -> root        vis, nir/<id>/*.jpg, test_vis, test_nir/cam*/<id>/*.jpg and idx/*.txt

The last third of the people is for testing (RegDB: a random half, another one in each trial). Equal arguments give
equal files, and a picture is drawn once per process, so a second replica costs next to nothing.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from usvireid import names
from usvireid.data.sources.demo.cameras import INFRARED_CAMERAS, VISIBLE_CAMERAS
from usvireid.data.sources.demo.capture import Shot, crop
from usvireid.data.sources.demo.difficulty import difficulty_of

HEIGHT, WIDTH = 64, 32

PARTS = ("train", "val", "test")
SYSU_VISIBLE, SYSU_INFRARED = (1, 2, 4, 5), (3, 6)
LLCM_VISIBLE, LLCM_INFRARED = tuple(range(1, 10)), (1, 2, 4, 5, 6, 7, 8, 9)


def build_sysu(root: Path, people: int = 9, images: int = 2, seed: int = 0) -> Path:
    """SYSU-MM01: every second person is seen by all six cameras, the others by 3 to 6; `images` from each camera."""
    ids = sysu_ids(people)
    for person, name in enumerate(ids):
        number = {names.VISIBLE: 0, names.INFRARED: 0}
        for camera in range(1, 7) if person % 2 == 0 else range(3, 7):
            modality = names.INFRARED if camera in SYSU_INFRARED else names.VISIBLE
            for image in range(1, images + 1):
                file = root / f"cam{camera}" / f"{name:04d}" / f"{image:04d}.jpg"
                _write(file, _picture(seed, person, modality, number[modality], "JPEG"))
                number[modality] += 1
    test, val = ids[people - people // 3 :], ids[people - people // 3 - max(1, people // 6) : people - people // 3]
    train = [name for name in ids if name not in (*val, *test)]
    for part, listed in (("train", train), ("val", val), ("test", test), ("available", ids)):
        write_ids(root / "exp" / f"{part}_id.txt", listed)
    return root


def build_sysu_index(root: Path, counts: dict[str, Any]) -> Path:
    """SYSU-MM01 at its full size: every name is there, and all images are one and the same.

    Args:
        root: a new folder.
        counts: the content of `sysu_counts.json`.
    """
    root.mkdir(parents=True)
    picture = _picture(0, 0, names.VISIBLE, 0, "JPEG")
    for camera, people in counts["images_per_cam_per_id"].items():
        source = root / f"source{camera}.jpg"  # file systems limit the links to one file
        source.write_bytes(picture)
        for identity, images in people.items():
            folder = root / f"cam{camera}" / f"{int(identity):04d}"
            folder.mkdir(parents=True)
            for image in range(1, images + 1):
                os.link(source, folder / f"{image:04d}.jpg")
    for part in PARTS:
        write_ids(root / "exp" / f"{part}_id.txt", counts[f"{part}_id"])
    write_ids(root / "exp" / "available_id.txt", sorted(name for part in PARTS for name in counts[f"{part}_id"]))
    return root


def sysu_ids(people: int) -> list[int]:
    """The identities of `build_sysu` and `build_llcm`; like the original ones they have gaps."""
    return [1 + person + person // 3 for person in range(people)]


def build_regdb(root: Path, people: int = 8, images: int = 4, seed: int = 0, trials: int = 10) -> Path:
    """RegDB: `images` of each person in either modality; labels of train and test lists both begin at 0."""
    letter = {names.VISIBLE: "v", names.INFRARED: "t"}
    folder = {names.VISIBLE: "Visible", names.INFRARED: "Thermal"}
    files: dict[tuple[str, int], list[str]] = {}
    for modality in names.MODALITIES:
        for person in range(people):
            place = f"{folder[modality]}/{person + 1}"
            every = [f"{place}/front_{letter[modality]}_{image:05d}_{person + 1}.bmp" for image in range(images)]
            for image, path in enumerate(every):
                _write(root / path, _picture(seed, person, modality, image, "BMP"))
            files[modality, person] = every
    for trial in range(1, trials + 1):
        order = np.random.default_rng([seed, trial]).permutation(people).tolist()
        sides = {"train": sorted(order[: people // 2]), "test": sorted(order[people // 2 :])}
        for side, chosen in sides.items():
            for modality, word in ((names.VISIBLE, "visible"), (names.INFRARED, "thermal")):
                lines = [f"{path} {label}" for label, who in enumerate(chosen) for path in files[modality, who]]
                write_lines(root / "idx" / f"{side}_{word}_{trial}.txt", lines)
    return root


def build_llcm(root: Path, people: int = 9, images: int = 2, seed: int = 0) -> Path:
    """LLCM: each person is seen by three cameras of either modality; every camera folder of the test half is there."""
    ids = sysu_ids(people)
    test = people - people // 3
    lists: dict[str, list[str]] = {"vis": [], "nir": []}
    for word, modality, cameras in (
        ("vis", names.VISIBLE, LLCM_VISIBLE),
        ("nir", names.INFRARED, LLCM_INFRARED),
    ):
        for camera in cameras:
            (root / f"test_{word}" / f"cam{camera}").mkdir(parents=True, exist_ok=True)
        for person, name in enumerate(ids):
            for image in range(3 * images):
                camera = cameras[(person + 3 * (image // images)) % len(cameras)]
                file = f"{name:04d}_c{camera:02d}_s{10000 + image}_f{100 * image}_{word}.jpg"
                path = f"{word}/{name:04d}/{file}" if person < test else f"test_{word}/cam{camera}/{name:04d}/{file}"
                _write(root / path, _picture(seed, person, modality, image, "JPEG"))
                if person < test:
                    lists[word].append(f"{path} {person}")
    for word, lines in lists.items():
        write_lines(root / "idx" / f"train_{word}.txt", lines)
    write_ids(root / "idx" / "test_id.txt", ids[test:])
    return root


def write_ids(file: Path, ids: Iterable[int | str]) -> None:
    """An id list: one line, separated by commas."""
    write_lines(file, [",".join(map(str, ids))])


def read_ids(file: Path) -> list[int]:
    return [int(entry) for entry in file.read_text().splitlines()[0].split(",")]


def write_lines(file: Path, lines: Sequence[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines))


@lru_cache(maxsize=4096)
def _picture(seed: int, person: int, modality: str, number: int, form: str) -> bytes:
    """A small picture of a person; other numbers, other passages before other cameras."""
    if modality == names.VISIBLE:
        camera, track = number % VISIBLE_CAMERAS, number // VISIBLE_CAMERAS
    else:
        camera, track = VISIBLE_CAMERAS + number % INFRARED_CAMERAS, number // INFRARED_CAMERAS
    drawn = crop(seed, Shot(person, camera, track, 0), difficulty_of("normal"))
    file = io.BytesIO()
    with Image.open(io.BytesIO(drawn)) as image:
        image.convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(file, form)
    return file.getvalue()


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
