import numpy as np
import pytest
import torch
from torch.nn import functional

from usvireid.config import Settings
from usvireid.encoders.dual_stream import DualStreamEncoder
from usvireid.encoders.interface import Encoded, Encoder
from usvireid.encoders.make import make_encoder
from usvireid.encoders.neck import Neck
from usvireid.encoders.saliency import grid_of_tokens, saliency
from usvireid.errors import UsvireidError


def random_input(count: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    references = random.normal(size=(count, width)).astype(np.float32)
    references /= np.linalg.norm(references, axis=1, keepdims=True)
    return random.integers(0, 256, (count, 64, 32, 3), dtype=np.uint8), references


def test_a_map_says_how_the_similarity_grows_with_each_place() -> None:
    encoder = make_encoder(Settings.model_validate({"encoder": {"name": "resnet18", "width": 8}})).eval()
    assert isinstance(encoder, DualStreamEncoder)
    images, references = random_input(10, 64)
    found = saliency(encoder, "infrared", images, references)
    with torch.no_grad():
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
        maps = encoder.trunk(encoder.stems["infrared"](encoder.scale(pixels)))[-1].double()

        def similarity(changed: torch.Tensor) -> torch.Tensor:
            positive = changed.clamp(min=encoder.pool.eps)
            pooled = positive.pow(encoder.pool.p).mean((2, 3)).pow(1 / encoder.pool.p)
            neck = encoder.neck.state_dict()
            mean, var, weight = (neck[name].double() for name in ("running_mean", "running_var", "weight"))
            necked = functional.batch_norm(pooled, mean, var, weight)
            return (functional.normalize(necked) * torch.from_numpy(references)).sum(1)

        assert found.similarity == pytest.approx(similarity(maps).numpy(), abs=1e-5)
        step = 1e-5
        for i in range(maps.shape[2]):
            for j in range(maps.shape[3]):
                more, less = maps.clone(), maps.clone()
                more[:, :, i, j] *= 1 + step
                less[:, :, i, j] *= 1 - step
                growth = ((similarity(more) - similarity(less)) / (2 * step)).clamp(min=0)
                assert found.maps[:, i, j] == pytest.approx(growth.numpy(), abs=1e-5)
    assert found.masks is None


def test_masks_are_handed_on_and_a_crop_without_reference_has_no_similarity() -> None:
    encoder = make_encoder(
        Settings.model_validate(
            {
                "data": {"height": 64, "width": 32},
                "encoder": {"name": "resnet18", "width": 16, "mpfr": {"use": True}, "sdce": {"use": True}},
            }
        )
    ).train()
    images, references = random_input(3, 128)
    references[1] = 0
    found = saliency(encoder, "visible", images, references)
    assert found.maps.shape == (3, 4, 2)
    assert (found.maps >= 0).all()
    assert found.maps[1].max() > 0
    assert found.masks is not None
    assert found.masks.shape == (3, 3, 4, 2)
    assert np.isnan(found.similarity).tolist() == [False, True, False]
    assert encoder.training
    assert all(p.grad is None for p in encoder.parameters())
    assert not encoder.pool._forward_pre_hooks


class Tokens(Encoder):
    """A class token, made of all patches, behind a grid of 4 x 2 tokens."""

    def __init__(self, tells: bool) -> None:
        super().__init__()
        self.width = 3
        self.tells = tells
        self.mix = torch.nn.Linear(3, 3)
        self.neck = Neck(3)

    def forward(self, images: dict[str, torch.Tensor]) -> Encoded:
        (crops,) = images.values()
        tokens = functional.adaptive_avg_pool2d(crops.float(), (4, 2)).flatten(2).transpose(1, 2)
        tokens = torch.cat([torch.zeros_like(tokens[:, :1]), tokens], dim=1)
        encoded: Encoded = self.neck(self.mix(tokens).mean(1))
        return encoded

    def reads_last_map(self) -> torch.nn.Module | None:
        return self.mix if self.tells else None


def test_tokens_become_a_grid_and_without_a_map_one_line_says_so() -> None:
    images, references = random_input(2, 3)
    images[:, :48] = 0
    found = saliency(Tokens(tells=True), "visible", images, references)
    assert found.maps.shape == (2, 4, 2)
    assert not found.maps[:, :3].any()
    with pytest.raises(UsvireidError, match="Tokens says of no map"):
        saliency(Tokens(tells=False), "visible", images, references)


@pytest.mark.parametrize(
    ("tokens", "height", "width", "grid"),
    [
        (163, 288, 144, (18, 9)),
        (162, 288, 144, (18, 9)),
        (33, 128, 64, (8, 4)),
        (9, 64, 32, (4, 2)),
        (197, 224, 224, (14, 14)),
    ],
)
def test_the_grid_of_tokens(tokens: int, height: int, width: int, grid: tuple[int, int]) -> None:
    assert grid_of_tokens(tokens, height, width) == grid


def test_tokens_that_make_no_grid() -> None:
    with pytest.raises(UsvireidError, match="3 tokens make no grid"):
        grid_of_tokens(3, 10, 1000)
