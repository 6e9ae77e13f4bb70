import pytest
import torch
from torch import nn

from usvireid.config import Settings
from usvireid.devices import choose_compute
from usvireid.encoders import speed as speed_of_encoders
from usvireid.encoders.interface import Encoded, Encoder
from usvireid.encoders.make import make_encoder
from usvireid.encoders.neck import Neck
from usvireid.encoders.speed import measure_speed
from usvireid.encoders.summary import REST, Cost, summarise
from usvireid.names import MODALITIES

ICRE = {"mpfr": {"use": True}, "sdce": {"use": True}}


def encoder_of(**changes: object) -> Encoder:
    return make_encoder(Settings.model_validate({"encoder": {"name": "resnet18", "width": 16, **changes}}))


def convolutions(encoder: Encoder, images: torch.Tensor) -> int:
    """Multiply-adds of all convolutions, one by one: every output number costs kernel x inputs."""
    total = 0

    def count(module: nn.Conv2d, _: object, output: torch.Tensor) -> None:
        nonlocal total
        total += output.numel() * module.in_channels * module.kernel_size[0] * module.kernel_size[1]

    hooks = [part.register_forward_hook(count) for part in encoder.modules() if isinstance(part, nn.Conv2d)]
    with torch.inference_mode():
        encoder.eval()({"visible": images})
    for hook in hooks:
        hook.remove()
    return total


def test_the_parts_of_a_plain_encoder_add_up() -> None:
    encoder = encoder_of()
    found = summarise(encoder, "resnet18", 64, 32)
    stems = [f"stem {modality}" for modality in MODALITIES]
    assert list(found.parts) == [*stems, "layer1", "layer2", "layer3", "layer4", "pool and neck", REST]
    total = found.total["visible"]
    assert total == found.total["infrared"]
    assert total.parameters == sum(p.numel() for p in encoder.parameters())
    assert total.parameters == sum(cost.parameters for cost in found.parts.values())
    once = [cost for name, cost in found.parts.items() if name != "stem infrared"]
    assert total.multiply_adds == sum(cost.multiply_adds for cost in once)
    assert total.activations == sum(cost.activations for cost in once)
    assert encoder.training
    assert total.multiply_adds == convolutions(encoder, torch.zeros(1, 3, 64, 32))


def test_attention_is_counted_to_the_last_product() -> None:
    found = summarise(encoder_of(**ICRE), "resnet18", 64, 32)
    tokens, deep, width = 4 * 2, 128, 32
    linear = tokens * (deep * width + 2 * 4 * width * width + 2 * 4 * width * width + width * deep)
    attention = 2 * 2 * tokens * tokens * width
    assert found.parts["sdce"].multiply_adds == linear + attention
    aligned = tokens * width * (16 + 32 + 64)
    masks = 3 * tokens * width * 9
    assert found.parts["mpfr"].multiply_adds == aligned + masks + tokens * 3 * width * width


def test_icre_costs_what_its_arithmetic_says() -> None:
    encoder = make_encoder(Settings.model_validate({"encoder": {"name": "resnet50", **ICRE}}))
    found = summarise(encoder, "resnet50", 32, 16)
    assert found.parts["mpfr"].parameters == pytest.approx(1.7e6, rel=0.05)
    assert found.parts["sdce"].parameters == pytest.approx(6.3e6, rel=0.05)


class OneMatrix(Encoder):
    def __init__(self) -> None:
        super().__init__()
        self.width = 4
        self.offset = nn.Parameter(torch.zeros(3))
        self.project = nn.Linear(3, 4, bias=False)
        self.neck = Neck(4)

    def forward(self, images: dict[str, torch.Tensor]) -> Encoded:
        crops = torch.cat([images[name].float() for name in MODALITIES if name in images])
        encoded: Encoded = self.neck(self.project(crops.mean((2, 3)) + self.offset))
        return encoded


def test_of_an_unknown_encoder_the_children_are_the_parts_and_the_rest_is_said() -> None:
    found = summarise(OneMatrix(), "mine.py", 8, 8)
    assert found.parts == {"project": Cost(12, 12, 4), "neck": Cost(8, 0, 4), REST: Cost(3, 0, 0)}
    assert found.total["visible"] == Cost(23, 12, 8)


@pytest.mark.parametrize("size", [(32, 16), (50, 30)])
def test_the_table_fits_80_columns(size: tuple[int, int]) -> None:
    from rich.console import Console

    console = Console(width=80, record=True, quiet=True)
    table = summarise(encoder_of(**ICRE), "resnet18", *size).table()
    assert console.measure(table).maximum <= 80


def test_speed_is_positive_and_leaves_the_weights_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed_of_encoders, "_SECONDS", 0.01)
    encoder = OneMatrix()
    before = [p.clone() for p in encoder.parameters()]
    speed = measure_speed(encoder, 8, 8, choose_compute("cpu", "float32"), batch=3)
    assert speed.inference > 0
    assert speed.training > 0
    assert (speed.batch, speed.compute) == (6, "cpu float32")
    assert all(torch.equal(one, other) for one, other in zip(before, encoder.parameters(), strict=True))
