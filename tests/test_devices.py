import pytest
import torch

from usvireid.devices import choose_compute, has_fast_bfloat16
from usvireid.errors import UsageError


def test_auto_takes_what_is_there() -> None:
    compute = choose_compute("auto", "auto")
    assert compute.device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert (compute.dtype == torch.bfloat16) == has_fast_bfloat16(compute.device)


def test_what_is_forced_is_taken() -> None:
    assert choose_compute("cpu", "float32").dtype == torch.float32
    assert choose_compute("cpu", "bfloat16").dtype == torch.bfloat16
    assert choose_compute("cpu", "float16").dtype == torch.float16


@pytest.mark.parametrize("device", ["tpu", "mps", "cuda:99", "cpu:x", "cpu:3"])
def test_devices_that_are_not_there(device: str) -> None:
    with pytest.raises(UsageError, match=f"device: '{device}'"):
        choose_compute(device, "auto")


def test_autocast_only_where_it_is_wanted() -> None:
    layer = torch.nn.Linear(2, 2)
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16), ("float16", torch.float16)):
        with choose_compute("cpu", precision).autocast():
            assert layer(torch.ones(1, 2)).dtype == dtype
