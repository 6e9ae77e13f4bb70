"""How near to its best epoch does a run end, and how near would each way of choosing have come? A table over runs.

    python scripts/measure_choice.py runs/quality/run_* runs/demo

For run folders whose epochs were all scored (`evaluation.every=1`, which is the default): the best epoch by Rank-1, the
mean of the searches that are not re-ranked, and for each way of choosing an epoch without test labels
(`usvireid.quality.selection`) which epoch it takes and how many points that is below the best. `held-out` stands there
where the run held people out. Then, for each way and for the largest value of single measures of `docs/quality.md`: how
often it came within 2 points, and how far below the best on average and at worst. Nothing is written.

The best epoch is found by the scores that the others are held against, so it is too good by the noise of the scores: of
many equally good epochs the luckiest. No way of choosing can come to 0 on average.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from usvireid import names
from usvireid.quality.lines import Lines, find, number, one_line_per_epoch
from usvireid.quality.selection import HELD_OUT, LABEL_FREE, LAST, mean_score, select_epoch
from usvireid.run import Run

METHODS = (LAST, LABEL_FREE, HELD_OUT)
MEASURES = (
    "stability",
    "seat",
    "silhouette",
    "margin",
    "matched_crops_share",
    "confirmed_share",
    "mutual_share",
    "signals_agree",
    "link_margin",
    "beyond_chance",
)
"""Those that a larger value speaks for, of both modalities' mean or of what lies across them."""
NEAR = 2.0
"""Points of Rank-1."""


def scored(lines: Lines) -> dict[int, float]:
    """Rank-1 in percent after every epoch that was trained and scored."""
    found = {}
    for line in one_line_per_epoch(lines):
        value = mean_score(line.get("evaluation"), "rank1")
        if line["epoch"] and line.get("losses") and value is not None:
            found[line["epoch"]] = 100 * value
    return found


def chosen(lines: Lines, method: str, epochs: int) -> int | None:
    """The epoch that a method takes; None where the run has nothing for it to look at."""
    selection = select_epoch(lines, method, epochs)
    if selection is None or (method == HELD_OUT and selection.value is None):
        return None
    return selection.epoch


def largest(lines: Lines, measure: str) -> int | None:
    """The epoch at which a measure is largest, the later one of equals; None where there is none."""
    found = []
    for line in one_line_per_epoch(lines):
        quality = line.get("quality")
        places = ((measure,), ("across", measure)) if measure == "stability" else (("across", measure),)
        across = [value for place in places if (value := number(find(quality, *place))) is not None]
        within = [number(find(quality, modality, measure)) for modality in names.MODALITIES]
        known = across or [value for value in within if value is not None]
        if known and line["epoch"] and line.get("losses"):
            found.append((fmean(known), line["epoch"]))
    return max(found)[1] if found else None


def compare(folders: Sequence[Path]) -> str:
    """The table, with the counts below it."""
    rows: list[str] = []
    gaps: dict[str, list[float]] = {}
    for folder in folders:
        lines = Run.open(folder).metrics()
        scores = scored(lines)
        epochs = max(scores, default=0)
        if epochs < 2 or len(scores) < epochs:
            rows.append(f"| {folder.name} | not every epoch was scored |" + " |" * len(METHODS))
            continue
        best = max(scores, key=lambda epoch: (scores[epoch], epoch))
        taken = {method: chosen(lines, method, epochs) for method in METHODS}
        cells = ["" if epoch is None else f"{epoch}: {scores[epoch] - scores[best]:+.1f}" for epoch in taken.values()]
        rows.append(f"| {folder.name} | {best} of {epochs}: {scores[best]:.1f} | {' | '.join(cells)} |")
        taken |= {f"largest `{measure}`": largest(lines, measure) for measure in MEASURES}
        for way, epoch in taken.items():
            if epoch is not None:
                gaps.setdefault(way, []).append(scores[epoch] - scores[best])
    head = [f"| run | best | {' | '.join(METHODS)} |", "|---|---|" + "---|" * len(METHODS)]
    counts = [f"| epoch taken | within {NEAR:g} points | on average | at worst |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, "", *counts, *(_counted(way, found) for way, found in gaps.items())])


def _counted(way: str, gaps: list[float]) -> str:
    near = sum(gap >= -NEAR for gap in gaps)
    return f"| {way} | {near} of {len(gaps)} | {fmean(gaps):.1f} | {min(gaps):.1f} |"


def main() -> None:
    """Read the runs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run folders")
    print(compare(parser.parse_args().runs))


if __name__ == "__main__":
    main()
