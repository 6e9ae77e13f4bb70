"""Writing the synthetic set: images, then the manifest that completes it."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import pandas as pd

from usvireid import names
from usvireid.data.sources.demo.cameras import CAMERAS, camera_name, modality_of
from usvireid.data.sources.demo.difficulty import Difficulty, difficulty_of
from usvireid.data.sources.demo.itinerary import FRAMES_PER_SECOND, STRIDE, Itinerary, Visit, in_test, itinerary
from usvireid.data.sources.demo.write import image_path, track_name, write_visits
from usvireid.errors import UsageError
from usvireid.files import write_atomically

Progress = Callable[[int, int], None]
"""Called with (images done, images in all)."""

Draw = Callable[[list[Visit]], int]

SETTINGS_FILE: Final = names.DEMO_FILE
"""Marks a folder as a synthetic set and holds the settings it is made with."""
DRAWING: Final = 1
"""Number of the way of drawing; it grows when equal settings begin to give other images."""

MOST_PEOPLE: Final = 100_000

_TRACKS_A_TASK: Final = 24
_SMALL: Final = 48
"""Tracks below which starting processes takes longer than drawing."""


def write_demo(
    out: Path,
    people: int = 150,
    seed: int = 0,
    progress: Progress | None = None,
    *,
    images: int = 10,
    test_share: float = 0.3,
    one_modality: float = 0.15,
    test_in_both: bool = False,
    difficulty: str | Difficulty = "normal",
    workers: int | None = None,
) -> pd.DataFrame:
    """Write a synthetic visible/infrared person set and return its manifest.

    `out` receives `visible/CAMERA/*.jpg`, `infrared/CAMERA/*.jpg` and, last and in one step, the manifest
    `crops.csv`. A set that was interrupted has no manifest; the same call goes on where it stopped, and does nothing
    when the set is complete. Every image depends on the seed, its person, camera, track and frame alone, so neither
    the number of people nor that of processes changes it.

    Args:
        out: folder to write; new, empty, or a synthetic set of the same settings.
        people: number of people, 2 to 100,000.
        seed: of everything that is drawn.
        progress: called with (images done, images in all) from time to time.
        images: mean number of images per person and modality.
        test_share: share of the people that is kept for testing, in 0..1; the others are for training.
        one_modality: share of the people only one modality ever sees, in 0..1. The images of everybody else are the
            same whatever it is.
        test_in_both: the people that are kept for testing are all seen by both modalities; `one_modality` is then a
            share of the others.
        difficulty: "easy", "normal", "hard", or strengths of one's own.
        workers: processes to draw with; None takes one per processor.

    Returns:
        The manifest, with the columns of `names.CROP_COLUMNS` but rig and box.

    Raises:
        UsageError: a setting out of range, or a folder that holds something else.
        UsvireidError: the disk is full or cannot be written to.
    """
    strengths = difficulty_of(difficulty)
    _check(people, seed, images, test_share, one_modality, workers)
    settings = {
        "drawing": DRAWING, "people": people, "seed": seed, "images": images, "test_share": test_share,
        "one_modality": one_modality, "difficulty": asdict(strengths),
    }  # fmt: skip
    if test_in_both:  # named only where it is used, so that sets written without it stay what they are
        settings["test_in_both"] = True
    _claim(out, settings)
    test = in_test(seed, people, test_share)
    plan = itinerary(seed, people, images, one_modality, test if test_in_both else None)
    _write_images(out, seed, strengths, plan, progress, workers)
    table = _manifest(plan, test)
    manifest = out / names.MANIFEST_FILE
    if not manifest.exists():
        write_atomically(manifest, lambda file: _write_table(table, file))
    return table


def _check(people: int, seed: int, images: int, test_share: float, one_modality: float, workers: int | None) -> None:
    if not 2 <= people <= MOST_PEOPLE:
        raise UsageError(f"people = {people}: must lie between 2 and {MOST_PEOPLE}.")
    for name, value, least in (("seed", seed, 0), ("images", images, 1), ("workers", workers, 1)):
        if value is not None and value < least:
            raise UsageError(f"{name} = {value}: must be {least} or more.")
    for name, share in (("test_share", test_share), ("one_modality", one_modality)):
        if not 0 <= share <= 1:
            raise UsageError(f"{name} = {share}: a share lies between 0 and 1.")


def _claim(out: Path, settings: dict[str, object]) -> None:
    """Make the folder ours, or make sure that it is ours already."""
    mark = out / SETTINGS_FILE
    wanted = json.dumps(settings, indent=2) + "\n"
    try:
        if not mark.exists():
            if out.exists() and not (out.is_dir() and all(_is_unfinished_mark(file) for file in out.iterdir())):
                raise UsageError(f"{out}: not empty and no synthetic set; name a new or empty folder.")
            write_atomically(mark, wanted.encode())
        found = mark.read_bytes()
    except OSError as error:
        raise UsageError(f"{out}: cannot be read ({error.strerror}); name another folder.") from None
    if found != wanted.encode():
        raise UsageError(f"{out}: holds a synthetic set of other settings ({SETTINGS_FILE}); name another folder.")


def _is_unfinished_mark(file: Path) -> bool:
    """What is left of the settings file where the process was killed while writing it."""
    return file.name.startswith(f".{SETTINGS_FILE}.")


def _write_images(
    out: Path, seed: int, difficulty: Difficulty, plan: Itinerary, progress: Progress | None, workers: int | None
) -> None:
    for camera in range(CAMERAS):
        (out / modality_of(camera) / camera_name(camera)).mkdir(parents=True, exist_ok=True)
    tasks = [(start, start + _TRACKS_A_TASK) for start in range(0, len(plan), _TRACKS_A_TASK)]
    processes = 1 if len(plan) < _SMALL else min(workers or os.cpu_count() or 1, len(tasks))
    draw = partial(write_visits, out, seed, difficulty)
    done, total = 0, int(plan.column("crops").sum())
    with closing(_counts(draw, plan, tasks, processes)) as counts:
        for count in counts:
            done += count
            if progress is not None:
                progress(done, total)


def _counts(draw: Draw, plan: Itinerary, tasks: list[tuple[int, int]], processes: int) -> Generator[int, None, None]:
    """Images of the tasks as they are finished.

    Where processes cannot run (a script that does not guard its main part, input from a pipe, too little memory), the
    rest is drawn here.
    """
    finished: set[tuple[int, int]] = set()
    if processes > 1:
        with suppress(BrokenProcessPool):
            yield from _in_processes(draw, plan, tasks, processes, finished)
    for task in tasks:
        if task not in finished:
            yield draw(plan.visits(*task))


def _in_processes(
    draw: Draw, plan: Itinerary, tasks: list[tuple[int, int]], processes: int, finished: set[tuple[int, int]]
) -> Generator[int, None, None]:
    """Images of tasks as processes finish them; only a few tasks wait at a time, whatever the size of the set."""
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        running: dict[Future[int], tuple[int, int]] = {}
        waiting = iter(tasks)
        try:
            while len(finished) < len(tasks):
                for task in islice(waiting, 3 * processes - len(running)):
                    running[pool.submit(draw, plan.visits(*task))] = task
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    count = future.result()
                    finished.add(running.pop(future))
                    yield count
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _manifest(plan: Itinerary, test: np.ndarray) -> pd.DataFrame:
    """The table of crops, track by track; text columns share their values, so a large set stays affordable."""
    crops, camera, person = plan.column("crops"), plan.column("camera"), plan.column("person")
    steps = np.arange(crops.sum()) - np.repeat(np.cumsum(crops) - crops, crops)
    frames = np.repeat(plan.column("first_frame"), crops) + STRIDE * steps

    def text(values: Iterable[str]) -> np.ndarray:
        return np.repeat(np.array(list(values), dtype=object), crops)

    visits = plan.visits(0, len(plan))
    return pd.DataFrame(
        {
            names.PATH: [image_path(visit, step) for visit in visits for step in range(visit.crops)],
            names.MODALITY: text(modality_of(number) for number in camera),
            names.CAMERA: text(camera_name(number) for number in camera),
            names.TRACK: text(track_name(number) for number in plan.column("number")),
            names.FRAME: frames,
            names.TIME: frames / FRAMES_PER_SECOND,
            names.IDENTITY: text(f"p{number:05d}" for number in person),
            names.SPLIT: text(names.TEST if kept else names.TRAIN for kept in test[person]),
        }
    )


def _write_table(table: pd.DataFrame, file: BinaryIO) -> None:
    table.to_csv(file, index=False, lineterminator="\n")
