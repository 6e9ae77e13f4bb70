import pytest
import torch
from torch import Tensor

from usvireid.config import IcgSettings, MpfrSettings, SdceSettings
from usvireid.encoders.dual_stream import DualStreamEncoder
from usvireid.encoders.enhance import MASKS
from usvireid.errors import UsageError
from usvireid.losses.icg import identity_clues

MPFR, SDCE = MpfrSettings(use=True), SdceSettings(use=True, heads=4)


def images(visible: int = 2, infrared: int = 2, size: tuple[int, int] = (64, 32)) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randint(0, 256, (count, 3, *size), generator=generator, dtype=torch.uint8)
        for name, count in (("visible", visible), ("infrared", infrared))
        if count
    }


def made(
    name: str = "resnet18", *, sdce: SdceSettings | None = SDCE, size: tuple[int, int] = (64, 32)
) -> DualStreamEncoder:
    return DualStreamEncoder(name, width=8, mpfr=MPFR, sdce=sdce, size=size, seed=1)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
@pytest.mark.parametrize("sdce", [None, SDCE])
@pytest.mark.parametrize("training", [True, False])
def test_training_starts_from_the_plain_encoder(name: str, sdce: SdceSettings | None, training: bool) -> None:
    plain = DualStreamEncoder(name, width=8, size=(64, 32), seed=1).train(training)
    enhanced = made(name, sdce=sdce).train(training)
    with torch.no_grad():
        one, other = plain(images()), enhanced(images())
    assert torch.equal(one.pooled, other.pooled)
    assert torch.equal(one.features, other.features)
    assert other.extra[MASKS].shape == (4, 3, 4, 2)


def test_without_the_parts_the_encoder_is_the_plain_one() -> None:
    plain = DualStreamEncoder("resnet18", width=8, seed=1)
    off = DualStreamEncoder("resnet18", width=8, mpfr=MpfrSettings(), sdce=SdceSettings(), seed=1)
    assert list(plain.state_dict()) == list(off.state_dict())
    assert not [key for key in plain.state_dict() if key.startswith("enhance")]
    assert all(torch.equal(value, off.state_dict()[key]) for key, value in plain.state_dict().items())


@pytest.mark.parametrize("counts", [(2, 0), (0, 3), (1, 1)])
def test_one_modality_alone_and_single_crops(counts: tuple[int, int]) -> None:
    with torch.no_grad():
        found = made().eval()(images(*counts))
    assert found.features.shape == (sum(counts), 64)
    assert found.features.isfinite().all()


@pytest.mark.parametrize("size", [(64, 32), (96, 48), (70, 35), (33, 17)])
def test_any_input_size(size: tuple[int, int]) -> None:
    with torch.no_grad():
        found = made().eval()(images(size=size))
    assert found.features.isfinite().all()


@pytest.mark.parametrize("sdce", [None, SDCE])
def test_icg_reaches_both_stems_and_every_part(sdce: SdceSettings | None) -> None:
    encoder = made(sdce=sdce)
    for part in encoder.enhance.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(part.weight)
    pooled = encoder(images(4, 4)).pooled
    identities = torch.tensor([0, 0, 1, 1])
    halves = {"visible": pooled[:4], "infrared": pooled[4:]}
    loss = identity_clues(halves, dict.fromkeys(halves, identities), IcgSettings(rho2=1e3)).loss
    loss.backward()
    silent = [
        name
        for name, parameter in encoder.named_parameters()
        if parameter.requires_grad
        and not name.startswith("neck")
        and (parameter.grad is None or not parameter.grad.any())
    ]
    # The bias of the keys alone has none (it shifts all scores of a softmax); it is one tensor with that of the values.
    assert silent == []


def test_half_precision_stays_near_float32() -> None:
    encoder = made().eval()
    for part in encoder.enhance.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.constant_(part.weight, 0.5)
    with torch.no_grad():
        exact = encoder(images(4, 4)).features
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = encoder(images(4, 4)).features
    assert rounded.dtype == torch.float32
    # 8 bits of a number through some twenty layers: a cosine of at least .999.
    assert float((exact * rounded).sum(dim=1).min()) > 0.999


def test_heads_that_do_not_divide_the_automatic_width_are_refused() -> None:
    with pytest.raises(UsageError, match="5 heads do not divide 16 channels"):
        made(sdce=SdceSettings(use=True, heads=5))
