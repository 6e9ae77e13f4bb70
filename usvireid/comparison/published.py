"""Published figures of unsupervised and semi-supervised visible-infrared re-identification, to stand beside a run's.

They are the authors' own claims, in percent. Most of this literature reports the epoch that is best on the test set, so
a run's figure compares with them only where it is selected on test too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from usvireid import names

AS_PUBLISHED: Final = "as published"
CAVEAT: Final = "Rows marked as published are the authors' claims, mostly selected on the test set."


@dataclass(frozen=True)
class PublishedFigures:
    """What a paper claims on one benchmark.

    Attributes:
        method: short name of the method.
        source: where it is published, and what the figures are if not the paper's tables.
        scores: search name to (Rank-1, mAP), in percent.
    """

    method: str
    source: str
    scores: dict[str, tuple[float, float]]


_METHODS: Final = {
    "PGM": "CVPR 2023",
    "SDCL": "CVPR 2024, its own training log",
    "BMIL": "AAAI 2026",
    "SMC": "preprint 2026",
    "DPIS": "semi-supervised",
}

_SEARCHES: Final = {
    names.SYSU_MM01: ("all single-shot", "indoor single-shot"),
    names.REGDB: ("visible->infrared", "infrared->visible"),
}

_FIGURES: Final[dict[str, dict[str, tuple[tuple[float, float], tuple[float, float]]]]] = {
    names.SYSU_MM01: {
        "PGM": ((57.3, 51.8), (56.2, 62.7)),
        "SDCL": ((65.3, 63.6), (71.1, 76.4)),
        "BMIL": ((67.1, 63.1), (75.0, 78.6)),
        "SMC": ((67.9, 66.0), (73.2, 78.0)),
        "DPIS": ((58.4, 55.6), (63.0, 70.0)),
    },
    names.REGDB: {
        "PGM": ((69.5, 65.4), (69.9, 65.2)),
        "SDCL": ((91.0, 82.9), (90.0, 81.7)),
        "BMIL": ((94.3, 89.1), (93.6, 88.5)),
        "SMC": ((91.4, 85.9), (91.0, 85.6)),
        "DPIS": ((62.3, 53.2), (61.5, 52.7)),
    },
}


def published_figures(benchmark: str) -> list[PublishedFigures]:
    """The figures for a benchmark (one of `names.BENCHMARKS`); none for LLCM and for a user's own data."""
    return [
        PublishedFigures(method, _METHODS[method], dict(zip(_SEARCHES[benchmark], figures, strict=True)))
        for method, figures in _FIGURES.get(benchmark, {}).items()
    ]
