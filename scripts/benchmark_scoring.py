"""Time of scoring SYSU-MM01 at full size, beside a plain loop over the queries.

    python scripts/benchmark_scoring.py --counts sysu_counts.json

Random features of 3,803 queries and of the visible test images; ten drawn galleries of 301 (all search) and of 112
(indoor search). Two references go through the queries one by one: `loop` does for each query what the definition says;
`array loop` takes out of the loop what it can, the product of each trial among it, and has no loop within. Both use one
thread, ours those that NumPy uses. All run in this one process; every repetition is printed, and a ratio is that to the
fastest of ours.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from usvireid import names
from usvireid.config import EvaluationSettings
from usvireid.data.crops import Crops
from usvireid.encoders.features import Features
from usvireid.evaluation.protocols import Plan, plan
from usvireid.evaluation.searches.search import Search

COLUMNS = 2048
RANKS = (1, 5, 10, 20)
Trial = Callable[[Features, np.ndarray, np.ndarray], list[list[float]]]


@dataclass(frozen=True)
class Measured:
    """Scores by row, and the seconds by the clock and of the processor, over all threads, that they took."""

    value: dict[str, np.ndarray]
    seconds: float
    processor: float


def test_crops(counts: Path) -> Crops:
    """The test images of SYSU-MM01, from its image counts per camera and identity."""
    numbers = json.loads(counts.read_text())
    rows = [
        {
            "path": f"cam{camera}/{identity:04d}/{image:04d}.jpg",
            "modality": names.INFRARED if camera in (3, 6) else names.VISIBLE,
            "camera": f"cam{camera}",
            "identity": f"{identity:04d}",
            "split": names.QUERY if camera in (3, 6) else names.GALLERY,
        }
        for camera in range(1, 7)
        for identity in numbers["test_id"]
        for image in range(1, numbers["images_per_cam_per_id"][str(camera)].get(str(identity), 0) + 1)
    ]
    return Crops.from_table(Path(), pd.DataFrame(rows), counts.name, names.SYSU_MM01)


def random_features(crops: Crops) -> Features:
    """Unit rows that tell people apart now and then, so that every rank occurs."""
    rng = np.random.default_rng(0)
    identity = crops.codes(names.IDENTITY)
    people = rng.standard_normal((identity.max() + 1, COLUMNS), dtype=np.float32)
    values = 0.05 * people[identity] + rng.standard_normal((len(crops), COLUMNS), dtype=np.float32)
    return Features(values / np.linalg.norm(values, axis=1, keepdims=True), crops)


def plain_trial(features: Features, query: np.ndarray, gallery: np.ndarray) -> list[list[float]]:
    """Rank-k, AP and INP of every query, as the definition reads: what it sees, in ranked order, counted."""
    identity, camera = features.crops.codes(names.IDENTITY), features.crops.table[names.CAMERA].to_numpy(dtype=str)
    scores = []
    for q in query:
        kept = [g for g in gallery if not (camera[q] == "cam3" and camera[g] == "cam2")]
        similarity = features.values[kept] @ features.values[q]
        ranked = [identity[kept[place]] for place in np.argsort(-similarity, kind="stable")]
        hits = [position for position, found in enumerate(ranked, start=1) if found == identity[q]]
        if hits:
            first = list(dict.fromkeys(ranked)).index(identity[q]) + 1
            precision = [nth / position for nth, position in enumerate(hits, start=1)]
            cmc = [float(first <= rank) for rank in RANKS]
            scores.append([*cmc, sum(precision) / len(hits), len(hits) / hits[-1]])
    return scores


def array_trial(features: Features, query: np.ndarray, gallery: np.ndarray) -> list[list[float]]:
    """The same with everything taken out of the loop that does not belong to one query, and in arrays within."""
    identity, camera = features.crops.codes(names.IDENTITY), features.crops.table[names.CAMERA].to_numpy(dtype=str)
    similarity = features.values[query] @ features.values[gallery].T
    own, answers, seen = identity[query], identity[gallery], camera[gallery] != "cam2"
    other_room = camera[query] != "cam3"
    scores = []
    for row in range(len(query)):
        order = np.argsort(-similarity[row], kind="stable")
        ranked = answers[order] if other_room[row] else answers[order[seen[order]]]
        positions = np.flatnonzero(ranked == own[row]) + 1
        if len(positions):
            first = len(np.unique(ranked[: positions[0]]))
            precision = np.arange(1, len(positions) + 1) / positions
            cmc = [float(first <= rank) for rank in RANKS]
            scores.append([*cmc, float(precision.mean()), len(positions) / positions[-1]])
    return scores


def reference(features: Features, search: Search, trial: Trial) -> np.ndarray:
    """Mean over the trials of Rank-k, mAP and mINP."""
    means = [np.mean(trial(features, search.query, gallery), axis=0) for gallery in search.galleries]
    return np.asarray(np.mean(means, axis=0))


def ours(features: Features, planned: Plan) -> dict[str, np.ndarray]:
    """The same numbers by the library, by row."""
    found = planned.score(features, ranks=RANKS).to_dict()
    return {name: np.array(list(row.values())[: len(RANKS) + 2], dtype=float) for name, row in found.items()}


def measured(step: Callable[[], dict[str, np.ndarray]]) -> Measured:
    """Run one step and measure it."""
    start, processor = time.perf_counter(), time.process_time()
    value = step()
    return Measured(value, time.perf_counter() - start, time.process_time() - processor)


def show(title: str, runs: list[Measured]) -> None:
    """Print the seconds of every repetition."""
    seconds = " ".join(f"{run.seconds:.2f}" for run in runs)
    processor = " ".join(f"{run.processor:.2f}" for run in runs)
    print(f"{title}: {seconds} s by the clock, {processor} s of the processor", flush=True)


def machine() -> str:
    """The processor, the cores, the load and the versions that matter."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.processor())
    return (
        f"{model}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f} in the last minute; "
        f"Python {platform.python_version()}, NumPy {np.__version__}, torch {torch.__version__}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=Path, required=True, help="image counts of SYSU-MM01 (JSON)")
    parser.add_argument("--repeats", type=int, default=5, help="repetitions of ours")
    options = parser.parse_args()
    print(machine(), flush=True)
    crops = test_crops(options.counts)
    features, planned = random_features(crops), plan(crops, EvaluationSettings())
    for search in planned.searches:
        print(
            f"{search.name}: {len(search.query):,} x {len(search.galleries[0])} x {len(search.galleries)}, {COLUMNS}-d"
        )
    ours(features, planned)  # compiles the kernels
    found = [measured(lambda: ours(features, planned)) for _ in range(options.repeats)]
    show("ours", found)
    for title, trial in (("loop", plain_trial), ("array loop", array_trial)):
        with threadpool_limits(1):
            expected = measured(lambda trial=trial: {s.name: reference(features, s, trial) for s in planned.searches})
        show(title, [expected])
        # Products of other shapes are summed in another order, so two items may change places now and then.
        difference = max(float(np.abs(found[0].value[name] - row).max()) for name, row in expected.value.items())
        print(
            f"  ratio {expected.seconds / min(one.seconds for one in found):.1f} by the clock, "
            f"{expected.processor / min(one.processor for one in found):.1f} by processor time; largest difference of "
            f"a score {difference:.1e}: {'equal' if difference < 1e-6 else 'NOT equal'}",
            flush=True,
        )
    print(machine())


if __name__ == "__main__":
    main()
