"""What a report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from usvireid.data.crops import Crops
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.doubts import Doubt
from usvireid.quality.lines import Lines
from usvireid.quality.page.sample import Sample
from usvireid.quality.pictures import ImagesOf
from usvireid.review.answer import Answer

Evaluations = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Material:
    """A run as its report sees it. Everything but the crops may be missing.

    Attributes:
        crops: the crops that the labels were made for. Identities, where they are known, fill the truth sections.
        labels: the last pseudo-labels, a row for every crop; None before there are any.
        images: row numbers of `crops` to RGB pictures (uint8, N x H x W x 3). None gives a report without pictures.
        blur_heads: blur the head region of every picture.
        metrics: one dict per epoch as in the metrics file; epoch 0 is the encoder before training. Keys may be missing.
        evaluation: `Evaluation.to_dict()` of the encoder as it is now; None takes the last one in `metrics`.
        settings: the settings of the run, nested as they like.
        environment: versions and devices, nested as they like.
        selection: `Selection.to_dict()`, the epoch that the scores are of and how it was selected; None leaves it out.
        supervised: the labels are the known identities, so they are not compared with them.
        answers: what a person has said about the crops, undone answers among them.
        doubts: what is doubtful about the labels, the most doubtful first.
        sample: some crops with their features, for the map and the distances; None leaves both out.
        no_sample: why there is no sample, a sentence for the page.

    Raises:
        ValueError: labels for another number of crops.
    """

    crops: Crops
    labels: PseudoLabels | None = None
    images: ImagesOf | None = None
    blur_heads: bool = False
    metrics: Lines = ()
    evaluation: Evaluations | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    selection: Mapping[str, Any] | None = None
    supervised: bool = False
    answers: Sequence[Answer] = ()
    doubts: Sequence[Doubt] = ()
    sample: Sample | None = None
    no_sample: str = ""

    def __post_init__(self) -> None:
        if self.labels is not None and len(self.labels) != len(self.crops):
            raise ValueError(f"{len(self.labels)} labels for {len(self.crops)} crops")
