"""Time of scoring SYSU-MM01 at full size, beside a plain loop over the queries.

    python scripts/benchmark_scoring.py --counts sysu_counts.json

Random features of 3,803 queries and of the visible test images; ten drawn galleries of 301 (all search) and of 112
(indoor search). The reference is the definition of the protocol in NumPy, a query at a time. Both run in this one
process; every figure of every repetition is printed, and the ratio is that of the fastest ones.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from usvireid import names
from usvireid.config import EvaluationSettings
from usvireid.data.crops import Crops
from usvireid.encoders.features import Features
from usvireid.evaluation.protocols import Plan, plan
from usvireid.evaluation.searches.search import Search

COLUMNS = 2048
RANKS = (1, 5, 10, 20)


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


def reference_query(similarity: np.ndarray, identity: np.ndarray, own: int, dropped: np.ndarray) -> list[float] | None:
    """Rank-k, AP and INP of one query."""
    order = np.argsort(-similarity, kind="stable")
    ranked = identity[order][~dropped[order]]
    hits = ranked == own
    if not hits.any():
        return None
    _, first = np.unique(ranked, return_index=True)
    distinct = ranked[np.sort(first)]
    place = int(np.flatnonzero(distinct == own)[0]) + 1
    positions = np.flatnonzero(hits) + 1
    precision = np.arange(1, len(positions) + 1) / positions
    return [*(float(place <= rank) for rank in RANKS), float(precision.mean()), len(positions) / positions[-1]]


def reference(features: Features, search: Search) -> np.ndarray:
    """Mean over the trials of Rank-k, mAP and mINP, by a loop over trials and queries."""
    identity, camera = features.crops.codes(names.IDENTITY), features.crops.table[names.CAMERA].to_numpy(dtype=str)
    trials = []
    for gallery in search.galleries:
        answers, in_room = features.values[gallery], camera[gallery] == "cam2"
        scores = []
        for query in search.query:
            dropped = in_room if camera[query] == "cam3" else np.zeros(len(gallery), dtype=bool)
            found = reference_query(answers @ features.values[query], identity[gallery], identity[query], dropped)
            if found is not None:
                scores.append(found)
        trials.append(np.mean(scores, axis=0))
    return np.asarray(np.mean(trials, axis=0))


def ours(features: Features, planned: Plan) -> dict[str, np.ndarray]:
    """The same numbers by the library, by row."""
    found = planned.score(features, ranks=RANKS).to_dict()
    return {name: np.array(list(row.values())[: len(RANKS) + 2], dtype=float) for name, row in found.items()}


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
    parser.add_argument("--reference-repeats", type=int, default=1, help="repetitions of the loop")
    options = parser.parse_args()
    print(machine(), flush=True)
    crops = test_crops(options.counts)
    features, planned = random_features(crops), plan(crops, EvaluationSettings())
    for search in planned.searches:
        print(
            f"{search.name}: {len(search.query):,} x {len(search.galleries[0])} x {len(search.galleries)}, {COLUMNS}-d"
        )
    ours(features, planned)  # compiles the kernels
    fast, found = [], {}
    for _ in range(options.repeats):
        start = time.perf_counter()
        found = ours(features, planned)
        fast.append(time.perf_counter() - start)
    print("ours, s:      " + " ".join(f"{seconds:.2f}" for seconds in fast), flush=True)
    slow, expected = [], {}
    for _ in range(options.reference_repeats):
        start = time.perf_counter()
        expected = {search.name: reference(features, search) for search in planned.searches}
        slow.append(time.perf_counter() - start)
    print("reference, s: " + " ".join(f"{seconds:.2f}" for seconds in slow))
    # Products of other shapes are summed in another order, so that two items may change places now and then.
    difference = max(float(np.abs(found[name] - expected[name]).max()) for name in found)
    print(f"ratio {min(slow) / min(fast):.1f}; largest difference of a score {difference:.1e}; {machine()}")


if __name__ == "__main__":
    main()
