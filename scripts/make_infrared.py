"""Turn a recording of a day camera into one that a night camera might have made of the same moments.

    python scripts/make_infrared.py day.avi night.mp4 [--seed 0]

Frame by frame: grey by weights of its own, a falling curve of intensity (bright clothes dark and the other way round),
half the resolution, and noise. Frames keep their numbers and times, so that what is known of the one recording is known
of the other. It stands in for a second sensor where there is none; it is no model of one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import av
import numpy as np
from PIL import Image

_GREY = np.array([0.55, 0.15, 0.30])
_CURVE = ([0, 60, 110, 160, 255], [235, 190, 120, 90, 40])
_NOISE = 6.0


def infrared(picture: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A picture as the night camera sees it (uint8, H x W x 3 to the same)."""
    grey = np.interp(picture @ _GREY, *_CURVE)
    height, width = grey.shape
    small = Image.fromarray(grey.astype(np.uint8)).resize((width // 2, height // 2), Image.Resampling.BOX)
    soft = np.asarray(small.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float64)
    noisy = np.clip(soft + generator.normal(0, _NOISE, soft.shape), 0, 255).astype(np.uint8)
    return np.repeat(noisy[:, :, None], 3, axis=2)


def make_infrared(source: Path, target: Path, seed: int = 0) -> int:
    """Write the night recording; returns its number of frames."""
    generator = np.random.default_rng(seed)
    frames = 0
    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        stream = before.streams.video[0]
        made = after.add_stream("mpeg4", rate=stream.average_rate)
        made.width, made.height, made.bit_rate = stream.width // 2 * 2, stream.height // 2 * 2, 8_000_000
        for frame in before.decode(stream):
            picture = frame.to_ndarray(format="rgb24")[: made.height, : made.width]
            drawn = av.VideoFrame.from_ndarray(infrared(picture, generator), format="rgb24")
            drawn.pts = frames
            after.mux(made.encode(drawn))
            frames += 1
        after.mux(made.encode(None))
    return frames


def main() -> None:
    """Read the arguments and write the recording."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(f"{given.target}: {make_infrared(given.source, given.target, given.seed)} frames")


if __name__ == "__main__":
    main()
