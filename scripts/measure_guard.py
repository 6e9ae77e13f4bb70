"""Does the guard save runs that are started with a bad eps? Small runs with and without it, and a table.

    python scripts/measure_guard.py --out runs/guard

Draws a synthetic set for each of three seeds and trains on it with `clustering.eps` automatic, and fixed at 0.2 and at
0.9, each of these with the guard and without. Printed are the scores on the test people after the last epoch (Rank-1,
mAP; the mean of both directions), the adjusted Rand index of the pseudo-identities that it trained on, the share of the
crops that had one, and what the guard did. A run that stands in OUT is not done again; the sets lie there too. About
half a minute a run on one idle core.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import fmean

from usvireid import names
from usvireid.data.sources.demo.generate import write_demo
from usvireid.display import Display
from usvireid.errors import UsvireidError
from usvireid.quality.lines import find, number
from usvireid.quality.selection import mean_score
from usvireid.run import Run, begin
from usvireid.workflow import Workflow

SETTINGS = [
    "data.height=64", "data.width=32", "encoder.name=resnet18", "encoder.width=16", "encoder.sees=edges",
    "neighbors.k1=10", "neighbors.k2=3", "clustering.min_samples=4", "constraints.tracks=false",
    "matching.gradients=0.9", "training.epochs=6", "training.intra_epochs=1", "training.steps=40",
    "sampling.identities=8", "sampling.instances=4", "augment.pad=3", "augment.erase=0.3", "augment.remap=0.7",
    "augment.second_view=false", "optimizer.learning_rate=1e-3", "evaluation.every=6", "quality.measures=cheap",
    "device=cpu",
]  # fmt: skip
EPOCHS = 6
CASES = [("auto", True), ("0.2", False), ("0.2", True), ("0.9", False), ("0.9", True)]
"""eps, and whether the guard watches."""


def trained(data: Path, folder: Path, seed: int, eps: str, guarded: bool) -> Run:
    """The run of a case, done or gone on with where it is not complete; one that cannot go on is left as it is."""
    changes = [f"clustering.eps={eps}", f"guard.use={str(guarded).lower()}"]
    run = begin(data, None, folder, {"stages": ["cluster", "train"], "seed": seed}, SETTINGS + changes)
    done = {line["epoch"] for line in run.metrics()} if folder.exists() else set()
    if EPOCHS not in done:
        try:
            Workflow(run, Display()).execute()
        except UsvireidError as error:
            print(f"{folder.name}: {error}")
    return run


def results(run: Run) -> tuple[float, ...] | None:
    """Rank-1, mAP (in percent), ARI and share of crops of the last epoch; None where the run did not get there."""
    line = next((line for line in run.metrics() if line["epoch"] == EPOCHS), {})
    found = [mean_score(line.get("evaluation"), "rank1"), mean_score(line.get("evaluation"), "mAP")]
    first, precision, ari = *found, number(find(line, "truth", "ari"))
    if first is None or precision is None or ari is None:
        return None
    trained, crops = (sum(line["quality"][name][key] for name in names.MODALITIES) for key in ("trained", "crops"))
    return 100 * first, 100 * precision, ari, 100 * trained / crops


def row(name: str, many: list[tuple[float, ...] | None]) -> str:
    """A line of the table: of each measure the mean, and every run's value."""
    cells = []
    for place, digits in enumerate((1, 1, 2, 0)):
        values = [each[place] for each in many if each is not None]
        each = ", ".join("none" if run is None else f"{run[place]:.{digits}f}" for run in many)
        cells.append(f"{fmean(values):.{digits}f} ({each})" if values else "none")
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Train what is missing and print the table, and what the guard did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the sets and the runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[31, 32, 33], help="of the sets and the runs")
    options = parser.parse_args()
    found: dict[str, list[tuple[float, ...] | None]] = {}
    did = []
    for seed in options.seeds:
        data = options.out / f"data_{seed}"
        write_demo(data, 86, seed, workers=1)
        for eps, guarded in CASES:
            name = f"eps {eps}, {'guarded' if guarded else 'not guarded'}"
            run = trained(data, options.out / f"{seed}_{eps}_{'on' if guarded else 'off'}", seed, eps, guarded)
            found.setdefault(name, []).append(results(run))
            known = {text for line in run.metrics() for text in line["messages"] if "collapsed" in text}
            did += [f"- {name}, seed {seed}: {text}" for text in sorted(known)]
    rows = [row(name, each) for name, each in found.items()]
    print("\n| run | Rank-1 | mAP | ARI | crops used, % |\n|---|---|---|---|---|", *rows, sep="\n")
    print("\nWhat the guard did:", *(did or ["nothing"]), sep="\n")


if __name__ == "__main__":
    main()
