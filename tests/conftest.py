"""A tiny two-modality data set, made by code, and the settings that train on it in seconds."""

import os
from pathlib import Path

# Before NumPy and PyTorch are imported: several test processes side by side would wait for each other's threads, and
# with two threads PyTorch 2.13 corrupts its memory in convolutions as narrow as those of the tests (1 x 1, stride 2,
# 8 channels, batches of 3, 5 or 7).
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import pytest
from PIL import Image

TINY = {
    "encoder.name": "resnet18",
    "encoder.width": "8",
    "data.height": "32",
    "data.width": "16",
    "neighbors.k1": "6",
    "neighbors.k2": "2",
    "clustering.eps": "0.6",
    "clustering.min_samples": "2",
    "sampling.identities": "3",
    "sampling.instances": "2",
    "training.epochs": "3",
    "training.intra_epochs": "1",
    "training.steps": "2",
    "device": "cpu",
    "precision": "float32",
}


def tiny_options(**changes: str) -> list[str]:
    """`--set` options of the tiny run."""
    return [part for key, value in {**TINY, **changes}.items() for part in ("--set", f"{key}={value}")]


def draw_person(identity: int, shot: int, infrared: bool) -> Image.Image:
    """A striped figure: the stripes are the person's, the shades the modality's and the shot's."""
    random = np.random.default_rng([identity, shot, infrared])
    shades = np.random.default_rng([identity, infrared]).integers(0, 256, (8, 3))
    pixels = np.repeat(np.repeat(shades[:, None], 4, axis=0), 16, axis=1).astype(np.float64)
    if infrared:
        pixels = pixels.mean(2, keepdims=True).repeat(3, axis=2)
    noise = random.normal(0, 12, (*pixels.shape[:2], 1 if infrared else 3))
    noisy = np.clip(pixels + noise, 0, 255)
    return Image.fromarray(noisy.astype(np.uint8))


def write_people(root: Path, people: int = 6, shots: int = 4) -> pd.DataFrame:
    """Two folders of crops, and the truth about them as a table."""
    rows = []
    for modality in ("visible", "infrared"):
        (root / modality).mkdir(parents=True, exist_ok=True)
        for identity in range(people):
            for shot in range(shots):
                path = f"{modality}/{identity:02d}_{shot}.png"
                draw_person(identity, shot, modality == "infrared").save(root / path)
                camera = f"{modality[0]}{shot % 2}"
                rows.append({"path": path, "modality": modality, "camera": camera, "frame": shot, "identity": identity})
    return pd.DataFrame(rows)


def write_finished_run(folder: Path, data: Path, identity: list[int] | None = None, **changes: str) -> Path:
    """A run folder as it stands after epoch 2, without any training: random weights, and labels as given.

    Args:
        folder: where to make it.
        data: the crops.
        identity: pseudo-identity of every crop in the order of the data; None: no labels file.
        changes: of the tiny settings.
    """
    import torch

    from usvireid.data.open import open_crops
    from usvireid.encoders.make import make_encoder
    from usvireid.matching.labels import PseudoLabels
    from usvireid.run import begin
    from usvireid.training.checkpoint import Checkpoint

    run = begin(data, None, folder, {}, [f"{key}={value}" for key, value in {**TINY, **changes}.items()])
    with run.claimed():
        encoder = make_encoder(run.settings)
        generator = torch.Generator().manual_seed(5)
        tensors = {
            # Normalisations that begin at zero would hide what comes before them.
            f"encoder.{key}": value + torch.rand(value.shape, generator=generator) if value.ndim == 1 else value
            for key, value in encoder.state_dict().items()
        }
        Checkpoint(epoch=2, tensors=tensors, facts={}).write(run.checkpoints)
        if identity is not None:
            crops = open_crops(data)
            table = crops.table[["path", "modality"]].assign(identity=identity)
            path = run.labels_file(2)
            path.parent.mkdir()
            table.to_csv(path, index=False)
            PseudoLabels.read(path, crops)
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes to the user's cache."""
    monkeypatch.setenv("USVIREID_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Two folders and nothing else."""
    write_people(tmp_path / "people")
    return tmp_path / "people"


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """The same crops with a manifest that knows the identities."""
    table = write_people(tmp_path / "known")
    table.to_csv(tmp_path / "known" / "crops.csv", index=False)
    return tmp_path / "known"
