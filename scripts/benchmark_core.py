"""Time and memory of the pseudo-label step (k-NN, Jaccard, DBSCAN), beside the usual dense implementation.

    python scripts/benchmark_core.py --features FILE.npz --synthetic 22258 1536 --curve --out docs/performance.md
    python scripts/benchmark_core.py --features FILE.npz --synthetic 100000 256 --approximate

Everything runs in this one process, so that the ratios are taken on the same machine in the same state. Kernels are
compiled by small runs before any clock starts. The peak of a step is the largest resident memory of the process during
it: the kernel's high-water mark, reset before the step (Linux). It counts the interpreter and its libraries.
"""

from __future__ import annotations

import argparse
import functools
import gc
import importlib.util
import os
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from benchmark_reference import reference_dbscan, reference_jaccard, reference_knn
from sklearn.metrics import adjusted_rand_score

from usvireid.clustering.dbscan import dbscan
from usvireid.errors import UsvireidError
from usvireid.neighbors.approximate import knn_approximate
from usvireid.neighbors.jaccard import jaccard_graph
from usvireid.neighbors.knn import choose_backend, knn

K1, K2, MIN_SAMPLES = 30, 6, 4
EPS = (0.4, 0.5, 0.6)
ROUNDING = 4e-7
"""More than the reference's float32 sums are off, so that its labels at eps count the pairs at eps exactly."""
ROUNDS = 5
"""Of ours, where it stands beside the reference, which takes long enough to be measured once."""
CURVE = {25_000: 512, 50_000: 512, 100_000: 512, 200_000: 256}
"""Crops and columns of the growth curve."""
COMPARE_HEAD = (
    "step | ours s | reference s | ratio | ours CPU s | reference CPU s | ratio | ours peak GiB | reference peak GiB | "
    "labels equal at eps"
)
GPU_HEAD = "back end | s | equal to the CPU"
APPROXIMATE_HEAD = (
    "features | exact s (CPU s) | approximate s (CPU s) | recall of k-NN | pairs up to eps found | "
    "agreement of the clusters"
)
PARTS_HEAD = "step | size | ours s | reference s | ratio | equal"
CURVE_HEAD = "crops | k-NN s (CPU s) | Jaccard s | DBSCAN s | peak GiB | beyond interpreter GiB | clusters"
EXPLANATION = """Reference: the same definition with dense N x N matrices and a Python loop over the rows, as published
implementations have it (`scripts/benchmark_reference.py`). Both run in one process, one after the other. Kernels are
compiled before the clock starts. Ours are medians of five runs; the reference, which takes long, is run once. CPU s is
the processor time over all threads. Peak is the largest resident memory of the whole process during a step, features
and interpreter included.

Labels: some pairs have a distance of eps exactly (with k2 = 6, sharing just 4 of the first neighbours gives 1/2). Ours
count as neighbours at that eps; the float32 sums of the reference put them on either side by chance, so for the
comparison its eps is raised by 4e-7. How many pairs lie so near to eps stands in brackets.
"""
Result = TypeVar("Result")


@dataclass(frozen=True)
class Measured(Generic[Result]):
    """What a step returned, its seconds by the clock and of the processor, and the peak resident bytes during it."""

    value: Result
    seconds: float
    processor: float
    peak: int

    @property
    def cost(self) -> tuple[float, float, int]:
        """Seconds by the clock, seconds of the processor, peak."""
        return self.seconds, self.processor, self.peak


def measured(step: Callable[..., Result], *arguments: Any, **settings: Any) -> Measured[Result]:
    """Run one step and measure it."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    start, processor = time.perf_counter(), time.process_time()
    value = step(*arguments, **settings)
    return Measured(value, time.perf_counter() - start, time.process_time() - processor, _status("VmHWM"))


def _status(field: str) -> int:
    """A field of /proc/self/status in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":")) * 1024


def synthetic(count: int, columns: int, seed: int = 0) -> np.ndarray:
    """Unit rows with neighbourhoods at least as dense as those of real features, generated in chunks.

    People are points of a 48-dimensional space, 56 crops each on average; a crop differs from its person in 10
    directions common to all, by about the distance between people. At k1 = 30 a row of V holds about 80 entries, where
    OSNet features of Market-1501 give 69.
    """
    rng = np.random.default_rng(seed)
    basis = (rng.standard_normal((48, columns)) / np.sqrt(columns)).astype(np.float32)
    people = rng.standard_normal((max(1, count // 56), 48)).astype(np.float32)
    ways = (rng.standard_normal((10, 48)) / np.sqrt(10)).astype(np.float32)
    values = np.empty((count, columns), dtype=np.float32)
    for start in range(0, count, 10_000):
        part = values[start : start + 10_000]
        who = rng.integers(0, len(people), len(part))
        np.matmul(people[who] + rng.standard_normal((len(part), 10), dtype=np.float32) @ ways, basis, out=part)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return values


def load(path: Path) -> np.ndarray:
    """The unit-length features of an .npz file: its array `features`."""
    with np.load(path) as file:
        values = file["features"].astype(np.float32)
    unit: np.ndarray = values / np.linalg.norm(values, axis=1, keepdims=True)
    return unit


Steps = list[tuple[float, float, int]]
"""The cost of k-NN, Jaccard and DBSCAN."""


def our_steps(values: np.ndarray, rounds: int = 1) -> tuple[Steps, list[np.ndarray]]:
    """Our three steps, and the labels at each eps; of several rounds the median times and the largest peaks."""
    costs = []
    for _ in range(rounds):
        neighbors = measured(knn, values, K1)
        graph = measured(jaccard_graph, neighbors.value, values, k1=K1, k2=K2, eps=max(EPS))
        clusters = measured(dbscan, graph.value, eps=max(EPS), min_samples=MIN_SAMPLES)
        costs.append([neighbors.cost, graph.cost, clusters.cost])
    labels = [dbscan(graph.value, eps=eps, min_samples=MIN_SAMPLES).label for eps in EPS]
    steps = []
    for step in zip(*costs, strict=True):
        seconds, processor, peaks = zip(*step, strict=True)
        steps.append((statistics.median(seconds), statistics.median(processor), max(peaks)))
    return steps, labels


def reference_steps(values: np.ndarray) -> tuple[Steps, list[np.ndarray], list[int]]:
    """The reference's three steps, its labels at each eps, and the pairs whose side of eps is a matter of rounding."""
    ranks = measured(reference_knn, values, K1)
    distance = measured(reference_jaccard, ranks.value, values, K2)
    clusters = measured(reference_dbscan, distance.value, max(EPS), MIN_SAMPLES)
    labels = [reference_dbscan(distance.value, eps + ROUNDING, MIN_SAMPLES) for eps in EPS]
    close = [sum(int((np.abs(row - eps) <= ROUNDING).sum()) for row in distance.value) // 2 for eps in EPS]
    return [step.cost for step in (ranks, distance, clusters)], labels, close


def compare(values: np.ndarray) -> list[list[str]]:
    """One row per step: ours, the reference, their ratio, peak memory of either, and whether the labels are equal."""
    ours, labels = our_steps(values, ROUNDS)
    theirs, expected, close = reference_steps(values)
    different = [int((one != other).sum()) for one, other in zip(labels, expected, strict=True)]
    equal = ", ".join(
        f"{eps}: {f'{number} differ' if number else 'yes'} ({pairs})"
        for eps, number, pairs in zip(EPS, different, close, strict=True)
    )
    rows = []
    for step, part in {"k-NN": [0], "Jaccard": [1], "DBSCAN": [2], "past the k-NN": [1, 2], "all": [0, 1, 2]}.items():
        times = []
        for clock in (0, 1):
            mine, other = (sum(side[p][clock] for p in part) for side in (ours, theirs))
            times += [f"{mine:.2f}", f"{other:.2f}", f"{other / mine:.1f}"]
        peaks = [f"{max(side[p][2] for p in part) / 2**30:.2f}" for side in (ours, theirs)]
        rows.append([step, *times, *peaks, equal if step == "all" else ""])
    return rows


def curve() -> list[list[str]]:
    """One row per number of crops: our seconds and peak memory, without the reference."""
    base = _status("VmRSS")
    rows = []
    for count, columns in CURVE.items():
        values = synthetic(count, columns)
        steps, labels = our_steps(values)
        peak = max(peak for _, _, peak in steps)
        memory = [f"{peak / 2**30:.2f}", f"{(peak - base) / 2**30:.2f}"]
        times = [f"{seconds:.1f} ({processor:.1f})" for seconds, processor, _ in steps]
        rows.append([f"{count:,} x {columns}", *times, *memory, f"{labels[-1].max() + 1:,}"])
        print(" | ".join(rows[-1]), flush=True)
    return rows


def on_gpus(values: np.ndarray) -> list[list[str]]:
    """One row per GPU back end that is there: seconds of the k-NN, and whether it equals the CPU's."""
    expected = knn(values, K1, backend="torch-cpu")
    rows = []
    for backend in ("faiss-gpu", "torch-cuda"):
        try:
            _, gpus = choose_backend(backend, "auto", K1)
        except UsvireidError as error:
            rows.append([backend, "-", str(error)])
            continue
        knn(values[:2000], K1, backend=backend)
        found = measured(knn, values, K1, backend=backend)
        equal = np.array_equal(found.value.ids, expected.ids)
        equal &= np.array_equal(found.value.distances, expected.distances)
        rows.append([f"{backend}, {len(gpus)} GPU", f"{found.seconds:.2f}", "yes" if equal else "no"])
    return rows


def approximately(name: str, values: np.ndarray) -> list[str]:
    """A row: exact k-NN beside approximate, the share of its neighbours and pairs that this finds, and what comes of
    it: the adjusted Rand index of the clusters at the largest eps, outliers of either as clusters of their own."""
    exact, found = measured(knn, values, K1), measured(knn_approximate, values, K1, seed=0)
    graphs = [
        jaccard_graph(neighbors, values, k1=K1, k2=K2, eps=max(EPS))
        for neighbors in (exact.value, found.value.neighbors)
    ]
    labels = [dbscan(graph, eps=max(EPS), min_samples=MIN_SAMPLES).label for graph in graphs]
    alone = [np.where(label < 0, label.max() + 1 + np.arange(len(label)), label) for label in labels]
    for graph in graphs:  # any entry is a pair, one of distance 0 too; the diagonal is none
        graph.data[:] = 1
    pairs = (graphs[0].multiply(graphs[1]).nnz - len(values)) / (graphs[0].nnz - len(values))
    times = [f"{step.seconds:.1f} ({step.processor:.1f})" for step in (exact, found)]
    size = f"{name} {len(values):,} x {values.shape[1]}"
    return [size, *times, f"{found.value.recall:.4f}", f"{pairs:.4f}", f"{adjusted_rand_score(*alone):.4f}"]


def other_parts() -> list[list[str]]:
    """The rows of `benchmark_parts.py`, where that stands beside this script."""
    if importlib.util.find_spec("benchmark_parts") is None:
        return []
    parts: Any = importlib.import_module("benchmark_parts")
    rows = []
    for section in (parts.secondary_rows, parts.matching_rows, parts.memory_rows):
        for row in section():
            times = ["-" if row[key] is None else f"{row[key]:.3g}" for key in ("ours_s", "reference_s", "ratio")]
            equal = {True: "yes", False: "no", None: "-"}[row["equal"]]
            rows.append([str(row["step"]), str(row["size"]), *times, " ".join([equal, row.get("note") or ""]).strip()])
    return rows


def table(head: str, rows: list[list[str]]) -> str:
    """A Markdown table."""
    columns = head.split(" | ")
    lines = [head, " | ".join("---" for _ in columns), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def machine() -> str:
    """The processor, its cores, the GPUs and the versions that matter."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    gpus = (
        [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    )
    return (
        f"{model}, {len(os.sched_getaffinity(0))} cores, {', '.join(gpus) or 'no GPU'}; "
        f"Python {platform.python_version()}, torch {torch.__version__}, NumPy {np.__version__}; "
        f"k1 {K1}, k2 {K2}, min_samples {MIN_SAMPLES}, eps {max(EPS)}"
    )


def sections(options: argparse.Namespace) -> Iterator[str]:
    """The parts of the report, one after the other as they are measured."""
    command = shlex.join(["python", *(Path(part).name if part.endswith(".npz") else part for part in sys.argv)])
    yield f"# Performance\n\nMade by `{command}` on {machine()}. {options.note or ''}\n"
    made = {options.features.stem: functools.partial(load, options.features)} if options.features else {}
    if options.synthetic:
        made["synthetic"] = functools.partial(synthetic, *options.synthetic)
    if options.approximate:
        rows = [approximately(name, make()) for name, make in made.items()]
        yield f"## Approximate k-NN\n\n{table(APPROXIMATE_HEAD, rows)}"
        return
    yield EXPLANATION
    for name, make in made.items():
        values = make()
        size = f"{name} {len(values):,} x {values.shape[1]}"
        if options.gpu:
            yield f"## k-NN on GPUs: {size}\n\n{table(GPU_HEAD, on_gpus(values))}"
        yield f"## {size}\n\n{table(COMPARE_HEAD, compare(values))}"
    if options.curve:
        yield f"## Growth with the number of crops, synthetic\n\n{table(CURVE_HEAD, curve())}"
    if options.parts:
        yield f"## Other steps\n\n{table(PARTS_HEAD, other_parts())}"
    if not options.gpu:
        yield "The GPU back ends of the k-NN were not measured in this run (`--gpu`).\n"


def main() -> None:
    """Run what the command line asks for, print it, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=Path, help=".npz file with an array `features`, N x D")
    parser.add_argument("--synthetic", type=int, nargs=2, metavar=("N", "D"), help="synthetic features of this size")
    parser.add_argument("--curve", action="store_true", help="time and memory from 25,000 to 200,000 crops")
    parser.add_argument("--gpu", action="store_true", help="the k-NN on each GPU back end")
    parser.add_argument("--approximate", action="store_true", help="nothing but exact k-NN beside approximate")
    parser.add_argument("--parts", action="store_true", help="the other steps, from benchmark_parts.py")
    parser.add_argument("--note", help="a sentence to add, such as what else was running")
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    options = parser.parse_args()
    for warming in ((600, 64), (6400, 512)):  # compiles the kernels; the second is large enough for bfloat16
        our_steps(synthetic(*warming))
    report = []
    for section in sections(options):
        print(section, flush=True)
        report.append(section)
        if options.out:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text("\n".join(report))


if __name__ == "__main__":
    main()
