"""What becomes of training where many people are seen in one modality only: small runs on drawn people, and two tables.

    python scripts/measure_unmatched.py --out runs/unmatched

Draws sets of three difficulties, in which 0, 25, 50 and 100 % of the people to train on are seen in one modality only;
the test people are the same whatever the share, and all seen in both. Trains the recipe `hil` on each. The first table
holds the scores before and after training, the second what the labels of the last epochs look like against the truth:
clusters, adjusted Rand index, right matches, and the rejection (`usvireid.quality.rejection`): recall, the share of the
clusters of people seen in one modality that are left without a link, and precision, the share of the clusters without a
link that are of such people.

A run that stands in OUT (DIFFICULTY_SHARE_SEED) is not done again; the sets lie in OUT/data.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections.abc import Sequence
from pathlib import Path

from demo_runs import Line, draw, mean, scores_of, table, train

from usvireid import names
from usvireid.display import Display
from usvireid.quality.lines import find, number

DIFFICULTIES = ("easy", "normal", "hard")
SHARES = ("0", "0.25", "0.5", "1")
LAST = 3
"""Epochs at the end over whose labels the second table takes the mean, since a single one's jump."""


def over_last(lines: Sequence[Line], *path: str) -> float | None:
    """Mean of a measure over the last epochs of a run."""
    values = [number(find(line, *path)) for line in lines[-LAST:]]
    known = [value for value in values if value is not None]
    return statistics.mean(known) if known else None


def by_chance(lines: Sequence[Line]) -> float | None:
    """The precision of a matcher that leaves clusters out at random."""
    alone, clusters = (over_last(lines, "truth", "rejection", name) for name in ("alone", "clusters"))
    return alone / clusters if alone is not None and clusters else None


def score_row(runs: list[list[Line]]) -> dict[str, str]:
    """Scores before and after training, over the seeds of a cell."""
    first, last = ([scores_of(lines[at]) for lines in runs] for at in (0, -1))
    return {
        name: f"{mean([scores[name] for scores in first])} -> {mean([scores[name] for scores in last])}"
        for name in last[0]
    }


def label_row(runs: list[list[Line]]) -> dict[str, str]:
    """The labels of the last epochs against the truth, over the seeds of a cell."""

    def over(*path: str, factor: float = 1, digits: int = 0) -> str:
        values = [over_last(lines, *path) for lines in runs]
        return mean([None if value is None else factor * value for value in values], digits)

    def percent(*path: str) -> str:
        return over(*path, factor=100)

    found = {
        f"clusters, {name} (people)": f"{over('clusters', name)} ({_people(runs, name)})" for name in names.MODALITIES
    }
    found |= {f"ARI {name}": over("truth", name, "ari", digits=2) for name in names.MODALITIES}
    found |= {"matched": over("truth", "compared_identities"), "right": percent("truth", "match_accuracy")}
    found |= {name: percent("truth", "rejection", name) for name in ("recall", "precision")}
    found["by chance"] = mean([None if (c := by_chance(lines)) is None else 100 * c for lines in runs], 0)
    return found | {
        f"{name}, crops": percent("truth", "rejection", f"{name}_crops") for name in ("recall", "precision")
    }


def _people(runs: list[list[Line]], modality: str) -> str:
    """People of a modality to train on, over the seeds."""
    return f"{statistics.mean(over_last(lines, 'truth', modality, 'identities') or 0 for lines in runs):.0f}"


def main() -> None:
    """Train what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the sets and the runs")
    parser.add_argument("--seeds", default="0,1,2", help="separated by commas")
    parser.add_argument("--difficulties", default=",".join(DIFFICULTIES), help="separated by commas")
    parser.add_argument("--shares", default=",".join(SHARES), help="of people in one modality, separated by commas")
    parser.add_argument("--set", action="append", default=[], help="a further setting, name=value")
    options = parser.parse_args()
    display = Display()
    cells = list(itertools.product(options.difficulties.split(","), options.shares.split(",")))
    found: dict[tuple[str, str], list[list[Line]]] = {}
    for seed in options.seeds.split(","):
        for difficulty, share in cells:
            name = f"{difficulty}_{share}_{seed}"
            data = draw(options.out / "data" / name, int(seed), difficulty, float(share))
            run = train(data, options.out / name, int(seed), options.set, display)
            found.setdefault((difficulty, share), []).append(run.metrics())
    for row_of in (score_row, label_row):
        rows = {cell: row_of(found[cell]) for cell in cells}
        head = ["difficulty", "in one modality", *rows[cells[0]]]
        body = [[cell[0], f"{100 * float(cell[1]):.0f} %", *row.values()] for cell, row in rows.items()]
        print(f"\n{table(head, body)}")


if __name__ == "__main__":
    main()
