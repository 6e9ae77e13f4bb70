"""Small tables of crops, labels and features for the tests of quality measures."""

from pathlib import Path

import numpy as np
import pandas as pd

from usvireid.data.crops import Crops
from usvireid.encoders.features import Features
from usvireid.matching.labels import PseudoLabels

V, R = "visible", "infrared"


def made_crops(modalities: list[str], **columns: list[object]) -> Crops:
    """Crops of these modalities, with further columns where they are given."""
    table = pd.DataFrame({"path": [f"{i:03d}.png" for i in range(len(modalities))], "modality": modalities, **columns})
    return Crops.from_table(Path(), table.astype({"path": "string", "modality": "string"}), "a test")


def made_labels(
    modalities: list[str],
    cluster: list[int],
    identity: list[int] | None = None,
    confidence: list[float] | None = None,
) -> PseudoLabels:
    """Labels with these clusters; identities are the clusters where none are given."""
    labelled = np.array(cluster, dtype=np.int64)
    role = np.where(labelled < 0, "outlier", "core")
    share = np.array(confidence if confidence is not None else (labelled >= 0) * 0.5, dtype=np.float32)
    labels = PseudoLabels.of_clusters(made_crops(modalities), labelled, role, share)
    return labels if identity is None else labels.replace(identity=np.array(identity, dtype=np.int64))


def unit(values: np.ndarray) -> np.ndarray:
    """Rows of length 1 in float32."""
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True), dtype=np.float32)


def random_case(seed: int, size: int = 60, width: int = 6, people: int = 5) -> tuple[Crops, PseudoLabels, Features]:
    """Crops of random people, labels that are mostly right, and features to go with them."""
    random = np.random.default_rng(seed)
    modalities = random.choice([V, R], size).tolist()
    who = random.integers(0, people, size)
    cluster = np.where(random.random(size) < 0.1, -1, np.where(random.random(size) < 0.1, (who + 1) % people, who))
    identity = np.where(random.random(size) < 0.05, random.integers(0, people, size), cluster)
    values = random.normal(size=(people, width))[who] + 0.3 * random.normal(size=(size, width))
    if size:
        values[-1] = values[0]
    crops = made_crops(
        modalities,
        camera=[f"{m[0]}{n}" for m, n in zip(modalities, random.integers(0, 3, size), strict=True)],
        track=[f"t{n}" for n in random.integers(0, 12, size)],
    )
    labels = made_labels(modalities, cluster.tolist(), identity.tolist(), random.random(size).tolist())
    return crops, labels, Features(unit(values) if size else np.zeros((0, width), np.float32), crops)
