"""What known identities bring: small runs on drawn people, and a table.

    python scripts/measure_known.py --out runs/unmatched

Draws sets whose people are all seen in both modalities, trains the recipe `hil`, which sees no identity, then
`semi_supervised` with 10, 25, 50 and 100 % of the identities known, and `supervised` for as many steps, and prints the
scores on other people before and after training. A larger share knows what a smaller one knows, and more.

A run that stands in OUT is not done again; with the OUT of `measure_unmatched.py`, nor are its sets and runs of `hil`.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

from demo_runs import Line, draw, mean, scores_of, table, train

from usvireid.display import Display
from usvireid.quality.lines import find, number

SHARES = ("0.1", "0.25", "0.5", "1")


def arms(shares: list[str]) -> dict[str, tuple[str, list[str]]]:
    """Who is trained: a name to the end of the run's name and the settings."""
    found: dict[str, tuple[str, list[str]]] = {"nobody known (hil)": ("", [])}
    for share in shares:
        changes = ["pipeline=semi_supervised", "losses.identity=5", f"known.share={share}"]
        found[f"{100 * float(share):.0f} % known"] = (f"_known_{share}", changes)
    return found | {"supervised": ("_supervised", ["pipeline=supervised"])}


def row_of(runs: list[list[Line]]) -> list[str]:
    """Scores of the last epoch over the seeds, the mean of both directions, and right matches among the others."""
    last = [scores_of(lines[-1]) for lines in runs]
    cells = [mean([scores[name] for scores in last]) for name in last[0]]
    right = [number(find(lines[-1], "truth", "match_accuracy")) for lines in runs]
    return [*cells, mean([None if value is None else 100 * value for value in right], 0)]


def main() -> None:
    """Train what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the sets and the runs")
    parser.add_argument("--seeds", default="0,1,2", help="separated by commas")
    parser.add_argument("--difficulty", default="normal", help="easy, normal or hard")
    parser.add_argument("--shares", default=",".join(SHARES), help="of known identities, separated by commas")
    parser.add_argument("--set", action="append", default=[], help="a further setting, name=value")
    options = parser.parse_args()
    display = Display()
    found: dict[str, list[list[Line]]] = {}
    for seed, (arm, (end, changes)) in itertools.product(
        options.seeds.split(","), arms(options.shares.split(",")).items()
    ):
        name = f"{options.difficulty}_0_{seed}"
        data = draw(options.out / "data" / name, int(seed), options.difficulty, 0.0)
        run = train(data, options.out / f"{name}{end}", int(seed), [*changes, *options.set], display)
        found.setdefault(arm, []).append(run.metrics())
    untrained = {"untrained": [lines[:1] for lines in next(iter(found.values()))]}
    rows = [[arm, *row_of(runs)] for arm, runs in (untrained | found).items()]
    print(f"\n{table(['', *scores_of({}), 'right matches of the others'], rows)}")


if __name__ == "__main__":
    main()
