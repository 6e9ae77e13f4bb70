"""The table at the end of an ingest."""

from __future__ import annotations

from collections import Counter

from rich.table import Table

from usvireid.display import Display
from usvireid.footage.ingest import Ingested


def show(ingested: Ingested, display: Display) -> None:
    """What was found in each recording, what was dropped and why, and what to do with the folder now."""
    display.result(_table(ingested))
    dropped: Counter[str] = Counter()
    for one in ingested.done:
        dropped.update(one.facts.dropped)
    if dropped:
        listed = ", ".join(f"{count:,} {reason}" for reason, count in dropped.most_common())
        display.say(f"boxes that gave no crop: {listed}")
    have = {modality: count for modality, count in ingested.crops.items() if count}
    total = " and ".join(f"{count:,} {modality}" for modality, count in have.items()) or "no"
    if len(have) == len(ingested.crops):
        then = f"train on them with `usvireid run {ingested.out} --config footage`"
    else:
        missing = " and ".join(modality for modality in ingested.crops if modality not in have)
        then = f"training needs {missing} crops too: ingest such recordings into the same folder"
    display.say(f"{ingested.out}: {total} crops; {then}")


def _table(ingested: Ingested) -> Table:
    table = Table(title="Ingested", title_justify="left")
    table.add_column("recording")
    for name in ("modality", "seconds", "frames", "boxes", "tracks", "crops", "dropped", "x real time"):
        table.add_column(name, justify="right")
    for one in ingested.done:
        facts = one.facts
        table.add_row(
            one.entry.key,
            facts.modality,
            f"{facts.seconds:,.1f}",
            f"{facts.frames:,}",
            f"{facts.detections:,}",
            f"{facts.tracks:,}",
            f"{facts.crops:,}",
            f"{sum(facts.dropped.values()):,}",
            "before" if one.speed is None else f"{one.speed:,.1f}",
        )
    return table
