import pytest
import torch
from torch import nn

from usvireid.devices import Compute
from usvireid.encoders.interface import Encoder
from usvireid.encoders.make import make_encoder
from usvireid.errors import UsvireidError
from usvireid.layers import make_settings
from usvireid.training import fitting
from usvireid.training.fitting import available_memory, crops_that_fit, kept_bytes

CPU = Compute(torch.device("cpu"), torch.float32)


def tiny_encoder() -> Encoder:
    return make_encoder(make_settings([("test", {"encoder": {"name": "resnet18", "width": 8}})]))


def test_what_is_kept_is_counted_once() -> None:
    network = nn.Sequential(nn.Linear(4, 8, bias=False), nn.Tanh())
    rows = torch.ones(10, 4)
    # The layer keeps its input, the function its output.
    assert kept_bytes(network, lambda: network(rows)) == 4 * (40 + 80)


def test_twice_the_memory_holds_twice_the_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = tiny_encoder().train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    torch.manual_seed(0)
    state = torch.get_rng_state()

    def fit(memory: int | None, most: int = 10**6) -> int:
        monkeypatch.setattr(fitting, "available_memory", lambda: memory)
        return crops_that_fit(encoder, CPU, 64, 32, most)

    once, twice = fit(2 * 10**8), fit(4 * 10**8)
    assert once % 2 == 0 and twice == pytest.approx(2 * once, rel=0.2)
    assert fit(10**12, most=36) == fit(None, most=36) == 36
    with pytest.raises(UsvireidError, match="not even 4 crops of 64 x 32 fit"):
        fit(10**6)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in encoder.parameters())


def test_the_memory_of_this_machine() -> None:
    memory = available_memory()
    assert memory is None or memory > 10**6


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch can use")
def test_on_a_gpu_what_is_promised_fits() -> None:
    compute = Compute(torch.device("cuda"), torch.float32)
    encoder = tiny_encoder().to("cuda")
    assert crops_that_fit(encoder, compute, 64, 32, 64) == 64
    torch.cuda.set_per_process_memory_fraction(0.01)
    try:
        assert 4 <= crops_that_fit(encoder, compute, 288, 144, 10**5) < 10**5
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
