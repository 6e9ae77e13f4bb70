import time

import pytest
import torch

from usvireid.training.laps import Laps


def test_parts_of_one_name_add_up_and_what_is_before_the_beginning_is_nobodys() -> None:
    laps = Laps(torch.device("cpu"))
    laps.lap("before")
    time.sleep(0.02)
    laps.begin()
    for _ in range(2):
        time.sleep(0.01)
        laps.lap("one")
        laps.lap("two")
    found = laps.seconds()
    assert set(found) == {"one", "two"}
    assert found["one"] >= 0.02 > found["two"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch can use")
def test_on_a_gpu_the_device_is_timed() -> None:
    laps, square = Laps(torch.device("cuda")), torch.rand(2000, 2000, device="cuda")
    laps.begin()
    for _ in range(20):
        square = torch.tanh(square @ square)
    laps.lap("product")
    laps.lap("nothing")
    found = laps.seconds()
    assert found["product"] > found["nothing"] >= 0
    assert laps.seconds() == found
