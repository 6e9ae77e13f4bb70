"""Time, memory and size of a report on as many crops as SYSU-MM01 trains on, or on any other number.

    python scripts/benchmark_report.py [--identities 5000] [--all-features]

Crops, labels and epochs are made up; the pictures are drawn in memory at the usual 288 x 144 pixels, so that reading a
disk is not part of it. Everything else is what `usvireid report` does: features by a ResNet-50 with random weights for
as long as a report waits for them, doubts, pictures, map, page. `--all-features` takes made-up features of all crops
instead, as a GPU extracts them in time, and measures the doubts by them.
"""

from __future__ import annotations

import argparse
import platform
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from usvireid.config import EncoderSettings, Settings
from usvireid.data.crops import Crops, Images
from usvireid.devices import choose_compute
from usvireid.encoders.extract import extract
from usvireid.encoders.features import Features
from usvireid.encoders.make import make_encoder
from usvireid.files import size_text
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.doubts import find_doubts
from usvireid.quality.measures import measure_labels
from usvireid.quality.page.extracting import Extracted, extract_in_time
from usvireid.quality.page.material import Material
from usvireid.quality.report import write_report

EPOCHS = 60
OUTLIERS = 0.05
FEATURES = 512
BATCH = 32


def made_up(visible: int, infrared: int, identities: int) -> tuple[Crops, PseudoLabels, Images]:
    """Crops of identities of about equal size, labels that are mostly right, and their pictures."""
    random = np.random.default_rng(0)
    count = visible + infrared
    modality = np.repeat(["visible", "infrared"], [visible, infrared])
    person = random.integers(0, identities, count)
    table = pd.DataFrame(
        {
            "path": [
                f"{side}/{who:05d}_{i:06d}.jpg" for i, (side, who) in enumerate(zip(modality, person, strict=True))
            ],
            "modality": modality,
            "camera": np.where(modality == "visible", random.choice(["1", "2", "4", "5"], count), "3"),
            "identity": [f"{who:05d}" for who in person],
        }
    )
    crops = Crops.from_table(Path(), table, "made up")
    cluster = np.where(random.random(count) < OUTLIERS, -1, person)
    role = np.where(cluster < 0, "outlier", "core")
    labels = PseudoLabels.of_clusters(crops, cluster, role, random.uniform(0.3, 1, count) * (cluster >= 0))
    return crops, labels.replace(identity=cluster), _drawn(person, random)


def _drawn(person: np.ndarray, random: np.random.Generator) -> Images:
    """Pictures of 36 x 18 soft blocks, the person's with the crop's own noise, scaled to 288 x 144."""
    blocks = random.integers(0, 256, (int(person.max()) + 1, 36, 18, 3), dtype=np.uint8)

    def images(rows: np.ndarray) -> np.ndarray:
        own = np.random.default_rng(int(rows[0])).integers(-20, 20, (len(rows), 36, 18, 3))
        small = np.clip(blocks[person[rows]] + own, 0, 255).astype(np.uint8)
        return small.repeat(8, axis=1).repeat(8, axis=2)

    return images


def extracted(crops: Crops, labels: PseudoLabels, images: Images, all_features: bool) -> Extracted:
    """Features as a report gets them: by a large network within its patience, or of everybody."""
    generator = np.random.default_rng(1)
    if all_features:
        return extract_in_time(crops, images, labels, _made_up_features(crops), generator, batch=4096)
    settings = Settings(encoder=EncoderSettings(name="resnet50"))
    compute = choose_compute("cpu", "auto")
    encoder = make_encoder(settings)

    def extractor(some: Crops, pixels: Images) -> Features:
        return extract(encoder, some, pixels, compute, batch=BATCH)

    return extract_in_time(crops, images, labels, extractor, generator, batch=BATCH)


def _made_up_features(crops: Crops) -> Callable[[Crops, Images], Features]:
    random = np.random.default_rng(2)
    codes = {name: number for number, name in enumerate(sorted(set(crops.table["identity"])))}
    centres = random.normal(size=(len(codes), FEATURES)).astype(np.float32)

    def extractor(some: Crops, _: Images) -> Features:
        values = centres[[codes[name] for name in some.table["identity"]]]
        values = values + random.normal(size=values.shape).astype(np.float32)
        return Features(values / np.linalg.norm(values, axis=1, keepdims=True), some)

    return extractor


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long something took and the most memory up to then."""
    began, used = time.perf_counter(), time.process_time()
    yield
    wall, processor = time.perf_counter() - began, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{what}: {wall:.1f} s ({processor:.1f} s of the processor), peak {size_text(peak)}", flush=True)


def main() -> None:
    """Make up the data, write the report, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visible", type=int, default=22_258, help="crops")
    parser.add_argument("--infrared", type=int, default=11_909, help="crops")
    parser.add_argument("--identities", type=int, default=700, help="pseudo-identities")
    parser.add_argument("--all-features", action="store_true", help="features of all crops are there")
    parser.add_argument("--out", type=Path, help="folder to leave the report in")
    given = parser.parse_args()
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, Python {platform.python_version()}")
    print(f"{given.visible:,} + {given.infrared:,} crops, {given.identities:,} pseudo-identities", flush=True)
    crops, labels, images = made_up(given.visible, given.infrared, given.identities)
    quality = measure_labels(labels, labels).to_dict()
    lines = [
        {"epoch": epoch, "quality": quality, "losses": {"own": 1 / epoch}, "seconds": {"train": 60.0, "extract": 20.0}}
        for epoch in range(1, EPOCHS + 1)
    ]
    with timed("in all"), tempfile.TemporaryDirectory() as folder:
        with timed("features"):
            found = extracted(crops, labels, images, given.all_features)
        with timed("doubts"):
            doubts = find_doubts(labels, found.features, crops=crops.without_identities())
        with timed("page"):
            material = Material(
                crops, labels, images, metrics=lines, doubts=doubts, sample=found.sample, environment={"cpu": "any"}
            )
            path = write_report(given.out or Path(folder), material)
        print(f"{len(found.sample)} crops on the map, {len(doubts):,} doubts, {size_text(path.stat().st_size)}")


if __name__ == "__main__":
    main()
