from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional

from usvireid import names
from usvireid.clustering.parts import parts_of
from usvireid.config import ClusteringSettings, MemorySettings, PartsSettings
from usvireid.data.crops import Crops
from usvireid.encoders.features import Features
from usvireid.matching.labels import PseudoLabels
from usvireid.terms.parts import part_memory, part_numbers


def labels_of(identity: list[int], cluster: list[int], sub_cluster: list[int]) -> tuple[Features, PseudoLabels]:
    count = len(identity)
    table = pd.DataFrame({"path": [f"{n}.png" for n in range(count)], "modality": "visible"})
    table.loc[count // 2 :, "modality"] = "infrared"
    crops = Crops.from_table(Path(), table, "test")
    values = functional.normalize(torch.randn(count, 4, generator=torch.Generator().manual_seed(0)), dim=1).numpy()
    labels = PseudoLabels.of_clusters(crops, np.array(cluster), np.full(count, names.CORE), np.ones(count))
    columns = {names.IDENTITY: np.array(identity), names.SUB_CLUSTER: np.array(sub_cluster)}
    return Features(values, crops), labels.replace(**columns)


def test_parts_are_counted_within_an_identity_over_all_its_clusters() -> None:
    identity = np.array([5, 5, 5, 2, 2, 5, 2])
    cluster = np.array([0, 0, 1, 3, 3, 0, 3])
    sub_cluster = np.array([0, 1, 0, -1, -1, 1, -1])
    assert part_numbers(identity, cluster, sub_cluster).tolist() == [0, 1, 2, 0, 0, 1, 0]
    assert part_numbers(*(np.zeros(0, dtype=np.int64),) * 3).tolist() == []


def test_the_centres_are_the_unit_means_of_the_parts() -> None:
    features, labels = labels_of([7, 7, 7, 3, -1, 7, 3, 3], [0, 0, 1, 2, -1, 0, 1, 1], [0, 1, 0, 0, -1, 0, 0, 0])
    bank = part_memory(features, labels, "visible", MemorySettings(), torch.device("cpu"))
    assert bank.rows(torch.tensor([7, 3, 5, -1])).tolist() == [1, 0, -1, -1]
    assert bank.memory.valid.tolist() == [[True, False, False], [True, True, True]]
    found = bank.memory.centres[1].numpy()
    assert sorted(map(tuple, found.round(5))) == sorted(map(tuple, features.values[[0, 1, 2]].round(5)))
    infrared = part_memory(
        features, labels, "infrared", MemorySettings(centres="released", shrink=0.9), torch.device("cpu")
    )
    assert infrared.memory.momentum is None
    assert infrared.memory.valid.tolist() == [[True, True], [True, True]]


def test_no_identity_in_a_modality() -> None:
    features, labels = labels_of([1, 1, -1, -1], [0, 0, -1, -1], [0, 0, -1, -1])
    bank = part_memory(features, labels, "infrared", MemorySettings(), torch.device("cpu"))
    assert bank.rows(torch.tensor([1, 4])).tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("rule", "parts"), [("none", {0: set(), 1: set()}), ("fixed", {0: {0, 1}, 1: {0}}), ("size", {0: {0, 1}, 1: {0}})]
)
def test_the_rule_decides_what_is_divided(rule: str, parts: dict[int, set[int]]) -> None:
    generator = np.random.default_rng(0)
    label = np.array([0] * 6 + [1] * 2 + [-1])
    values = generator.standard_normal((9, 5)).astype(np.float32)
    values[:3] += 10
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    settings = PartsSettings(rule=rule, count=2, crops=3)  # type: ignore[arg-type]
    found = parts_of(values, label, None, ClusteringSettings(parts=settings), seed=0)
    assert found[8] == -1
    for cluster, expected in parts.items():
        assert set(found[label == cluster]) - {-1} == expected


def test_nothing_to_divide() -> None:
    for label in (np.zeros(0, dtype=np.int64), np.full(3, -1)):
        settings = ClusteringSettings(parts=PartsSettings(rule="fixed"))
        found = parts_of(np.zeros((len(label), 2), dtype=np.float32), label, None, settings, seed=0)
        assert found.tolist() == [-1] * len(label)
