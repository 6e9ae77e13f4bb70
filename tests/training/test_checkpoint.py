import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from usvireid.errors import DataError
from usvireid.training.checkpoint import (
    Checkpoint,
    checkpoint_files,
    latest_checkpoint,
    newest_epoch,
    optimizer_tensors,
    read_epoch,
    remove_old,
    restore_optimizer,
)


def checkpoint(epoch: int = 3) -> Checkpoint:
    shared = torch.arange(6.0).reshape(2, 3)
    tensors = {"encoder.a": shared, "encoder.b": shared.T, "memory.visible.centres": torch.ones(2, 2)}
    return Checkpoint(epoch=epoch, tensors=tensors, facts={"metrics": {"epoch": epoch, "text": "ä"}})


def test_round_trip(tmp_path: Path) -> None:
    read = Checkpoint.read(checkpoint().write(tmp_path))
    assert read.epoch == 3
    assert read.facts == {"metrics": {"epoch": 3, "text": "ä"}}
    assert torch.equal(read.part("encoder.")["b"], torch.arange(6.0).reshape(2, 3).T)
    assert set(read.part("memory.")) == {"visible.centres"}


def test_the_newest_is_found_by_number_and_old_ones_go(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path) is None
    for epoch in (999, 1000, 2):
        checkpoint(epoch).write(tmp_path)
    found = latest_checkpoint(tmp_path)
    assert found is not None
    assert found.epoch == 1000
    remove_old(tmp_path, keep=2)
    assert [path.stem for path in checkpoint_files(tmp_path)] == ["epoch_999", "epoch_1000"]


def test_a_spared_checkpoint_stays_however_old(tmp_path: Path) -> None:
    assert newest_epoch(tmp_path) == 0
    for epoch in (1, 2, 3, 4):
        checkpoint(epoch).write(tmp_path)
    remove_old(tmp_path, keep=1, spare=2)
    assert [path.stem for path in checkpoint_files(tmp_path)] == ["epoch_002", "epoch_004"]
    assert newest_epoch(tmp_path) == 4
    assert read_epoch(tmp_path, 2).epoch == 2
    with pytest.raises(DataError, match=r"epoch_003\.safetensors: the checkpoint of the selected epoch is gone"):
        read_epoch(tmp_path, 3)


@pytest.mark.parametrize("content", [b"", b"x" * 500])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "epoch_001.safetensors").write_bytes(content)
    with pytest.raises(DataError, match=r"epoch_001\.safetensors: a damaged checkpoint"):
        latest_checkpoint(tmp_path)


@pytest.mark.parametrize(("old", "new"), [(b"epoch", b"epocj"), (b'": 3', b'": 4')])
def test_facts_that_were_changed_are_noticed(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = checkpoint().write(tmp_path)
    content = path.read_bytes()
    start = content.index(b"metrics")
    path.write_bytes(content[:start] + content[start:].replace(old, new, 1))
    with pytest.raises(DataError, match=r"epoch_003\.safetensors: a damaged checkpoint"):
        latest_checkpoint(tmp_path)


def test_the_optimiser_goes_on_bit_for_bit() -> None:
    def make() -> tuple[nn.Linear, torch.optim.Optimizer]:
        torch.manual_seed(0)
        model = nn.Linear(4, 3)
        return model, torch.optim.AdamW(model.parameters(), lr=0.1)

    def step(model: nn.Linear, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        model(torch.ones(2, 4)).square().sum().backward()
        optimizer.step()

    model, optimizer = make()
    step(model, optimizer)
    weights, (tensors, groups) = {k: v.clone() for k, v in model.state_dict().items()}, optimizer_tensors(optimizer)
    tensors = {key: value.clone() for key, value in tensors.items()}
    step(model, optimizer)
    resumed, other = make()
    resumed.load_state_dict(weights)
    restore_optimizer(other, tensors, groups)
    step(resumed, other)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), resumed.parameters(), strict=True))


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path: Path) -> None:
    """The limit on a file's size stands in for the full disk: writing fails in the middle."""
    checkpoint(1).write(tmp_path)
    code = (
        "import resource, signal, sys, torch; from pathlib import Path\n"
        "from usvireid.training.checkpoint import Checkpoint\n"
        "from usvireid.errors import UsvireidError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        f"    Checkpoint(2, {{'a': torch.zeros(100_000)}}, {{}}).write(Path({str(tmp_path)!r}))\n"
        "except UsvireidError as error:\n"
        "    print(error); sys.exit(error.exit_code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "epoch_002.safetensors: cannot be written" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["epoch_001.safetensors"]
    assert Checkpoint.read(tmp_path / "epoch_001.safetensors").epoch == 1
