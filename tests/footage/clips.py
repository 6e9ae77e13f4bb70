"""Clips of the demo's drawn people who walk past a fixed camera, with their true boxes; no picture of anybody.

The same number is the same person, with the same clothes, in every clip of a seed, visible or infrared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import pi
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from usvireid import names
from usvireid.data.sources.demo import scenes
from usvireid.data.sources.demo.cameras import VISIBLE_CAMERAS, cameras
from usvireid.data.sources.demo.difficulty import LEVELS
from usvireid.data.sources.demo.draw import Frame, Layers, draw_parts
from usvireid.data.sources.demo.figure import figure
from usvireid.data.sources.demo.infrared import infrared_surfaces
from usvireid.data.sources.demo.looks import resolve
from usvireid.data.sources.demo.people import person
from usvireid.data.sources.demo.pose import Pose
from usvireid.data.sources.demo.visible import visible_surfaces

RATE = 10
"""Frames a second of a clip."""
COLUMNS = ("frame", "identity", names.LEFT, names.TOP, "right", "bottom")
_EASY = LEVELS["easy"]
_PHASES = 12
_FINE = 2
_QUIET = 8
"""Frames before the first person comes, in which a background can be learnt."""


@dataclass(frozen=True)
class Walk:
    """One person's way through the picture: `first` frame, the frames it takes, the way, the feet's row, the height."""

    person: int
    first: int
    length: int
    rightwards: bool
    feet: float
    height: int

    def place(self, frame: int, width: int) -> float | None:
        """The column the person stands at, None before and after."""
        share = (frame - self.first) / self.length
        if not 0 <= share <= 1:
            return None
        reach = self.height / 4
        way = -reach + share * (width + 2 * reach)
        return way if self.rightwards else width - way


def walks(people: Sequence[int], frames: int, size: tuple[int, int], seed: int, crossing: bool) -> list[Walk]:
    """Who walks when: one after the other, two or so at a time, each through the whole picture, either all in one
    direction or each in his own."""
    rng = np.random.default_rng([seed, frames, *size])
    room = frames - _QUIET
    length = max(10, min(round(0.5 * room), 6 * RATE))
    rightwards = rng.random(len(people)) < 0.5
    starts = np.linspace(_QUIET, max(_QUIET, frames - length), len(people)).round().astype(int)
    return [
        Walk(
            number,
            int(start),
            length,
            bool(rightwards[place if crossing else 0]),
            size[1] * float(rng.uniform(0.86, 0.97)),
            round(size[1] * float(rng.uniform(0.42, 0.5))),
        )
        for place, (number, start) in enumerate(zip(people, starts, strict=True))
    ]


def pictures(
    people: Sequence[int],
    modality: str,
    frames: int,
    size: tuple[int, int],
    seed: int = 0,
    camera: int = 0,
    crossing: bool = False,
) -> Iterator[tuple[np.ndarray, list[tuple[int, float, float, float, float]]]]:
    """Frames (uint8 H x W x 3) with the boxes (identity, left, top, right, bottom) of those who are in them."""
    rng = np.random.default_rng([seed, camera, modality == names.INFRARED])
    still = background(modality, size, seed, camera)
    planned = walks(people, frames, size, seed + 17 * camera, crossing)
    for frame in range(frames):
        picture, boxes = still.copy(), []
        for walk in sorted(planned, key=lambda walk: walk.feet):
            place = walk.place(frame, size[0])
            if place is not None:
                box = _put(picture, walk, place, frame, modality, seed, camera)
                boxes += [(walk.person, *box)] if box is not None else []
        noise = rng.normal(0, 0.008, (*picture.shape[:2], 1)).astype(np.float32)
        yield (np.clip(picture + noise, 0, 1) * 255).astype(np.uint8), boxes


def make_clip(
    path: Path,
    people: Sequence[int] = (1, 2, 3),
    modality: str = names.VISIBLE,
    frames: int = 100,
    size: tuple[int, int] = (320, 240),
    seed: int = 0,
    camera: int = 0,
    crossing: bool = False,
    codec: str = "mpeg4",
    rate: int = RATE,
    stamps: Sequence[int] | None = None,
) -> pd.DataFrame:
    """Write a clip.

    Args:
        path: the file; its suffix decides the container.
        people: numbers; the same number looks the same in every clip of a seed.
        modality: "visible" or "infrared".
        frames: how many.
        size: width and height, pixels.
        seed: of people, scene and ways.
        camera: other cameras have another scene and response, and people walk there at other times.
        crossing: whether people come from both sides and pass each other.
        codec: of FFmpeg.
        rate: frames a second.
        stamps: time stamp of each frame in steps of 1 / `rate`; None: 0, 1, 2, ...

    Returns:
        The truth, a row for each person in a frame: frame, identity, left, top, right, bottom (pixels).
    """
    truth: list[tuple[Any, ...]] = []

    def watched() -> Iterator[np.ndarray]:
        for frame, (picture, boxes) in enumerate(pictures(people, modality, frames, size, seed, camera, crossing)):
            truth.extend((frame, *box) for box in boxes)
            yield picture

    write_video(path, watched(), codec=codec, rate=rate, stamps=stamps)
    return pd.DataFrame(truth, columns=list(COLUMNS))


def write_video(
    path: Path,
    frames: Iterator[np.ndarray],
    codec: str = "mpeg4",
    rate: int = RATE,
    stamps: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    rotation: int = 0,
) -> None:
    """Encode pictures, in one thread so that the file is the same every time."""
    import av

    with av.open(str(path), "w") as container:
        stream: Any = None
        for number, picture in enumerate(frames):
            if stream is None:
                stream = container.add_stream(codec, rate=rate, options=options or {})
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
                stream.codec_context.thread_count = 1
                stream.codec_context.gop_size = 12
                if rotation:
                    stream.set_display_rotation(rotation)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number if stamps is None else stamps[number]
            frame.time_base = Fraction(1, rate)
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode())


def make_footage(folder: Path, people: Sequence[int] = (1, 2, 3), frames: int = 100, seed: int = 0) -> dict[str, Any]:
    """Two cameras, day.mp4 visible and night.mp4 infrared, that see the same people; the truth of each by name."""
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "day": make_clip(folder / "day.mp4", people, names.VISIBLE, frames, seed=seed, camera=0),
        "night": make_clip(folder / "night.mp4", people, names.INFRARED, frames, seed=seed, camera=1),
    }


@lru_cache(maxsize=8)
def background(modality: str, size: tuple[int, int], seed: int, camera: int) -> np.ndarray:
    """The empty scene, float32 H x W x 3 in 0..1."""
    infrared = modality == names.INFRARED
    whole = (scenes.scene(seed, camera + VISIBLE_CAMERAS * infrared, infrared) * 255).astype(np.uint8)
    width = min(scenes.WIDTH, round(scenes.HEIGHT * size[0] / size[1]))
    scaled = Image.fromarray(whole[:, :width]).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(scaled, dtype=np.float32) / 255


def _put(
    picture: np.ndarray, walk: Walk, place: float, frame: int, modality: str, seed: int, camera: int
) -> tuple[float, float, float, float] | None:
    """Draw somebody into a picture; his box within it, None where less than a few columns of him are."""
    look, share = figure_of(walk.person, walk.height, walk.rightwards, frame % _PHASES, modality, seed, camera)
    height, width = picture.shape[:2]
    left, top = round(place - look.shape[1] / 2), round(walk.feet - look.shape[0])
    x0, x1, y0, y1 = max(left, 0), min(left + look.shape[1], width), max(top, 0), min(top + look.shape[0], height)
    if x1 <= x0 or y1 <= y0:
        return None
    window = slice(y0, y1), slice(x0, x1)
    part = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
    picture[window] = look[part] + (1 - share[part]) * picture[window]
    rows, columns = np.nonzero(share[part][..., 0] > 0.5)
    if not len(columns) or np.ptp(columns) < 4:
        return None
    return (
        float(x0 + columns.min()),
        float(y0 + rows.min()),
        float(x0 + columns.max() + 1),
        float(y0 + rows.max() + 1),
    )


@lru_cache(maxsize=4096)
def figure_of(
    number: int, height: int, rightwards: bool, phase: int, modality: str, seed: int, camera: int
) -> tuple[np.ndarray, np.ndarray]:
    """A walking person: colours times cover (float32 H x W x 3), and cover (float32 H x W x 1)."""
    infrared = modality == names.INFRARED
    seen_by = cameras(seed, _EASY)[camera + VISIBLE_CAMERAS * infrared]
    someone = person(seed, number, _EASY.hidden)
    width = round(0.6 * height)
    layers = Layers.empty(_FINE * height, _FINE * width)
    turn = pi / 3 if rightwards else -pi / 3
    pose = Pose(turn=turn, phase=2 * pi * phase / _PHASES, pace=1.0, pitch=seen_by.pitch, near=seen_by.near)
    stands = Frame(x=_FINE * width / 2, y=_FINE * height * 0.955, scale=_FINE * height * 0.9)
    draw_parts(layers, figure(someone, pose), stands)
    looks = resolve(layers, someone.cloths)
    if infrared:
        colours = np.repeat(infrared_surfaces(looks, seen_by)[..., None], 3, axis=2)
    else:
        colours = visible_surfaces(looks, seen_by)
    coarse = colours.reshape(height, _FINE, width, _FINE, 3).mean(axis=(1, 3))
    share = looks.covered.reshape(height, _FINE, width, _FINE, 1).mean(axis=(1, 3), dtype=np.float32)
    return coarse.astype(np.float32), share
