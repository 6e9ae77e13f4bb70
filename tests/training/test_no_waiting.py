"""Within an epoch on a GPU the host never waits for the device."""

from pathlib import Path

import pytest
import torch

from tests.conftest import TINY, write_people
from usvireid.devices import choose_compute
from usvireid.display import Display
from usvireid.layers import make_settings, nested
from usvireid.loading import open_data
from usvireid.resources import load_pipeline
from usvireid.terms.term import Terms
from usvireid.training.experiment import Experiment


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch can use")
@pytest.mark.parametrize("precision", ["auto", "float16"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_no_step_waits_for_the_device(tmp_path: Path, accumulate: int, precision: str) -> None:
    write_people(tmp_path / "people")
    every = {"losses.icg": 1.0, "losses.mccl": 1.0, "losses.homogeneous": 0.1, "losses.heterogeneous": 0.1}
    changes = {**TINY, **every, "device": "cuda", "training.steps": 4, "training.accumulate": accumulate}
    settings = make_settings([("test", nested(name, value)) for name, value in changes.items()])
    data = open_data(tmp_path / "people", settings, Display())
    experiment = Experiment(settings, data.crops, data.images, choose_compute("cuda", precision), Display())
    hil = load_pipeline("hil")
    labels = hil.cluster(experiment, 2)
    terms = Terms(experiment, labels, 2, hil.TERMS)
    for number in range(2):
        # The first time libraries are loaded and choose their algorithms.
        torch.cuda.set_sync_debug_mode("error" if number else "default")
        try:
            for batch in experiment.batches(labels, 2):
                encoded = experiment.encode(batch)
                experiment.optimize(terms.losses(batch, encoded))
                terms.update(batch, encoded)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert set(experiment.monitor.laps.seconds()) == {"wait", "forward", "losses", "backward", "optimiser", "memory"}
