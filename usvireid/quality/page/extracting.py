"""Features for a report: as many as a short time allows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from usvireid.data.crops import Crops, Images
from usvireid.encoders.features import Features
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.page.sample import Sample, sampled_rows

ON_THE_MAP = 1500
"""Crops: more dots than that lie on each other, and t-SNE takes seconds for them."""
PATIENCE = 20.0
"""Seconds, after which no further batch is begun."""

Extractor = Callable[[Crops, Images], Features]
"""The features of crops, given with their pixels."""


@dataclass(frozen=True)
class Extracted:
    """What was extracted in time.

    Attributes:
        sample: for the map and the distances.
        features: of all crops in their order; None where the time was too short for all.
    """

    sample: Sample
    features: Features | None


def extract_in_time(
    crops: Crops,
    images: Images,
    labels: PseudoLabels,
    extractor: Extractor,
    generator: np.random.Generator,
    *,
    batch: int,
    patience: float = PATIENCE,
    progress: Callable[[int], None] = lambda done: None,
) -> Extracted:
    """Extract the features of a sample, and of all crops where that is done in the same time.

    Args:
        crops: N crops, N at least 1.
        images: their pixels.
        labels: their labels, by which the sample is drawn.
        extractor: gives features.
        generator: of the sample.
        batch: crops at a time.
        patience: seconds; at least one batch is extracted.
        progress: told the number of crops of each batch.
    """
    order = sampled_rows(labels, len(crops), generator)
    parts: list[np.ndarray] = []
    began = time.monotonic()
    for start in range(0, len(order), batch):
        if parts and time.monotonic() - began > patience:
            break
        rows = order[start : start + batch]
        parts.append(extractor(crops.take(rows), _of(images, rows)).values)
        progress(len(rows))
    values = np.concatenate(parts)
    done = order[: len(values)]
    some = done[:ON_THE_MAP]
    sample = Sample(some, Features(values[: len(some)], crops.take(some)))
    if len(done) < len(crops):
        return Extracted(sample, None)
    whole = np.empty_like(values)
    whole[done] = values
    return Extracted(sample, Features(whole, crops))


def _of(images: Images, rows: np.ndarray) -> Images:
    return lambda picked: images(rows[picked])
