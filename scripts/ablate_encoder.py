"""Train the ICRE encoder with and without its parts, several seeds each, and print the scores as a table.

    usvireid demo demo
    python scripts/ablate_encoder.py demo --config ablation --out runs/ablation --seeds 0,1,2

Every run is an ordinary run folder, OUT/VARIANT_SEED: the same command goes on where it stopped, and
`usvireid compare` puts single runs side by side. Settings come from the file; a variant adds its own. Scores are those
of the last epoch, mean and sample standard deviation over the seeds, in percent.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

from usvireid.display import Display
from usvireid.run import begin
from usvireid.workflow import Workflow

MPFR = ["encoder.mpfr.use=true"]
SDCE = [*MPFR, "encoder.sdce.use=true"]
ICG = ["losses.icg=1"]
FULL = ["encoder.sdce.zero_output=false"]
VARIANTS = {
    "plain": [],
    "+ MPFR": MPFR,
    "+ MPFR + SDCE": SDCE,
    "+ ICG": ICG,
    "all": SDCE + ICG,
    "all from full strength": SDCE + ICG + FULL,
    "+ MPFR + SDCE from full strength": SDCE + FULL,
    "+ ICG normalised": [*ICG, "icg.normalised=true"],
    "all with ICG normalised": [*SDCE, *ICG, "icg.normalised=true"],
}
"""Name to the settings that make it."""


def scores_of(
    data: Path, config: str, out: Path, name: str, seed: int, display: Display
) -> dict[str, dict[str, Any]] | None:
    """Train one variant with one seed, or go on with it; its last scores by direction."""
    folder = out / f"{''.join(letter if letter.isalnum() else '_' for letter in name)}_{seed}"
    options = {"stages": ["cluster", "train"], "seed": seed}
    run = begin(data, config, folder, options, VARIANTS[name])
    Workflow(run, display).execute()
    return next((line["evaluation"] for line in reversed(run.metrics()) if line.get("evaluation")), None)


def row_of(name: str, found: list[dict[str, dict[str, Any]]]) -> str:
    """A line of the table: Rank-1 and mAP of each direction, mean and deviation over the seeds."""
    cells = []
    for direction in found[0]:
        for score in ("rank1", "mAP"):
            values = [100 * scores[direction][score] for scores in found]
            spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):.1f}{spread}")
    return f"| {name} | {len(found)} | {' | '.join(cells)} |"


def main() -> None:
    """Train what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="crops with identities")
    parser.add_argument("--config", required=True, help="settings of all runs: a name or a YAML file")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--seeds", default="0,1,2", help="separated by commas")
    parser.add_argument("--variants", default=",".join(VARIANTS), help="separated by commas; all by default")
    options = parser.parse_args()
    names = [name.strip() for name in options.variants.split(",") if name.strip() in VARIANTS]
    display = Display()
    table = {}
    for seed in map(int, options.seeds.split(",")):
        for name in names:
            scores = scores_of(options.data, options.config, options.out, name, seed, display)
            if scores is not None:
                table.setdefault(name, []).append(scores)
    if not table:
        raise SystemExit("no run was scored: the data need identities in a split that is not trained on")
    directions = list(next(iter(table.values()))[0])
    heads = [f"{direction} {score}" for direction in directions for score in ("Rank-1", "mAP")]
    print(f"| encoder | seeds | {' | '.join(heads)} |\n|{'---|' * (2 + len(heads))}")
    for name in names:
        if name in table:
            print(row_of(name, table[name]))


if __name__ == "__main__":
    main()
