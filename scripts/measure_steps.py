"""HIL step by step on drawn people of three difficulties.

    python scripts/measure_steps.py --out runs/unmatched --seeds 0

The rows that `measure_results.py` trains, on the sets of `measure_unmatched.py` with everybody in both modalities: for
every difficulty the scores of the network alone and beside the gradient descriptor, after the last epoch, and how good
its labels were. A run that stands in OUT (steps_DIFFICULTY/ROW_SEED) is not done again; the sets lie in OUT/data.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from demo_runs import SETTINGS, draw, mean, table
from measure_results import ALONE, VARIANTS, Judge, Scores, Variant, folder_of, label_table, train, untrained
from measure_unmatched import DIFFICULTIES

from usvireid.display import Display
from usvireid.files import write_atomically
from usvireid.loading import open_data
from usvireid.run import settings_of
from usvireid.trained import open_trained

ROWS = [
    Variant(variant.name, [change for change in variant.changes if change not in ALONE])
    for variant in VARIANTS
    if not variant.scores_of
]
"""All have the descriptor beside the network; what is learnt does not depend on that."""
RULE = "twin left out"
"""A drawn camera has one sensor, so that no gallery crop is a query's twin."""
HEAD = [
    f"{who}{direction} {score}"
    for who in ("", "beside the descriptor, ")
    for direction in ("infrared to visible", "visible to infrared")
    for score in ("Rank-1", "mAP")
]


def both_scores(folder: Path, judge: Judge) -> dict[str, Scores]:
    """Of a trained run, kept in its folder: of its network alone, and beside the descriptor."""
    file = folder / "scores_of_both.json"
    if not file.exists():
        encoder = open_trained(folder).encoder
        found = {"alone": judge.of_encoder(encoder.trained_part()), "beside": judge.of_encoder(encoder)}
        write_atomically(file, json.dumps(found, indent=1).encode())
    kept: dict[str, Scores] = json.loads(file.read_bytes())
    return kept


def cells(found: list[dict[str, Scores]]) -> list[str]:
    """A row of scores over the seeds."""
    return [
        mean([100 * scores[who][RULE][direction][score] for scores in found if who in scores])
        for who in ("alone", "beside")
        for direction in ("infrared->visible", "visible->infrared")
        for score in ("rank1", "mAP")
    ]


def main() -> None:
    """Train what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the sets and the runs")
    parser.add_argument("--seeds", default="0,1,2", help="separated by commas")
    parser.add_argument("--difficulties", default=",".join(DIFFICULTIES), help="separated by commas")
    parser.add_argument("--rows", default="", help="separated by semicolons; all by default")
    parser.add_argument("--set", action="append", default=[], help="a further setting, name=value")
    options = parser.parse_args()
    display = Display()
    settings = [*SETTINGS, "quality.measures=cheap", "evaluation.every=100", *options.set]
    resolved = settings_of(None, {}, settings)
    asked = [name.strip() for name in options.rows.split(";") if name.strip()]
    rows = [row for row in ROWS if not asked or row.name in asked]
    for difficulty in options.difficulties.split(","):
        scores: dict[str, list[dict[str, Scores]]] = {}
        labels: dict[str, list[dict[str, Any]]] = {}
        for seed in options.seeds.split(","):
            data = draw(options.out / "data" / f"{difficulty}_0_{seed}", int(seed), difficulty, 0.0)
            given = {"data": data, "config": None, "weights": None, "out": options.out / f"steps_{difficulty}"}
            judge = Judge(open_data(data, resolved, display), resolved)
            start = untrained(judge, resolved)
            network, beside = (start[f"untrained network{end}"] for end in (", edges", " beside the descriptor"))
            scores.setdefault("untrained", []).append({"alone": network, "beside": beside})
            centred = "gradient descriptor, centred"
            scores.setdefault(centred, []).append({"alone": start[centred]})
            for row in rows:
                run = train(row, int(seed), argparse.Namespace(**given, set=settings), display)
                scores.setdefault(row.name, []).append(both_scores(folder_of(given["out"], row.name, int(seed)), judge))
                if not run.metrics()[-1]["supervised"]:
                    labels.setdefault(row.name, []).append(run.metrics()[-1])
        body = [[name, *cells(found)] for name, found in scores.items()]
        print(f"\n{difficulty}:\n\n{table(['', *HEAD], body)}\n\n{label_table('last epoch', labels)}")


if __name__ == "__main__":
    main()
