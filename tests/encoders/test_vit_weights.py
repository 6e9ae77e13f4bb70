from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.encoders.plain_vit import as_torchvision, plain_features, plain_vit
from usvireid.config import VitSettings
from usvireid.encoders.pixels import ImageNetScale
from usvireid.encoders.vit import TwoHeadViT
from usvireid.errors import DataError

FORM = VitSettings(depth=3, width=24, heads=3, shallow=1)


def source(positions: int = 9, **changes: int) -> dict[str, Tensor]:
    return plain_vit(**{"depth": 3, "width": 24, "positions": positions, **changes})


def written(tmp_path: Path, weights: dict[str, Tensor], name: str = "vit.pth") -> Path:
    path = tmp_path / name
    save_file(weights, path) if path.suffix == ".safetensors" else torch.save(weights, path)
    return path


def images(size: tuple[int, int]) -> Tensor:
    return torch.randint(0, 256, (3, 3, *size), generator=torch.Generator().manual_seed(1)).float()


@pytest.mark.parametrize("style", ["timm", "torchvision", "older torchvision"])
@pytest.mark.parametrize("prefix", ["", "module.backbone."])
@pytest.mark.parametrize("size", [(48, 48), (96, 48)])
def test_features_equal_a_plain_forward_on_the_same_weights(
    tmp_path: Path, style: str, prefix: str, size: tuple[int, int]
) -> None:
    weights = source()
    named = weights if style == "timm" else as_torchvision(weights, older=style.startswith("older"))
    encoder = TwoHeadViT(FORM, size=size, seed=3).eval()
    taken = encoder.load_weights(written(tmp_path, {prefix + key: value for key, value in named.items()}))
    assert taken == len(weights) - 2
    crops = images(size)
    expected = plain_features(weights, ImageNetScale()(crops), heads=3, grid=(size[0] // 16, size[1] // 16))
    with torch.inference_mode():
        for modality in ("visible", "infrared"):
            assert torch.allclose(encoder({modality: crops}).pooled, expected, atol=1e-5)


def test_published_are_the_parameters_that_a_file_fills(tmp_path: Path) -> None:
    encoder = TwoHeadViT(FORM, size=(48, 48), seed=3)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.fill_(7.0)
    encoder.load_weights(written(tmp_path, source(), "vit.safetensors"))
    filled = {name for name, parameter in encoder.named_parameters() if not (parameter == 7.0).all()}
    published = {id(parameter) for parameter in encoder.published()}
    assert filled == {name for name, parameter in encoder.named_parameters() if id(parameter) in published}
    assert {name.partition(".")[0] for name in filled} == {"stems", "trunk"}


@pytest.mark.parametrize(
    ("positions", "grid"), [(36, (6, 6)), (32, (8, 4)), (18, (6, 3)), (15, (5, 3)), (9, (3, 3)), (1, (1, 1))]
)
def test_the_table_of_positions_is_resized_from_its_own_grid(
    tmp_path: Path, positions: int, grid: tuple[int, int]
) -> None:
    weights = source(positions)
    ramp = torch.arange(grid[0]).float()[:, None].expand(grid).reshape(-1, 1).expand(-1, 24)
    weights["pos_embed"][0, 1:] = ramp
    encoder = TwoHeadViT(FORM, size=(80, 48))
    encoder.load_weights(written(tmp_path, weights))
    table = encoder.trunk.position[0]
    assert encoder.trunk.grid == (5, 3)
    assert torch.equal(table[0], weights["pos_embed"][0, 0])
    maps = table[1:].reshape(5, 3, 24)
    assert torch.allclose(maps, maps[:, :1, :1].expand_as(maps), atol=1e-5), "a ramp from top to bottom stays one"
    steps = maps[1:, 0, 0] - maps[:-1, 0, 0]
    assert (steps > 0).all() if grid[0] > 1 else (steps == 0).all()
    if grid == (5, 3):
        assert torch.equal(table, weights["pos_embed"][0])


def test_half_precision_files_are_read_as_float32(tmp_path: Path) -> None:
    weights = {key: value.half() for key, value in source(16).items()}
    encoder = TwoHeadViT(FORM, size=(48, 32))
    encoder.load_weights(written(tmp_path, weights))
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}


def changed(without: str = "", **more: Tensor) -> dict[str, Tensor]:
    return {key: value for key, value in source().items() if key != without or not without} | more


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (changed("blocks.1.attn.qkv.bias"), r"has no tensor 'blocks\.1\.attn\.qkv\.bias'"),
        (changed("pos_embed"), r"has no tensor 'pos_embed'"),
        (changed("norm.bias"), r"has no tensor 'norm\.bias'"),
        (changed("patch_embed.proj.weight"), r"no ViT in this file \(no tensor 'patch_embed\.proj\.weight' or"),
        (source(width=48), r"'patch_embed\.proj\.weight' is 48 x 3 x 16 x 16, the encoder needs 24 x 3 x 16 x 16; set"),
        (
            source(patch=8),
            r"'patch_embed\.proj\.weight' is 24 x 3 x 8 x 8, the encoder needs 24 x 3 x 16 x 16; set enc",
        ),
        (
            source(depth=4),
            r"has a tensor 'blocks\.3\.norm1\.weight' that the encoder has no place for; set encoder\.vit",
        ),
        (source(depth=2), r"has no tensor 'blocks\.2\.norm1\.weight'"),
        (source(positions=11), r"'pos_embed' has 11 positions .* neither a square nor 3 x 3 nor twice as high as wide"),
        (source(positions=0), r"'pos_embed' has 0 positions"),
        (changed(pos_embed=torch.zeros(10, 24)), r"'pos_embed' is 10 x 24, the encoder needs 1 x 10 x 24"),
        (changed(dist_token=torch.zeros(1, 1, 24)), r"has a tensor 'dist_token' that the encoder has no place for"),
        (changed(**{"blocks.0.ls1.gamma": torch.zeros(24)}), r"has a tensor 'blocks\.0\.ls1\.gamma'"),
        (
            as_torchvision(changed("blocks.1.mlp.fc2.bias")),
            r"no tensor 'encoder\.layers\.encoder_layer_1\.mlp\.3\.bias'",
        ),
        ({"layer1.0.conv1.weight": torch.zeros(1)}, "no ViT in this file"),
    ],
)
def test_another_network_is_one_line(tmp_path: Path, weights: dict[str, Tensor], message: str) -> None:
    encoder = TwoHeadViT(FORM, size=(48, 48))
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    with pytest.raises(DataError, match=message) as refused:
        encoder.load_weights(written(tmp_path, weights))
    assert "\n" not in str(refused.value)
    assert str(tmp_path / "vit.pth") in str(refused.value)
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())
