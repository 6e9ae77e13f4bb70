"""HIL step by step on drawn people of three difficulties.

    python scripts/measure_steps.py --out runs/unmatched

The rows are those of `measure_results.py`, the sets those of `measure_unmatched.py` with everybody in both modalities:
a table of scores and one of labels for every difficulty, after the last epoch. A run that stands in OUT
(steps_DIFFICULTY/ROW_SEED) is not done again; the sets lie in OUT/data. A drawn camera has one sensor, so no gallery
crop is a query's twin.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from demo_runs import SETTINGS, draw
from measure_results import Measured, label_table, measure, score_table
from measure_unmatched import DIFFICULTIES

from usvireid.display import Display

RULE = "twin left out"


def of_seed(difficulty: str, seed: str, options: argparse.Namespace, display: Display) -> Measured:
    """All rows on the set of one difficulty and seed."""
    given = {
        "data": draw(options.out / "data" / f"{difficulty}_0_{seed}", int(seed), difficulty, 0.0),
        "config": None,
        "weights": None,
        "out": options.out / f"steps_{difficulty}",
        "seeds": seed,
        "set": [*SETTINGS, "quality.measures=cheap", "evaluation.every=100", *options.set],
    }
    return measure(argparse.Namespace(**vars(options) | given), display)


def main() -> None:
    """Train what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the sets and the runs")
    parser.add_argument("--seeds", default="0,1,2", help="separated by commas")
    parser.add_argument("--difficulties", default=",".join(DIFFICULTIES), help="separated by commas")
    parser.add_argument("--variants", default="", help="rows, separated by semicolons; all by default")
    parser.add_argument("--set", action="append", default=[], help="a further setting, name=value")
    parser.add_argument("--tables", action="store_true", help="train nothing; tables of the runs that are finished")
    options = parser.parse_args()
    display = Display()
    for difficulty in options.difficulties.split(","):
        found = Measured()
        for seed in options.seeds.split(","):
            of_one = of_seed(difficulty, seed, options, display)
            for every, own in ((found.scores, of_one.scores), (found.last, of_one.last)):
                for name, lines in own.items():
                    every.setdefault(name, []).extend(lines)
        print(f"\n{difficulty}:\n\n{score_table(RULE, found.scores)}\n\n{label_table('last epoch', found.last)}")


if __name__ == "__main__":
    main()
