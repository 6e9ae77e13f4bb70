"""A loss that has nothing to act on in a batch is 0, never NaN, and so is its gradient: all terms, all odd batches."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console
from torch import Tensor
from torch.nn import functional

from tests.conftest import TINY
from usvireid import names
from usvireid.data.crops import Crops
from usvireid.devices import choose_compute
from usvireid.display import Display
from usvireid.encoders.features import Features
from usvireid.layers import make_settings, parse_assignment
from usvireid.matching.labels import PseudoLabels
from usvireid.resources import load_pipeline
from usvireid.terms.identity import IdentityClassifier
from usvireid.terms.pairs import CrossModalTriplet, IdentityClues
from usvireid.terms.parts import MultiCentres
from usvireid.terms.term import Term
from usvireid.training.batches import Batch
from usvireid.training.experiment import EncodedBatch, Experiment

V, R = names.MODALITIES
ALL = (*load_pipeline("hil").TERMS, IdentityClassifier)
WEIGHTS = {f"losses.{name}": "1" for name in ("mccl", "homogeneous", "heterogeneous", "icg")}
FORMS: dict[str, dict[str, str]] = {
    "defaults": {},
    "released": {
        "losses.mccl_form": "nearest",
        "losses.own_row": "true",
        "memory.centres": "released",
        "memory.shared": "crops",
        "clustering.parts.of": "identities",
    },
    "labelled, shared parts": {"clustering.parts.of": "identities"},
    "centre-triplet": {"icg.form": "centre-triplet", "icg.target": "joint"},
    "sample-triplet": {"icg.form": "sample-triplet", "icg.normalised": "true"},
}
# Crops 0 to 5 are visible, 6 to 11 infrared; -1 is a crop without an identity.
LABELS = {
    "shared and not": [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 3, 3],
    "one identity in all": [0] * 12,
    "nothing shared": [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3],
    "one modality without": [0, 0, 0, 1, 1, 1] + [-1] * 6,
    "one crop each": [0, -1, -1, -1, -1, -1, 0, -1, -1, -1, -1, -1],
}
# Per modality the rows and the identities of a batch; 99 is an identity that no memory knows.
BATCHES = {
    "shared identities": {V: ([0, 1, 2, 3], [0, 0, 1, 1]), R: ([6, 7, 8, 9], [0, 0, 1, 1])},
    "no shared identity": {V: ([4, 5], [2, 2]), R: ([10, 11], [3, 3])},
    "visible alone": {V: ([0, 1, 2, 3], [0, 0, 1, 1])},
    "infrared alone": {R: ([6, 7], [0, 0])},
    "a single crop": {V: ([0], [0])},
    "a single pair": {V: ([0], [0]), R: ([6], [0])},
    "repeats of one crop": {V: ([0, 0, 0, 0], [0, 0, 0, 0]), R: ([6, 6, 6], [0, 0, 0])},
    "without centres": {V: ([0, 1], [99, 99]), R: ([6, 7], [98, 98])},
}


class Given(Experiment):
    """An experiment whose encoder sees what it is told."""

    def __init__(self, alike: bool, **changes: str) -> None:
        table = pd.DataFrame({"path": [f"{row}.png" for row in range(12)], "modality": [V] * 6 + [R] * 6})
        crops = Crops.from_table(Path(), table, "test")
        texts = [f"{name}={value}" for name, value in {**TINY, **WEIGHTS, **changes}.items()]
        settings = make_settings([("test", parse_assignment(text)) for text in texts])
        pixels = np.zeros((12, 32, 16, 3), dtype=np.uint8)
        compute = choose_compute("cpu", "float32")
        super().__init__(settings, crops, lambda rows: pixels[rows], compute, Display(Console(quiet=True)))
        values = np.random.default_rng(0).standard_normal((12, self.encoder.width)).astype(np.float32)
        values = np.tile(values[:1], (12, 1)) if alike else values
        self._given = Features(values / np.linalg.norm(values, axis=1, keepdims=True), crops)

    def extract_features(self) -> Features:
        return self._given

    def labelled(self, identity: list[int]) -> PseudoLabels:
        number = np.array(identity, dtype=np.int64)
        role = np.where(number < 0, names.OUTLIER, names.CORE)
        labels = PseudoLabels.of_clusters(self.crops, number, role, (number >= 0).astype(np.float32))
        return labels.replace(identity=number)

    def encoded(self, plan: dict[str, tuple[list[int], list[int]]]) -> tuple[Batch, EncodedBatch, list[Tensor]]:
        rows = {name: torch.tensor(each) for name, (each, _) in plan.items()}
        identities = {name: torch.tensor(each) for name, (_, each) in plan.items()}
        leaves = {name: torch.from_numpy(self._given.values)[each].requires_grad_() for name, each in rows.items()}
        features = {name: functional.normalize(leaf, dim=1) for name, leaf in leaves.items()}
        repeats = {name: len(each) for name, each in rows.items()}
        batch = Batch(images={}, identities=identities, rows=rows, repeats=repeats)
        return batch, EncodedBatch(features, leaves, leaves, {}), list(leaves.values())


def terms_of(experiment: Given, labels: PseudoLabels, epoch: int) -> Iterator[Term]:
    for kind in ALL:
        if kind.acts(experiment, labels, epoch):
            yield kind(experiment, labels, epoch)


@pytest.mark.parametrize("alike", [False, True], ids=["", "all features alike"])
@pytest.mark.parametrize("given", LABELS)
@pytest.mark.parametrize("form", FORMS)
def test_every_loss_and_gradient_is_finite(form: str, given: str, alike: bool) -> None:
    experiment = Given(alike, **FORMS[form])
    labels = experiment.labelled(LABELS[given])
    seen = set()
    for epoch in (2, 3):
        for term in terms_of(experiment, labels, epoch):
            for name, plan in BATCHES.items():
                if isinstance(term, IdentityClassifier) and name_unknown(plan, labels):
                    continue  # its classes are the identities of the labels, and batches hold no others
                batch, encoded, leaves = experiment.encoded(plan)
                for title, (weight, loss) in term.losses(batch, encoded).items():
                    assert weight == 1
                    assert loss.isfinite(), (title, name)
                    gradient = torch.cat([found.ravel() for found in gradients_of(loss, leaves)])
                    assert gradient.isfinite().all(), (title, name)
                    assert loss.item() != 0 or gradient.abs().max() < 1e-4, (title, name)
                    seen.add(title)
                term.update(batch, encoded)
    if form == "defaults" and given == "shared and not":
        assert {"shared", "triplet", "icg", "identity", "own visible", "neighbours across", "parts visible"} <= seen


def gradients_of(loss: Tensor, leaves: list[Tensor]) -> list[Tensor]:
    if not loss.requires_grad:
        return [torch.zeros(1)]
    found = torch.autograd.grad(loss, leaves, retain_graph=True, allow_unused=True)
    return [torch.zeros(1) if gradient is None else gradient for gradient in found]


def name_unknown(plan: dict[str, tuple[list[int], list[int]]], labels: PseudoLabels) -> bool:
    return any(max(identities) >= labels.count() for _, identities in plan.values())


@pytest.mark.parametrize(
    ("title", "batches"),
    [
        ("own visible", ["without centres"]),
        ("own infrared", ["without centres"]),
        ("shared", ["without centres"]),
        ("parts visible", ["without centres"]),
        ("parts visible to infrared", ["without centres", "no shared identity"]),
        ("triplet", ["no shared identity", "visible alone", "infrared alone", "a single crop", "a single pair"]),
        ("icg", ["no shared identity", "visible alone", "infrared alone", "a single crop", "without centres"]),
    ],
)
def test_with_nothing_to_act_on_a_loss_is_exactly_0(title: str, batches: list[str]) -> None:
    experiment = Given(alike=False)
    labels = experiment.labelled(LABELS["shared and not"])
    terms = list(terms_of(experiment, labels, 2))
    for name in batches:
        batch, encoded, leaves = experiment.encoded(BATCHES[name])
        found = {}
        for term in terms:
            if not (isinstance(term, IdentityClassifier) and name_unknown(BATCHES[name], labels)):
                found |= term.losses(batch, encoded)
        loss = found[title][1]
        assert loss.item() == 0, name
        assert not any(gradient.any() for gradient in gradients_of(loss, leaves)), name


def test_a_single_identity_has_no_other_to_be_told_from() -> None:
    experiment = Given(alike=False, **FORMS["released"])
    labels = experiment.labelled(LABELS["one identity in all"])
    batch, encoded, _ = experiment.encoded(BATCHES["a single pair"])
    for kind in (MultiCentres, CrossModalTriplet):
        found = kind(experiment, labels, 2).losses(batch, encoded)
        assert all(loss.item() == 0 for _, loss in found.values())


def test_across_the_modalities_nothing_is_made_where_nothing_is_shared() -> None:
    experiment = Given(alike=False)
    for name in ("nothing shared", "one modality without"):
        labels = experiment.labelled(LABELS[name])
        assert not CrossModalTriplet.acts(experiment, labels, 2)
        assert not IdentityClues.acts(experiment, labels, 2)


def test_a_lone_crop_has_no_neighbours() -> None:
    experiment = Given(alike=False)
    rows = np.array([0, 6, 7, 8])
    lone = Given(alike=False)
    lone.crops = experiment.crops.take(rows)
    lone._given = experiment.extract_features().take(rows)
    labels = lone.labelled([0, 0, 1, 1])
    batch, encoded, _ = lone.encoded({V: ([0], [0]), R: ([1, 2], [0, 1])})
    found = next(t for t in terms_of(lone, labels, 2) if type(t).__name__ == "Neighbours").losses(batch, encoded)
    assert found["neighbours visible"][1].item() == 0
    assert found["neighbours infrared"][1].item() >= 0
