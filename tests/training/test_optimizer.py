import pytest
import torch
from torch import nn

from usvireid.config import OptimizerSettings
from usvireid.encoders.dual_stream import DualStreamEncoder
from usvireid.training.optimizer import add_parameters, make_optimizer, set_learning_rate


@pytest.fixture(scope="module")
def encoder() -> DualStreamEncoder:
    return DualStreamEncoder("resnet18", width=8)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
@pytest.mark.parametrize("share", [1.0, 0.1])
def test_everything_that_learns_is_in_one_group(encoder: DualStreamEncoder, name: str, share: float) -> None:
    optimizer = make_optimizer(encoder, OptimizerSettings(name=name, backbone=share), from_weights=True)  # type: ignore[arg-type]
    listed = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    assert len(listed) == len(set(map(id, listed)))
    assert {id(p) for p in listed} == {id(p) for p in encoder.parameters() if p.requires_grad}


def test_what_is_published_learns_at_its_share_of_the_rate(encoder: DualStreamEncoder) -> None:
    optimizer = make_optimizer(encoder, OptimizerSettings(backbone=0.1), from_weights=True)
    layer = nn.Linear(2, 3)
    add_parameters(optimizer, layer.parameters())
    set_learning_rate(optimizer, 0.5)
    rate = {id(parameter): group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
    assert rate[id(encoder.trunk.get_parameter("layer4.1.conv2.weight"))] == pytest.approx(0.05)
    assert rate[id(encoder.stems.get_parameter("visible.conv1.weight"))] == pytest.approx(0.05)
    assert rate[id(encoder.neck.weight)] == rate[id(layer.weight)] == 0.5


def test_the_settings_reach_the_optimizer(encoder: DualStreamEncoder) -> None:
    sgd = make_optimizer(encoder, OptimizerSettings(name="sgd", momentum=0.8, weight_decay=0.2), from_weights=False)
    assert isinstance(sgd, torch.optim.SGD)
    assert (sgd.defaults["momentum"], sgd.defaults["nesterov"], sgd.defaults["weight_decay"]) == (0.8, True, 0.2)
    plain = make_optimizer(encoder, OptimizerSettings(name="sgd", momentum=0), from_weights=False)
    assert not plain.defaults["nesterov"]
    assert isinstance(make_optimizer(encoder, OptimizerSettings(), from_weights=False), torch.optim.AdamW)


def test_without_weights_everything_learns_at_the_whole_rate(encoder: DualStreamEncoder) -> None:
    optimizer = make_optimizer(encoder, OptimizerSettings(backbone=0.1), from_weights=False)
    set_learning_rate(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5]
