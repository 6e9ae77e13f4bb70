"""Runs side by side: what `usvireid compare` shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from usvireid.comparison.published import CAVEAT
from usvireid.comparison.rows import Row, RunResult, published_rows, read_rows
from usvireid.comparison.spread import MEASURES
from usvireid.errors import UsageError

_NOT_A_DIFFERENCE = frozenset({"digest"})


@dataclass(frozen=True)
class Comparison:
    """Rows side by side.

    Attributes:
        rows: the runs', then the published ones.
        differences: setting to its value in each row of runs, for settings in which they differ.
        warnings: why figures may not compare, a line each.
    """

    rows: tuple[Row, ...]
    differences: dict[str, list[Any]]
    warnings: tuple[str, ...]

    @property
    def searches(self) -> list[str]:
        """The searches that any row has scores of."""
        return list(dict.fromkeys(search for row in self.rows for search in row.scores))

    def measures(self, wanted: Sequence[str] = ("rank1", "mAP", "mINP")) -> list[str]:
        """Those of the wanted measures that any row has."""
        had = {name for row in self.rows for found in row.scores.values() for name in found}
        return [name for name in MEASURES if name in wanted and name in had]

    def caption(self) -> str:
        """What a reader of the figures must know."""
        parts = ["Retrieval, in percent."]
        if any(len(row.runs) > 1 for row in self.rows):
            parts.append("± is the sample standard deviation over a row's runs (trials or seeds).")
        if any(run.selection is not None and run.selection.on_test for row in self.rows for run in row.runs):
            parts.append("Rows selected on test are the best epoch on the scores that are shown.")
        if any(row.published for row in self.rows):
            parts.append(CAVEAT)
        return " ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; scores are shares in [0, 1]."""
        return {
            "caption": self.caption(),
            "rows": [row.to_dict() for row in self.rows],
            "differences": self.differences,
            "warnings": list(self.warnings),
        }


def compare(folders: Sequence[Path], published: bool = False) -> Comparison:
    """Compare run folders and folders of trials.

    Args:
        folders: at least one.
        published: add the published figures of the benchmarks that the runs are about.

    Raises:
        UsageError: no folder, one that is no run, or one that is named twice.
        DataError: a file of a run that cannot be read.
    """
    if not folders:
        raise UsageError("compare: give at least one run folder.")
    rows = read_rows(folders)
    papers = published_rows(rows) if published else []
    warnings = [*_unscored(rows), *_protocols(rows), *_trials(rows), *_selections(rows)]
    if published and not papers:
        warnings.append("no published figures for the protocols of these runs; there are some for SYSU-MM01 and RegDB")
    return Comparison((*rows, *papers), _differences(rows), tuple(warnings))


def _differences(rows: Sequence[Row]) -> dict[str, list[Any]]:
    settings = dict.fromkeys(name for row in rows for name in row.settings)
    values = {name: [row.settings.get(name) for row in rows] for name in settings}
    return {name: found for name, found in values.items() if any(one != other for one, other in pairwise(found))}


def _unscored(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        missing = [run.folder for run in row.runs if not run.scores]
        if missing:
            more = f" and {len(missing) - 1} more of its runs" if len(missing) > 1 else ""
            yield f"{missing[0]}{more}: not scored; `usvireid run --out {missing[0]} --stage evaluate` scores it"


def _protocols(rows: Sequence[Row]) -> Iterator[str]:
    """Rows that were not measured by the same protocol. Of data with trials, the same trials are compared."""
    runs = [(row.name, run) for row in rows for run in row.runs if run.scores]
    for name in dict.fromkeys(name for name, run in runs if not run.fingerprints):
        yield f"{name}: by which protocol it was scored is not known, so its figures may not compare"
    for search in dict.fromkeys(search for _, run in runs for search in run.fingerprints):
        facts = [
            fact
            for trial in dict.fromkeys(run.trial for _, run in runs)
            for fact in _differing_facts([run for _, run in runs if run.trial == trial], search)
        ]
        if facts:
            yield (
                f"{search}: the protocol fingerprints differ ({', '.join(dict.fromkeys(facts))}), so these figures do "
                "not compare"
            )


def _differing_facts(runs: Sequence[RunResult], search: str) -> list[str]:
    """Names of the facts in which the fingerprints of a search differ."""
    prints = [run.fingerprints[search] for run in runs if search in run.fingerprints]
    if len({str(facts.get("digest")) for facts in prints}) < 2:
        return []
    known = dict.fromkeys(name for facts in prints for name in facts if name not in _NOT_A_DIFFERENCE)
    return [name for name in known if any(a.get(name) != b.get(name) for a, b in pairwise(prints))] or ["digest"]


def _trials(rows: Sequence[Row]) -> Iterator[str]:
    trials = {row.name: sorted({run.trial for run in row.runs}) for row in rows}
    if len({tuple(found) for found in trials.values()}) > 1:
        told = "; ".join(f"{name}: {', '.join(map(str, found))}" for name, found in trials.items())
        yield f"the rows are of different trials ({told})"
    for row in rows:
        places = [(run.seed, run.trial) for run in row.runs]
        if len(set(places)) < len(places):
            yield f"{row.name}: some of its runs have the same seed and trial, so its spread comes out too small"


def _selections(rows: Sequence[Row]) -> Iterator[str]:
    on_test = [row.name for row in rows if any(run.selection and run.selection.on_test for run in row.runs)]
    if on_test and len(on_test) < len(rows):
        yield f"selected on test and therefore too good beside the others: {', '.join(on_test)}"
