"""The gradient descriptor beside a network, against the sum written out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from usvireid import names
from usvireid.config import DataSettings, EncoderSettings, Settings
from usvireid.data.crops import Crops
from usvireid.devices import Compute
from usvireid.encoders.beside import BesideGradients
from usvireid.encoders.exported import read_exported, start_from, write_exported
from usvireid.encoders.extract import extract
from usvireid.encoders.features import Features
from usvireid.encoders.gradients import DESCRIPTOR, gradient_features, gradient_histograms
from usvireid.encoders.make import make_encoder
from usvireid.names import INFRARED, MODALITIES, VISIBLE

SIZE = 32, 16


def settings(share: float) -> Settings:
    return Settings(
        data=DataSettings(height=SIZE[0], width=SIZE[1]),
        encoder=EncoderSettings(name="resnet18", width=8, gradients=share),
    )


def pictures(count: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (count, 3, *SIZE), dtype=np.uint8))


def crops(modalities: str) -> tuple[Crops, np.ndarray]:
    names_of = {"v": VISIBLE, "r": INFRARED}
    rows = [{"path": f"{i}.png", "modality": names_of[letter]} for i, letter in enumerate(modalities)]
    table = pd.DataFrame(rows, columns=list(names.CROP_COLUMNS))
    return Crops(Path(), table), pictures(len(modalities)).permute(0, 2, 3, 1).contiguous().numpy()


def described(modalities: str) -> Features:
    some, images = crops(modalities)
    return gradient_features(some, lambda rows: images[rows], torch.device("cpu"), progress=lambda done: None)


def test_a_share_of_nothing_is_the_network_alone() -> None:
    assert not isinstance(make_encoder(settings(0)), BesideGradients)


def test_the_cosine_is_the_weighted_mean_of_both_cosines() -> None:
    encoder = make_encoder(settings(0.3)).eval()
    assert isinstance(encoder, BesideGradients)
    descriptors = described("vvvrr")
    encoder.centre(descriptors)
    images = pictures(5).float()
    batch = {VISIBLE: images[:3], INFRARED: images[3:]}
    with torch.no_grad():
        found, network = encoder(batch), encoder.trained_part()(batch)
    own = descriptors.values.copy()
    for rows in ([0, 1, 2], [3, 4]):
        own[rows] -= own[rows].mean(0)
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    expected = 0.7 * (network.features @ network.features.T).numpy() + 0.3 * own @ own.T
    assert np.allclose((found.features @ found.features.T).numpy(), expected, atol=1e-5)
    assert found.features.shape == (5, encoder.width) == (5, encoder.trained_part().width + DESCRIPTOR)
    assert torch.equal(found.necked, network.necked)


def test_training_sees_the_network_alone() -> None:
    encoder = make_encoder(settings(0.5)).train()
    batch = {VISIBLE: pictures(4)}
    assert encoder(batch).features.shape == (4, encoder.trained_part().width)


def test_share_one_is_the_descriptor_alone() -> None:
    encoder = make_encoder(settings(1)).eval()
    images = pictures(3)
    with torch.no_grad():
        features = encoder({INFRARED: images}).features[:, encoder.trained_part().width :]
    assert torch.allclose(features, gradient_histograms(images.permute(0, 2, 3, 1)), atol=1e-6)


def test_a_modality_without_crops_keeps_a_mean_of_zero() -> None:
    encoder = BesideGradients(make_encoder(settings(0)), 0.5)
    encoder.centre(described("vv"))
    assert encoder.means[MODALITIES.index(INFRARED)].abs().sum() == 0
    assert encoder.means[MODALITIES.index(VISIBLE)].abs().sum() > 0


def test_extraction_gives_both_in_any_precision() -> None:
    encoder = make_encoder(settings(0.5)).eval()
    some, images = crops("vrv")
    found = extract(encoder, some, lambda rows: images[rows], Compute(torch.device("cpu"), torch.bfloat16))
    assert found.values.shape == (3, encoder.width)
    assert np.allclose(np.linalg.norm(found.values, axis=1), 1, atol=1e-5)


def test_the_means_travel_with_the_exported_encoder(tmp_path: Path) -> None:
    encoder = make_encoder(settings(0.5))
    assert isinstance(encoder, BesideGradients)
    encoder.centre(described("vvrr"))
    write_exported(tmp_path / "encoder.safetensors", encoder, settings(0.5), 3)
    again, facts = read_exported(tmp_path / "encoder.safetensors")
    assert int(facts["features"]) == encoder.width
    batch = {VISIBLE: pictures(2)}
    with torch.no_grad():
        assert torch.equal(again(batch).features, encoder.eval()(batch).features)


def test_an_exported_encoder_starts_one_with_a_descriptor_and_one_without(tmp_path: Path) -> None:
    for there, here in ((0.0, 0.5), (0.5, 0.0), (0.5, 0.5)):
        made = make_encoder(settings(there).model_copy(update={"seed": 1}))
        write_exported(tmp_path / "encoder.safetensors", made, settings(there), 1)
        encoder = make_encoder(settings(here))
        start_from(encoder, tmp_path / "encoder.safetensors")
        expected, found = made.trained_part().state_dict(), encoder.trained_part().state_dict()
        assert all(torch.equal(found[key], value) for key, value in expected.items())
