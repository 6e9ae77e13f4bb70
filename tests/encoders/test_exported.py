import json
from pathlib import Path

import pytest
import torch

from usvireid.config import Settings
from usvireid.encoders.exported import read_exported, start_from, write_exported
from usvireid.encoders.interface import Encoder
from usvireid.encoders.make import make_encoder
from usvireid.errors import DataError

ICRE = {"mpfr": {"use": True}, "sdce": {"use": True}}


def settings_of(seed: int = 0, height: int = 32, **changes: object) -> Settings:
    encoder = {"name": "resnet18", "width": 8, **changes}
    return Settings.model_validate({"seed": seed, "data": {"height": height, "width": 16}, "encoder": encoder})


def features(encoder: Encoder) -> torch.Tensor:
    images = torch.randint(0, 256, (3, 3, 32, 16), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    with torch.inference_mode():
        return torch.cat([encoder.eval()({name: images}).features for name in ("visible", "infrared")])


def exported(path: Path, settings: Settings) -> Encoder:
    encoder = make_encoder(settings)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in encoder.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.3)
        encoder.get_parameter("stems.infrared.conv1.weight").mul_(2)
    write_exported(path, encoder, settings, 7)
    return encoder


@pytest.mark.parametrize("parts", [{}, ICRE])
def test_an_encoder_comes_back_as_it_was(tmp_path: Path, parts: dict) -> None:
    path = tmp_path / "a.safetensors"
    encoder = exported(path, settings_of(**parts))
    again, facts = read_exported(path)
    assert torch.equal(features(again), features(encoder))
    assert not again.training
    assert (facts["epoch"], facts["height"], facts["width"], facts["channels"]) == ("7", "32", "16", "RGB")
    assert json.loads(facts["mean"]) == pytest.approx([123.675, 116.28, 103.53])
    other = make_encoder(settings_of(seed=3, **parts))
    assert start_from(other, path) == len(encoder.state_dict())
    assert torch.equal(features(other), features(encoder))


def test_parts_that_the_file_has_not_stay_as_they_begin(tmp_path: Path) -> None:
    path = tmp_path / "plain.safetensors"
    plain = exported(path, settings_of())
    richer = make_encoder(settings_of(**ICRE))
    start_from(richer, path)
    # MPFR and SDCE begin as nothing, so the features are those of the plain encoder.
    assert torch.allclose(features(richer), features(plain), atol=1e-6)


def test_the_file_names_no_place_of_the_machine(tmp_path: Path) -> None:
    settings = settings_of(weights=tmp_path / "secret" / "w.pth")
    path = tmp_path / "a.safetensors"
    exported(path, settings)
    assert b"secret" not in path.read_bytes()


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    encoder = make_encoder(settings_of())
    torch.nn.init.constant_(next(encoder.parameters()), float("nan"))
    write_exported(path, encoder, settings_of(), 1)
    with pytest.raises(DataError, match=r"a\.safetensors: tensor '.*' has numbers that are not finite"):
        start_from(make_encoder(settings_of()), path)


def test_another_network_or_file_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    exported(path, settings_of(**ICRE))
    with pytest.raises(DataError, match=r"a\.safetensors: tensor 'enhance.* the encoder has none"):
        start_from(make_encoder(settings_of()), path)
    with pytest.raises(DataError, match=r"tensor 'enhance\.bring\.position' has the shape \(2, 16\).*\(4, 16\)"):
        start_from(make_encoder(settings_of(height=64, **ICRE)), path)
    (tmp_path / "b.safetensors").write_bytes(b"no")
    with pytest.raises(DataError, match="not a file that"):
        read_exported(tmp_path / "b.safetensors")
    with pytest.raises(DataError, match="not a PyTorch or safetensors weights file"):
        start_from(make_encoder(settings_of()), tmp_path / "b.safetensors")
