"""The plain encoder against a ResNet-50 written down straight from its weights, torchvision's key names and all."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from usvireid.config import MpfrSettings, SdceSettings
from usvireid.encoders.dual_stream import DualStreamEncoder

BLOCKS = (3, 4, 6, 3)


def published(seed: int = 0) -> dict[str, Tensor]:
    """Random weights under torchvision's names, with statistics that are not those of a new network."""
    generator = torch.Generator().manual_seed(seed)
    weights: dict[str, Tensor] = {}

    def convolution(name: str, outputs: int, inputs: int, size: int) -> None:
        spread = (2 / (inputs * size * size)) ** 0.5
        weights[name] = spread * torch.randn(outputs, inputs, size, size, generator=generator)

    def norm(name: str, width: int) -> None:
        # What is added to a shortcut is small, as in trained networks: else sixteen additions would grow without end.
        weights[f"{name}.weight"] = (0.2 if "bn3" in name else 1.0) * (0.5 + torch.rand(width, generator=generator))
        weights[f"{name}.bias"] = 0.1 * torch.randn(width, generator=generator)
        weights[f"{name}.running_mean"] = 0.1 * torch.randn(width, generator=generator)
        weights[f"{name}.running_var"] = 0.5 + torch.rand(width, generator=generator)
        weights[f"{name}.num_batches_tracked"] = torch.tensor(7)

    convolution("conv1.weight", 64, 3, 7)
    norm("bn1", 64)
    inputs = 64
    for layer, blocks in enumerate(BLOCKS, start=1):
        inner = 32 * 2**layer
        for block in range(blocks):
            name = f"layer{layer}.{block}"
            convolution(f"{name}.conv1.weight", inner, inputs, 1)
            convolution(f"{name}.conv2.weight", inner, inner, 3)
            convolution(f"{name}.conv3.weight", 4 * inner, inner, 1)
            for place, width in ((1, inner), (2, inner), (3, 4 * inner)):
                norm(f"{name}.bn{place}", width)
            if block == 0:
                convolution(f"{name}.downsample.0.weight", 4 * inner, inputs, 1)
                norm(f"{name}.downsample.1", 4 * inner)
            inputs = 4 * inner
    weights["fc.weight"], weights["fc.bias"] = torch.zeros(1000, 2048), torch.zeros(1000)
    return weights


def straightforward(weights: dict[str, Tensor], images: Tensor) -> Tensor:
    """ResNet-50 with a last stride of 1 up to generalised-mean pooling (p = 3), B x 2048."""

    def norm(name: str, maps: Tensor) -> Tensor:
        mean, var = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
        return functional.batch_norm(maps, mean, var, weights[f"{name}.weight"], weights[f"{name}.bias"])

    shift = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    scale = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    maps = functional.conv2d((images / 255 - shift) / scale, weights["conv1.weight"], stride=2, padding=3)
    maps = functional.max_pool2d(norm("bn1", maps).relu(), 3, 2, 1)
    for layer, blocks in enumerate(BLOCKS, start=1):
        for block in range(blocks):
            name = f"layer{layer}.{block}"
            stride = 2 if block == 0 and layer in (2, 3) else 1
            inner = norm(f"{name}.bn1", functional.conv2d(maps, weights[f"{name}.conv1.weight"])).relu()
            inner = functional.conv2d(inner, weights[f"{name}.conv2.weight"], stride=stride, padding=1)
            inner = norm(f"{name}.bn2", inner).relu()
            inner = norm(f"{name}.bn3", functional.conv2d(inner, weights[f"{name}.conv3.weight"]))
            if block == 0:
                maps = functional.conv2d(maps, weights[f"{name}.downsample.0.weight"], stride=stride)
                maps = norm(f"{name}.downsample.1", maps)
            maps = (inner + maps).relu()
    return maps.clamp(min=1e-6).pow(3).mean(dim=(2, 3)).pow(1 / 3)


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    return published()


@pytest.mark.parametrize("modality", ["visible", "infrared"])
def test_the_plain_encoder_is_a_resnet50(weights: dict[str, Tensor], tmp_path: Path, modality: str) -> None:
    torch.save(weights, tmp_path / "resnet50.pth")
    encoder = DualStreamEncoder("resnet50").eval()
    encoder.load_weights(tmp_path / "resnet50.pth")
    images = torch.randint(0, 256, (2, 3, 96, 48), generator=torch.Generator().manual_seed(1)).float()
    with torch.no_grad():
        found = encoder({modality: images})
        expected = straightforward(weights, images)
    torch.testing.assert_close(found.pooled, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.features, functional.normalize(expected), atol=1e-4, rtol=1e-4)


def test_only_the_new_parts_are_not_in_the_file(weights: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save(weights, tmp_path / "resnet50.pth")
    encoder = DualStreamEncoder("resnet50", mpfr=MpfrSettings(use=True), sdce=SdceSettings(use=True))
    for parameter in encoder.parameters():
        torch.nn.init.constant_(parameter, torch.nan)
    taken = encoder.load_weights(tmp_path / "resnet50.pth")
    untouched = {name.split(".")[0] for name, value in encoder.named_parameters() if value.isnan().any()}
    assert untouched == {"enhance", "neck"}
    assert taken == sum(not name.endswith("num_batches_tracked") and not name.startswith("fc.") for name in weights)
