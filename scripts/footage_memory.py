"""Memory and speed of an ingest over the length of a video: a clip is looped, without being encoded anew, and ingested.

    python scripts/footage_memory.py CLIP [--minutes 10] [--detector motion] [--rate 25] [--every 1]

Printed are, at some lengths: frames, peak resident memory, frames a second of the clock and of processor time (all
threads together; what counts on a machine that does other work too), and multiples of real time by the clock.
The loop lies in a temporary folder, as large as the clip times the number of its rounds; so do the crops.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

from usvireid.footage.decode import Reading, decoded
from usvireid.footage.extract import Job, extract
from usvireid.footage.modality import decide
from usvireid.footage.probe import open_video, probe, pyav
from usvireid.footage.settings import FootageSettings
from usvireid.footage.tools import own_tools

_LENGTHS = (0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 60)
"""Minutes at which a line is printed."""


def loop(clip: Path, seconds: float, target: Path, rate: float | None) -> int:
    """Repeat a clip's packets, with rising time stamps, until the video has at least that length; returns the frames.

    Args:
        clip: without B-frames, beginning with a key frame.
        seconds: wanted length.
        target: Matroska file to write.
        rate: frames a second that the loop claims; None: the clip's own.
    """
    facts = probe(clip)
    step = Fraction(1, round(1000 * (rate or facts.frame_rate))) * 1000
    frames = 0
    with pyav().open(str(target), "w", format="matroska") as written:
        stream = None
        while frames * step < seconds:
            container, source = open_video(clip)
            with container:
                stream = stream or written.add_stream_from_template(source)
                for packet in container.demux(source):
                    if not packet.size:
                        continue
                    packet.stream, packet.time_base = stream, step
                    packet.pts = packet.dts = frames
                    packet.duration = 1
                    written.mux(packet)
                    frames += 1
    return frames


def peak_megabytes() -> float:
    """Peak resident memory of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def main() -> None:
    """Loop, ingest, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--detector", default="motion")
    parser.add_argument("--rate", type=float, help="frames a second that the loop claims to have")
    parser.add_argument("--every", type=int, default=1, help="look at each n-th frame only")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "loop.mkv"
        frames = loop(told.clip, 60 * told.minutes, video, told.rate)
        facts = probe(video)
        print(f"{told.clip.name} looped to {frames:,} frames, {facts.width} x {facts.height}, {facts.frame_rate:g}/s")
        begin = time.perf_counter()
        with decoded(video, Reading(facts)) as footage:
            count = sum(1 for _ in footage)
        print(f"decoding alone: {count / (time.perf_counter() - begin):,.0f} frames a second")
        job = Job(video, facts, decide(video, facts, "auto"), told.detector, None, FootageSettings(every=told.every))
        marks = [minutes for minutes in _LENGTHS if minutes <= told.minutes]
        done = 0
        print(f"{'minutes':>8} {'frames':>9} {'peak MB':>9} {'frames/s':>9} {'a CPU s':>9} {'x real time':>12}")
        begin, spent = time.perf_counter(), time.process_time()

        def watch(frames: int) -> None:
            nonlocal done
            done += frames
            if marks and done >= 60 * marks[0] * facts.frame_rate:
                rate = done / (time.perf_counter() - begin)
                cells = f"{marks.pop(0):8g} {done:9,} {peak_megabytes():9,.0f} {rate:9,.1f}"
                processor = done / (time.process_time() - spent)
                print(f"{cells} {processor:9,.1f} {rate / facts.frame_rate:12,.1f}", flush=True)

        found = extract(job, "", Path(folder) / "part", own_tools(), watch)
        wall = time.perf_counter() - begin
        print(f"{found.frames:,} frames, {found.detections:,} boxes, {found.tracks:,} tracks, {found.crops:,} crops")
        rates = found.frames / wall, found.frames / (time.process_time() - spent), found.seconds / wall
        print("in all {:,.1f} frames/s, {:,.1f} a CPU s, {:,.1f}x real time".format(*rates))


if __name__ == "__main__":
    main()
