import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional

from usvireid.data.crops import Crops
from usvireid.encoders.features import Features
from usvireid.matching.labels import PseudoLabels
from usvireid.memory.identities import IdentityMemory

CPU = torch.device("cpu")


def make(visible: list[int], infrared: list[int], seed: int = 0) -> tuple[Features, PseudoLabels]:
    rows = [("visible", y) for y in visible] + [("infrared", y) for y in infrared]
    table = pd.DataFrame({"path": [f"{i}.png" for i in range(len(rows))], "modality": [m for m, _ in rows]})
    crops = Crops.from_table(".", table, "test")  # type: ignore[arg-type]
    values = np.random.default_rng(seed).standard_normal((len(rows), 5)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    identity = np.array([y for _, y in rows], dtype=np.int64)
    blank = PseudoLabels.of_clusters(
        crops,
        np.full(len(rows), -1),
        np.full(len(rows), "outlier", dtype=object),
        np.zeros(len(rows), dtype=np.float32),
    )
    return Features(values, crops), blank.replace(identity=identity)


def mean(features: Features, labels: PseudoLabels, modality: str, identity: int) -> torch.Tensor | None:
    rows = [r for r in labels.rows_of(modality) if labels.column("identity")[r] == identity]
    return functional.normalize(torch.from_numpy(features.values[rows]).mean(0), dim=0) if rows else None


@pytest.mark.parametrize("seed", range(3))
def test_centres_are_the_unit_means_by_identity(seed: int) -> None:
    features, labels = make([3, 3, 9, -1, 9], [9, 4, 4, -1], seed)
    own = IdentityMemory.of_modality(features, labels, "visible", 0.1, CPU)
    assert own.identities.tolist() == [3, 9]
    for row, identity in enumerate(own.identities.tolist()):
        expected = mean(features, labels, "visible", identity)
        assert expected is not None
        assert torch.allclose(own.centres[row], expected, atol=1e-6)


def test_both_modalities_weigh_alike_in_a_shared_centre() -> None:
    features, labels = make([3, 3, 3, 3, 9], [9, 3, 4])
    shared = IdentityMemory.shared(features, labels, labels.identities(), 0.1, CPU)
    assert shared.identities.tolist() == [3, 4, 9]
    for row, identity in enumerate(shared.identities.tolist()):
        parts = [mean(features, labels, modality, identity) for modality in ("visible", "infrared")]
        expected = functional.normalize(torch.stack([part for part in parts if part is not None]).sum(0), dim=0)
        assert torch.allclose(shared.centres[row], expected, atol=1e-6)


def test_all_crops_may_weigh_alike_in_a_shared_centre() -> None:
    features, labels = make([3, 3, 3, 3, 9], [9, 3, 4])
    shared = IdentityMemory.shared(features, labels, labels.identities(), 0.1, CPU, by_crops=True)
    assert shared.identities.tolist() == [3, 4, 9]
    for row, identity in enumerate(shared.identities.tolist()):
        own = torch.from_numpy(features.values[labels.column("identity") == identity]).mean(0)
        assert torch.allclose(shared.centres[row], functional.normalize(own, dim=0), atol=1e-6)


@pytest.mark.parametrize("by_crops", [False, True])
def test_a_shared_memory_of_some_identities_holds_the_centres_of_these(by_crops: bool) -> None:
    features, labels = make([3, 3, 9, -1, 5], [9, 4, 4, 5, -1])
    every = IdentityMemory.shared(features, labels, labels.identities(), 0.1, CPU, by_crops=by_crops)
    some = IdentityMemory.shared(features, labels, labels.shared_identities(), 0.1, CPU, by_crops=by_crops)
    assert every.identities.tolist() == [3, 4, 5, 9] and some.identities.tolist() == [5, 9]
    assert torch.equal(some.centres, every.centres[2:])
    assert some.rows(torch.tensor([3, 4, 5, 9, -1])).tolist() == [-1, -1, 0, 1, -1]


def test_identities_without_a_centre_have_row_minus_one() -> None:
    features, labels = make([3, 9], [4])
    memory = IdentityMemory.of_modality(features, labels, "visible", 0.1, CPU)
    assert memory.rows(torch.tensor([9, 3, 4, -1, 100, 0])).tolist() == [1, 0, -1, -1, -1, -1]


def test_a_modality_without_identities_is_an_empty_memory() -> None:
    features, labels = make([3], [-1])
    memory = IdentityMemory.of_modality(features, labels, "infrared", 0.1, CPU)
    assert len(memory) == 0
    assert memory.rows(torch.tensor([3, -1])).tolist() == [-1, -1]
    memory.update(torch.ones(1, 5), torch.tensor([3]), 1)


def test_updates_move_only_the_rows_of_the_batch() -> None:
    features, labels = make([3, 9, 11], [4])
    memory = IdentityMemory.of_modality(features, labels, "visible", 0.5, CPU)
    before = memory.centres.clone()
    memory.update(torch.eye(5)[:2], torch.tensor([9, 77]), 1)
    assert torch.equal(memory.centres[[0, 2]], before[[0, 2]])
    assert torch.allclose(
        memory.centres[1], functional.normalize(before[1] * 0.5 + torch.eye(5)[0] * 0.5, dim=0), atol=1e-6
    )


def test_a_checkpoint_brings_it_back() -> None:
    features, labels = make([3, 9], [4])
    memory = IdentityMemory.shared(features, labels, labels.identities(), 0.1, CPU)
    again = IdentityMemory.of_state(memory.state_dict(), 0.1, CPU)
    assert torch.equal(again.centres, memory.centres)
    assert again.rows(torch.tensor([9, 4])).tolist() == memory.rows(torch.tensor([9, 4])).tolist()
