from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.conftest import tiny_options
from tests.encoders.plain_vit import plain_vit
from tests.test_cli import call
from usvireid.config import VitSettings
from usvireid.encoders.vit import SHALLOW, SHALLOW_POOLED, TwoHeadViT
from usvireid.training.checkpoint import latest_checkpoint

TINY_VIT = {"depth": 3, "width": 24, "heads": 3, "patch": 16, "stride": 16, "shallow": 2}


def tiny(size: tuple[int, int] = (64, 32), seed: int = 0, **changes: int) -> TwoHeadViT:
    """A small one with weights far from their beginning, so that every part of it matters."""
    encoder = TwoHeadViT(VitSettings(**{**TINY_VIT, **changes}), size=size, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    for parameter in encoder.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
    return encoder.eval()


def images(count: int, seed: int = 0, size: tuple[int, int] = (64, 32)) -> Tensor:
    return torch.randint(0, 256, (count, 3, *size), generator=torch.Generator().manual_seed(seed)).float()


def by_loops(encoder: TwoHeadViT, modality: str, crop: Tensor) -> tuple[Tensor, Tensor]:
    """Both heads before their necks, for one crop whose sides are multiples of the patch: plain loops in float64."""
    state = {key: value.double() for key, value in encoder.state_dict().items()}
    mean, std = (torch.tensor(values).double()[:, None, None] * 255 for values in _IMAGENET)
    pixels, patch, heads = (crop.double() - mean) / std, TINY_VIT["patch"], TINY_VIT["heads"]
    filters, bias = state[f"stems.{modality}.project.weight"], state[f"stems.{modality}.project.bias"]
    tokens = [state["trunk.class_token"][0, 0]]
    for top in range(0, pixels.shape[1], patch):
        for left in range(0, pixels.shape[2], patch):
            square = pixels[:, top : top + patch, left : left + patch]
            tokens.append(torch.stack([(one * square).sum() for one in filters]) + bias)
    rows = torch.stack(tokens) + state["trunk.position"][0]
    seen = []
    for number in range(TINY_VIT["depth"]):
        part = {
            key.split(".", 3)[3]: value for key, value in state.items() if key.startswith(f"trunk.blocks.{number}.")
        }
        normed = _layer_norm(rows, part["norm1.weight"], part["norm1.bias"])
        query, key, value = (normed @ part["attention.qkv.weight"].T + part["attention.qkv.bias"]).chunk(3, dim=1)
        found = torch.zeros_like(rows)
        step = rows.shape[1] // heads
        for head in range(heads):
            where = slice(head * step, (head + 1) * step)
            for asking in range(len(rows)):
                scores = [(query[asking, where] @ key[other, where]) / step**0.5 for other in range(len(rows))]
                weights = np.exp(np.array([float(score) for score in scores]))
                weights /= weights.sum()
                found[asking, where] = sum(weights[other] * value[other, where] for other in range(len(rows)))
        rows = rows + found @ part["attention.proj.weight"].T + part["attention.proj.bias"]
        normed = _layer_norm(rows, part["norm2.weight"], part["norm2.bias"])
        inner = normed @ part["mlp.0.weight"].T + part["mlp.0.bias"]
        inner = inner * 0.5 * (1 + torch.erf(inner / 2**0.5))
        rows = rows + inner @ part["mlp.2.weight"].T + part["mlp.2.bias"]
        seen.append(rows[0])
    shallow = _layer_norm(seen[TINY_VIT["shallow"] - 1], state["shallow_norm.weight"], state["shallow_norm.bias"])
    return shallow, _layer_norm(seen[-1], state["trunk.norm.weight"], state["trunk.norm.bias"])


_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def _layer_norm(rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    centred = rows - rows.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt() * weight + bias


@pytest.mark.parametrize("modality", ["visible", "infrared"])
def test_both_heads_equal_plain_loops(modality: str) -> None:
    encoder, crops = tiny(), images(2)
    with torch.inference_mode():
        out = encoder({modality: crops})
        shallow, deep = (
            torch.stack(rows) for rows in zip(*(by_loops(encoder, modality, c) for c in crops), strict=True)
        )
    assert torch.allclose(out.pooled.double(), deep, atol=1e-5)
    assert torch.allclose(out.extra[SHALLOW_POOLED].double(), shallow, atol=1e-5)
    necked = shallow.float() * encoder.shallow_neck.weight / (1 + encoder.shallow_neck.eps) ** 0.5
    assert torch.allclose(out.extra[SHALLOW], functional.normalize(necked + encoder.shallow_neck.bias), atol=1e-5)
    assert torch.allclose(out.features.norm(dim=1), torch.ones(2), atol=1e-5)


def test_the_standard_form_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        encoder = TwoHeadViT(VitSettings(), size=(224, 224))
    plain = [*encoder.stems["visible"].parameters(), *encoder.trunk.parameters()]
    assert sum(parameter.numel() for parameter in plain) == 85_798_656


def test_rows_come_out_visible_first_and_crops_do_not_see_each_other() -> None:
    encoder, visible, infrared = tiny(), images(2, 1), images(3, 2)
    with torch.inference_mode():
        joint = encoder({"infrared": infrared, "visible": visible})
        alone = encoder({"visible": visible}), encoder({"infrared": infrared})
    for name in ("pooled", "necked", "features"):
        separate = torch.cat([getattr(part, name) for part in alone])
        assert getattr(joint, name).shape == (5, encoder.width)
        assert torch.allclose(getattr(joint, name), separate, atol=1e-4)
    for name, values in joint.extra.items():
        assert torch.allclose(values, torch.cat([part.extra[name] for part in alone]), atol=1e-4)


def test_every_part_gets_gradients_from_the_two_heads_and_only_its_own_from_one() -> None:
    encoder = tiny().train()

    def without_gradient(names: tuple[str, ...]) -> set[str]:
        encoder.zero_grad(set_to_none=True)
        out = encoder({"visible": images(3), "infrared": images(3, 5)})
        values = [out.features if name == "deep" else out.extra[name] for name in names]
        weights = torch.randn(6, encoder.width, generator=torch.Generator().manual_seed(0))
        torch.stack([(value * weights).sum() for value in values]).sum().backward()
        learnt = {name: parameter for name, parameter in encoder.named_parameters() if parameter.requires_grad}
        return {name for name, parameter in learnt.items() if parameter.grad is None or not parameter.grad.any()}

    assert without_gradient(("deep", SHALLOW)) == set()
    assert {name.partition(".")[0] for name in without_gradient(("deep",))} == {"shallow_norm", "shallow_neck"}
    beyond = {".".join(name.split(".")[:3]) for name in without_gradient((SHALLOW,))}
    assert beyond == {"trunk.blocks.2", "trunk.norm.weight", "trunk.norm.bias", "neck.weight"}


@pytest.mark.parametrize(
    ("patch", "stride", "size", "grid"),
    [
        (16, 16, (288, 144), (18, 9)),
        (16, 16, (50, 33), (4, 3)),
        (16, 16, (5, 3), (1, 1)),
        (16, 12, (64, 32), (5, 3)),
        (8, 4, (32, 16), (7, 3)),
    ],
)
def test_the_grid_covers_every_pixel(patch: int, stride: int, size: tuple[int, int], grid: tuple[int, int]) -> None:
    encoder = tiny(size, patch=patch, stride=stride)
    assert encoder.trunk.grid == grid
    crop = images(1, size=size).requires_grad_()
    encoder({"visible": crop}).features[0, 0].backward()
    assert crop.grad is not None
    assert bool((crop.grad[0].abs().sum(0) > 0).all())


def test_another_input_size_resizes_the_table_of_positions() -> None:
    encoder = tiny((64, 32))
    with torch.inference_mode():
        for size, grid in (((96, 64), (6, 4)), ((50, 33), (4, 3))):
            found = encoder({"visible": images(2, size=size)})
            table = encoder.trunk.position[0, 1:].T.reshape(1, -1, 4, 2)
            table = functional.interpolate(table, grid, mode="bicubic", align_corners=False).flatten(2)
            other = tiny(size)
            state = encoder.state_dict()
            state["trunk.position"] = torch.cat([encoder.trunk.position[:, :1], table.transpose(1, 2)], dim=1)
            other.load_state_dict(state)
            assert torch.allclose(found.features, other({"visible": images(2, size=size)}).features, atol=1e-5)


def test_the_seed_decides_the_weights_the_stems_start_equal_and_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    one, same, other = (TwoHeadViT(VitSettings(**TINY_VIT), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    key = "trunk.blocks.0.mlp.0.weight"
    assert torch.equal(one.state_dict()[key], same.state_dict()[key])
    assert not torch.equal(one.state_dict()[key], other.state_dict()[key])
    stems = one.stems["visible"].project, one.stems["infrared"].project
    assert torch.equal(stems[0].weight, stems[1].weight)
    assert stems[0].weight is not stems[1].weight


def test_bfloat16_stays_near_float32() -> None:
    encoder, crops = TwoHeadViT(VitSettings(**TINY_VIT), size=(64, 32)).eval(), images(4)
    with torch.inference_mode():
        exact = encoder({"visible": crops})
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = encoder({"visible": crops})
    assert rounded.pooled.dtype == rounded.features.dtype == rounded.extra[SHALLOW].dtype == torch.float32
    assert ((exact.features * rounded.features).sum(1) > 0.999).all()


def vit_options(**changes: str) -> list[str]:
    settings = {f"encoder.vit.{name}": str(value) for name, value in TINY_VIT.items()}
    return tiny_options(**{"encoder.name": "vit-b16", **settings, **changes})


def test_a_run_from_published_weights(capfd: pytest.CaptureFixture[str], tmp_path: Path, labelled: Path) -> None:
    weights = plain_vit(depth=3, width=24, positions=196)
    torch.save(weights, tmp_path / "vit.pth")
    run = tmp_path / "run"
    options = vit_options(**{"encoder.weights": str(tmp_path / "vit.pth"), "optimizer.backbone": "0.1"})
    code, _, err = call(capfd, "run", labelled, "--out", run, "--pipeline", "hil", *options)
    assert code == 0, err
    assert (run / "report.html").is_file()
    checkpoint = latest_checkpoint(run / "checkpoints")
    assert checkpoint is not None
    assert checkpoint.epoch == 3
    learnt = checkpoint.tensors["encoder.trunk.blocks.0.mlp.0.weight"]
    assert 0 < (learnt - weights["blocks.0.mlp.fc1.weight"]).abs().max() < 0.01
    code, _, err = call(capfd, "evaluate", run)
    assert code == 0, err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder.vit.shallow": "3"}, "setting encoder.vit: shallow (3) has to be below depth (3)"),
        ({"encoder.vit.heads": "5"}, "setting encoder.vit: heads (5) does not divide width (24)"),
        ({"encoder.vit.stride": "17"}, "setting encoder.vit: stride (17) is larger than patch (16)"),
        ({"encoder.mpfr.use": "true"}, "'vit-b16' has none"),
        ({"encoder.vit.deep": "3"}, "unknown setting 'encoder.vit.deep'; did you mean 'encoder.vit.depth'"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, folders: Path, changes: dict[str, str], message: str
) -> None:
    code, _, err = call(capfd, "run", folders, "--out", tmp_path / "run", *vit_options(**changes))
    assert code == 2
    assert message in err
