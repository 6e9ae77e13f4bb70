"""Which searches the crops are scored by, and their scores.

A protocol is a function to a list of searches (`searches/`); everything after that is the same for all. The searches
are planned from the table alone, so that a wrong setting or a missing file is found before anything is trained, and
features are extracted once for all trials and modes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from usvireid import names
from usvireid.config import EvaluationSettings
from usvireid.data.crops import Crops
from usvireid.encoders.features import Features
from usvireid.errors import DataError, UsageError
from usvireid.evaluation.fingerprint import fingerprint
from usvireid.evaluation.metrics import QueryScores, cosine_distances, score_trials
from usvireid.evaluation.rerank import SETTINGS, reranked
from usvireid.evaluation.results import RANKS, RERANKED, Evaluation, Retrieval
from usvireid.evaluation.searches.llcm import llcm_searches
from usvireid.evaluation.searches.own import own_searches
from usvireid.evaluation.searches.regdb import regdb_searches
from usvireid.evaluation.searches.search import DIRECTIONS, Search, side
from usvireid.evaluation.searches.sysu_mm01 import sysu_searches

AUTO = "auto"
_DEFAULTS = EvaluationSettings()
_SEARCHES: Mapping[str, Callable[[Crops, EvaluationSettings], list[Search]]] = {
    names.OWN: lambda crops, settings: own_searches(crops, tuple(settings.exclude), settings.min_frame_gap),
    names.SYSU_MM01: lambda crops, settings: sysu_searches(
        crops, tuple(settings.shots), settings.draw, settings.trials
    ),
    names.REGDB: lambda crops, settings: regdb_searches(crops),
    names.LLCM: lambda crops, settings: llcm_searches(crops, settings.trials),
}


@dataclass(frozen=True)
class Plan:
    """The searches by which the crops of a table are scored. `plan` makes one."""

    protocol: str
    crops: Crops
    searches: tuple[Search, ...]
    settings: EvaluationSettings

    def score(self, features: Features, *, mirrored: bool = True, ranks: tuple[int, ...] = RANKS) -> Evaluation:
        """Score features by cosine similarity. Ties, and queries without a correct item: see `metrics`.

        Args:
            features: a row for each crop of the plan.
            mirrored: whether each feature is the mean of image and mirror image; it is written down, no more.
            ranks: the k of Rank-k.

        Returns:
            A row for each search, and one more, "... re-ranked", where the settings ask for it.

        Raises:
            DataError: no query has a correct item.
            ValueError: features of other crops, or a rank below 1.
        """
        if not ranks or min(ranks) < 1:
            raise ValueError(f"ranks: {', '.join(map(str, ranks)) or 'none'}; give whole numbers from 1 up")
        if not features.crops.table[names.PATH].equals(self.crops.table[names.PATH]):
            raise ValueError("these features are not those of the crops that were planned for")
        rows, prints = {}, {}
        for search in self.searches:
            rows[search.name] = Retrieval.over_trials(_scores(features, search), len(search.galleries[0]), ranks)
            prints[search.name] = fingerprint(self.protocol, search, features, mirrored=mirrored, rerank=None)
            if self.settings.rerank and rows[search.name].queries:
                name = f"{search.name} {RERANKED}"
                rows[name] = Retrieval.over_trials(_reranked(features, search), len(search.galleries[0]), ranks)
                prints[name] = fingerprint(self.protocol, search, features, mirrored=mirrored, rerank=SETTINGS)
        if not any(retrieval.queries for retrieval in rows.values()):
            raise DataError(_nothing_left(self.settings))
        return Evaluation(rows, prints)


def plan(crops: Crops, settings: EvaluationSettings = _DEFAULTS) -> Plan:
    """The searches that the settings ask for.

    Args:
        crops: the crops; rows that are not evaluated on (split "train", unknown identity) are left out.
        settings: the protocol, or "auto" for that of the crops' layout, and its settings.

    Raises:
        UsageError: a setting that the protocol has no use for, where it is not the default.
        DataError: there is nothing to score, a column that a rule needs is empty, or a file of draws is not there.
    """
    protocol = crops.layout if settings.protocol == AUTO else settings.protocol
    _refuse_useless(protocol, settings)
    problem = why_not_scored(crops)
    if problem is not None:
        raise DataError(problem)
    return Plan(protocol, crops, tuple(_SEARCHES[protocol](crops, settings)), settings)


def evaluate(
    features: Features,
    settings: EvaluationSettings = _DEFAULTS,
    *,
    mirrored: bool = True,
    ranks: tuple[int, ...] = RANKS,
) -> Evaluation:
    """Plan and score in one call; arguments and errors are those of `plan` and `Plan.score`."""
    return plan(features.crops, settings).score(features, mirrored=mirrored, ranks=ranks)


def why_not_scored(crops: Crops) -> str | None:
    """Why these crops cannot be scored at all, as one line for a person; None where they can."""
    if not crops.has(names.IDENTITY):
        return "evaluation: no crop has an identity; scores need a manifest with the column identity."
    pool = crops.evaluation()
    if len(pool) == 0:
        return "evaluation: no crop of split test, query or gallery has an identity; fill the column identity for them."
    if all(len(side(pool, q, names.QUERY)) == 0 or len(side(pool, g, names.GALLERY)) == 0 for q, g in DIRECTIONS):
        counts = ", ".join(
            f"{modality} {len(side(pool, modality, names.QUERY))} queries and "
            f"{len(side(pool, modality, names.GALLERY))} gallery crops"
            for modality in names.MODALITIES
        )
        return f"evaluation: needs queries of one modality and a gallery of the other; found {counts}."
    identity = pool.table[names.IDENTITY]
    shared = set(identity.iloc[pool.rows_of(names.VISIBLE)]) & set(identity.iloc[pool.rows_of(names.INFRARED)])
    return None if shared else "evaluation: no identity is seen in both modalities, so no query has a correct answer."


def _refuse_useless(protocol: str, settings: EvaluationSettings) -> None:
    """A setting that would do nothing, or that would bend a benchmark's own rules, is named instead."""
    if protocol != names.OWN and (settings.exclude or settings.min_frame_gap):
        setting = "exclude" if settings.exclude else "min_frame_gap"
        raise UsageError(
            f"evaluation.{setting}: the protocol {protocol} has its own rule for what is dropped; leave exclude and "
            "min_frame_gap out, or use evaluation.protocol=own."
        )
    if protocol != names.SYSU_MM01:
        for setting in ("shots", "draw"):
            value = getattr(settings, setting)
            if value != getattr(_DEFAULTS, setting):
                shown = ",".join(value) if isinstance(value, list) else value
                raise UsageError(
                    f"evaluation.{setting}: {shown} is a choice of the protocol sysu-mm01, not of {protocol}; "
                    "leave it out."
                )


def _pairs(features: Features, search: Search, rows: np.ndarray) -> Callable[[slice], np.ndarray] | None:
    """The rule of the search between a block of its queries and the given gallery rows."""
    rule = search.dropped
    return None if rule is None else lambda block: rule(search.query[block], rows)


def _scores(features: Features, search: Search) -> list[QueryScores]:
    identity = features.crops.codes(names.IDENTITY)
    pool, places = np.unique(np.concatenate(search.galleries), return_inverse=True)
    ends = np.cumsum([len(gallery) for gallery in search.galleries])[:-1]
    return score_trials(
        cosine_distances(features.values[search.query], features.values[pool]),
        identity[search.query],
        identity[pool],
        np.split(places, ends),
        dropped=_pairs(features, search, pool),
        collapse=search.collapse,
    )


def _reranked(features: Features, search: Search) -> list[QueryScores]:
    """The scores of each trial by re-ranked distances, which depend on the whole gallery of the trial."""
    identity = features.crops.codes(names.IDENTITY)
    query = features.values[search.query]
    return [
        score_trials(
            reranked(query, features.values[gallery]),
            identity[search.query],
            identity[gallery],
            [np.arange(len(gallery))],
            dropped=_pairs(features, search, gallery),
            collapse=search.collapse,
        )[0]
        for gallery in search.galleries
    ]


def _nothing_left(settings: EvaluationSettings) -> str:
    return (
        "evaluation: no query has a correct crop of the other modality left in the gallery"
        + (f" once those sharing {', '.join(settings.exclude)} are dropped" if settings.exclude else "")
        + "; it takes an identity that is seen in both modalities."
    )
