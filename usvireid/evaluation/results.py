"""What an evaluation found: numbers that check out as JSON and as a table for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from usvireid.evaluation.metrics import QueryScores

RANKS = (1, 5, 10, 20)
"""The ranks that the literature reports."""
RERANKED = "re-ranked"
"""Ends the name of a row whose distances were re-ranked."""

Json = Mapping[str, object]


@dataclass(frozen=True)
class Retrieval:
    """Scores of one search: a mean over its queries, and over its trials where galleries are drawn.

    Attributes:
        cmc: share of scored queries with a hit at the rank, in [0, 1], by rank.
        mean_average_precision: mAP in [0, 1].
        mean_inverse_penalty: mINP in [0, 1].
        queries: queries that are scored in a trial; the largest number, should trials differ.
        skipped_queries: queries without a correct gallery item in any trial; they count in no mean.
        gallery: gallery items of a trial before anything is dropped for a single query.
        trials: galleries that the means are taken over.
        deviation: sample standard deviation over the trials (divisor trials - 1), by the names of `to_dict`; None where
            there is one trial.

    The scores are None where no query is scored.
    """

    cmc: Mapping[int, float | None]
    mean_average_precision: float | None
    mean_inverse_penalty: float | None
    queries: int
    skipped_queries: int
    gallery: int
    trials: int = 1
    deviation: Mapping[str, float] | None = None

    @classmethod
    def over_trials(cls, trials: Sequence[QueryScores], gallery: int, ranks: tuple[int, ...] = RANKS) -> Retrieval:
        """Average the scores of single queries in each trial, then those of the trials in which any is scored."""
        scored = [scores for scores in trials if scores.scored.any()]
        found = np.array([_shares(scores, ranks) for scores in scored], dtype=np.float64)
        means = found.mean(axis=0) if len(scored) else np.full(len(ranks) + 2, np.nan)
        values = [None if np.isnan(mean) else float(mean) for mean in means]
        asked = np.stack([scores.scored for scores in trials])
        spread = found.std(axis=0, ddof=1) if len(scored) > 1 else None
        return cls(
            cmc=dict(zip(ranks, values, strict=False)),
            mean_average_precision=values[-2],
            mean_inverse_penalty=values[-1],
            queries=int(asked.sum(axis=1).max()),
            skipped_queries=int((~asked.any(axis=0)).sum()),
            gallery=gallery,
            trials=len(trials),
            deviation=None if spread is None else dict(zip(_names(ranks), map(float, spread), strict=True)),
        )

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values: rank1, rank5, ..., mAP, mINP as fractions, queries, skipped_queries, gallery.

        Where there are several trials also `trials`, and `std`, their standard deviation by the same names.
        """
        values: dict[str, object] = {
            **{f"rank{rank}": share for rank, share in self.cmc.items()},
            "mAP": self.mean_average_precision,
            "mINP": self.mean_inverse_penalty,
            "queries": self.queries,
            "skipped_queries": self.skipped_queries,
            "gallery": self.gallery,
        }
        if self.trials > 1:
            values |= {"trials": self.trials, "std": None if self.deviation is None else dict(self.deviation)}
        return values

    def cells(self) -> list[str]:
        """The scores in percent for a table: "57.3", with the deviation in a second line where there is one."""
        scores = [*self.cmc.values(), self.mean_average_precision, self.mean_inverse_penalty]
        if self.deviation is None:
            return [_percent(score) for score in scores]
        spread = [self.deviation[name] for name in _names(tuple(self.cmc))]
        return [f"{_percent(score)}\n±{100 * share:.1f}" for score, share in zip(scores, spread, strict=True)]


@dataclass(frozen=True)
class Evaluation:
    """The scores of each search by its name, such as "infrared->visible" or "all single-shot".

    Attributes:
        rows: the scores. Rows whose name ends in "re-ranked" were re-ranked, no other.
        fingerprints: by the same names, what the numbers were measured by; see `fingerprint`.
    """

    rows: Mapping[str, Retrieval]
    fingerprints: Mapping[str, Json] = field(default_factory=dict)

    def to_dict(self) -> dict[str, dict[str, object]]:
        """Plain JSON values by row, see `Retrieval.to_dict`."""
        return {name: retrieval.to_dict() for name, retrieval in self.rows.items()}

    def fingerprints_dict(self) -> dict[str, dict[str, object]]:
        """The fingerprints as plain JSON values by row."""
        return {name: dict(facts) for name, facts in self.fingerprints.items()}

    def table(self, title: str = "Retrieval, in percent") -> Table:
        """The scores as a table for a terminal of 80 columns, a row per search."""
        ranks = list(next(iter(self.rows.values())).cmc) if self.rows else []
        table = Table(title=title, title_justify="left", caption_justify="left", box=SIMPLE_HEAD, padding=0)
        table.add_column("query → gallery")
        for heading in [*(f"Rank-{rank}" for rank in ranks), "mAP", "mINP", "queries", "gallery"]:
            table.add_column(heading, justify="right", no_wrap=True)
        for name, retrieval in self.rows.items():
            counts = (retrieval.queries, retrieval.gallery)
            table.add_row(name.replace("->", " → "), *retrieval.cells(), *(f"{count:,}" for count in counts))
        table.caption = "\n".join(self._notes()) or None
        return table

    def _notes(self) -> list[str]:
        notes = []
        skipped = {name: row.skipped_queries for name, row in self.rows.items() if not name.endswith(RERANKED)}
        counted = [f"{name.replace('->', ' → ')} {count:,}" for name, count in skipped.items() if count]
        if counted:
            notes.append(f"more queries, in no mean, without a correct crop in the gallery: {', '.join(counted)}")
        trials = max((row.trials for row in self.rows.values()), default=1)
        if trials > 1:
            notes.append(f"mean and standard deviation of {trials} galleries")
        if self.fingerprints:
            protocols = dict.fromkeys(str(facts["protocol"]) for facts in self.fingerprints.values())
            digests = " ".join(str(facts["digest"]) for facts in self.fingerprints.values())
            notes.append(f"protocol {', '.join(protocols)}, fingerprints {digests}")
        return notes


def _names(ranks: tuple[int, ...]) -> list[str]:
    return [*(f"rank{rank}" for rank in ranks), "mAP", "mINP"]


def _shares(scores: QueryScores, ranks: tuple[int, ...]) -> list[float | None]:
    return [*(scores.cmc(ranks) or []), scores.mean_average_precision(), scores.mean_inverse_penalty()]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
