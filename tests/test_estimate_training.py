"""The estimate of memory and work behind the figures in the benchmarks' settings files."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch

from usvireid.config import Settings
from usvireid.encoders.dual_stream import DualStreamEncoder

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "estimate_training.py"
SMALL = {"encoder": {"name": "resnet18", "width": 8}, "data": {"height": 64, "width": 32}}


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("estimate_training", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_crop_costs_what_convolutions_must_keep(script: ModuleType) -> None:
    settings = Settings.model_validate(SMALL)
    encoder = DualStreamEncoder("resnet18", width=8)
    found = script.activation_bytes(encoder, settings, torch.float32)
    # Every convolution keeps its input: the first two stages' maps alone are 8 and 16 channels at 16 x 8 and 8 x 4.
    assert 4 * (4 * 8 * 16 * 8 + 4 * 16 * 8 * 4) < found < 4_000_000
    half = script.activation_bytes(encoder, settings, torch.bfloat16)
    assert 0.4 * found < half < found


def test_operations_grow_with_the_crop(script: ModuleType) -> None:
    encoder = DualStreamEncoder("resnet18", width=8)
    one, four = (
        script.forward_operations(
            encoder, Settings.model_validate({**SMALL, "data": {"height": height, "width": height // 2}})
        )
        for height in (64, 128)
    )
    assert four == pytest.approx(4 * one, rel=0.01)


def test_a_second_view_is_a_third_of_the_batch(script: ModuleType) -> None:
    assert script.crops_in_batch(Settings()) == 384
    assert script.crops_in_batch(Settings.model_validate({"augment": {"second_view": False}})) == 256
