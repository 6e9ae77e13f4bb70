"""What is equal to what when a batch goes through the encoder in parts."""

import copy
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.conftest import tiny_options, write_people
from tests.test_cli import call, error_line
from tests.test_workflow import assert_same, final_state, metrics
from usvireid.devices import Compute
from usvireid.encoders.interface import Encoded, Encoder
from usvireid.encoders.make import make_encoder
from usvireid.encoders.neck import Neck
from usvireid.errors import UsageError
from usvireid.layers import make_settings
from usvireid.names import MODALITIES
from usvireid.training.accumulation import Division, PartedEncoder, crops_meet, divide, most_parts
from usvireid.training.fitting import kept_bytes

CPU = Compute(torch.device("cpu"), torch.float32)
Captured = pytest.CaptureFixture[str]
VIT = {"depth": 3, "width": 32, "heads": 2, "shallow": 2}
SIZES = {"visible": 12, "infrared": 7}


def encoder(name: str) -> Encoder:
    chosen = {"name": name, "width": 8, "vit": VIT}
    return make_encoder(make_settings([("test", {"encoder": chosen, "data": {"height": 64, "width": 32}})])).train()


class Linear(Encoder):
    """No batch normalisation at all, something random, and an end of its own."""

    def __init__(self, width: int = 6) -> None:
        super().__init__()
        self.width = width
        with torch.random.fork_rng():
            torch.manual_seed(1)
            self.project = nn.Linear(3, width)
        self.drop = nn.Dropout(0.5)

    def forward(self, images: Mapping[str, Tensor]) -> Encoded:
        means = torch.cat([images[name].mean(dim=(2, 3)) / 255 for name in MODALITIES if name in images])
        pooled = self.drop(self.project(means))
        return Encoded(pooled, pooled, nn.functional.normalize(pooled), {"twice": 2 * pooled})


class Onward(Linear):
    """Goes on after its neck."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Identity()  # type: ignore[assignment]
        self.neck = Neck(6)

    def forward(self, images: Mapping[str, Tensor]) -> Encoded:
        encoded: Encoded = self.neck(super().forward(images).pooled)
        return Encoded(encoded.pooled, encoded.necked, nn.functional.normalize(encoded.features + 1))


def pixels(sizes: dict[str, int]) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: 255 * torch.rand(size, 3, 64, 32, generator=generator) for name, size in sizes.items()}


def loss_of(encoded: Encoded) -> Tensor:
    """A loss in which every crop meets every other."""
    contrast = (encoded.features @ encoded.features.T / 0.1).log_softmax(1).diagonal().mean()
    return contrast + torch.pdist(encoded.pooled).amax() + encoded.necked.square().mean()


def gradients(network: Encoder) -> dict[str, Tensor]:
    return {name: value.grad for name, value in network.named_parameters() if value.grad is not None}


def assert_close(one: dict[str, Tensor], other: dict[str, Tensor], relative: float = 1e-5) -> None:
    assert one.keys() == other.keys()
    scale = torch.stack([value.norm() for value in other.values()]).max()
    for name, value in one.items():
        assert (value - other[name]).norm() <= relative * max(other[name].norm(), 0.01 * scale), name


def assert_equal_to_whole(network: Encoder, parts: int, sizes: dict[str, int]) -> None:
    images, whole = pixels(sizes), copy.deepcopy(network)
    encoded = PartedEncoder(network, CPU)(images, parts, again=True)
    expected = whole(images)
    for name in ("pooled", "necked", "features"):
        assert torch.allclose(getattr(encoded, name), getattr(expected, name), atol=1e-5)
    assert encoded.extra.keys() == expected.extra.keys()
    for name, tensor in encoded.extra.items():
        assert torch.allclose(tensor, expected.extra[name], atol=1e-5), name
    loss_of(encoded).backward()
    loss_of(expected).backward()
    assert_close(gradients(network), gradients(whole))


@pytest.mark.parametrize("sizes", [SIZES, {"infrared": 9}])
@pytest.mark.parametrize("parts", [2, 3])
def test_without_batch_normalisation_before_the_neck_parts_equal_the_whole(parts: int, sizes: dict[str, int]) -> None:
    network = encoder("vit-b16")
    assert not crops_meet(network)
    assert_equal_to_whole(network, parts, sizes)


@pytest.mark.parametrize("parts", [2, 3])
def test_with_batch_normalisation_that_stands_still_parts_equal_the_whole(parts: int) -> None:
    network = encoder("resnet18")
    assert crops_meet(network)
    assert_equal_to_whole(network.eval(), parts, SIZES)


@pytest.mark.parametrize("again", [True, False])
def test_with_batch_normalisation_parts_equal_networks_that_see_one_part_each(again: bool) -> None:
    network, images, parts = encoder("resnet18"), pixels(SIZES), 3
    other = copy.deepcopy(network)
    encoded = PartedEncoder(network, CPU)(images, parts, again=again)
    loss_of(encoded).backward()
    pooled = {name: torch.empty(size, network.width) for name, size in SIZES.items()}
    with other.neck.held_back():  # type: ignore[operator, union-attr]
        for part in range(parts):
            found = other({name: values[part::parts] for name, values in images.items()}).pooled
            pieces = torch.split(found, [len(values[part::parts]) for values in images.values()])
            for name, piece in zip(SIZES, pieces, strict=True):
                pooled[name][part::parts] = piece
    expected = other.neck(torch.cat([pooled[name] for name in SIZES]))  # type: ignore[operator]
    assert torch.equal(encoded.features, expected.features)
    loss_of(expected).backward()
    assert_close(gradients(network), gradients(other))
    # The running means have counted every crop once.
    for name, value in network.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_the_second_time_draws_the_same_random_numbers() -> None:
    found = []
    for again in (True, False):
        network = Linear()
        torch.manual_seed(3)
        encoded = PartedEncoder(network, CPU)(pixels(SIZES), 2, again=again)
        loss_of(encoded).backward()
        found.append((encoded, gradients(network), torch.rand(1)))
    (one, one_gradients, after), (other, other_gradients, other_after) = found
    assert torch.equal(one.pooled, other.pooled) and torch.equal(one.extra["twice"], 2 * one.pooled)
    assert_close(one_gradients, other_gradients)
    assert after == other_after


def test_what_comes_after_the_neck_is_done_too() -> None:
    network, images = Onward(), pixels({"visible": 4, "infrared": 4})
    assert torch.allclose(PartedEncoder(network.eval(), CPU)(images, 2, again=True).features, network(images).features)


def test_one_part_at_a_time_is_in_memory() -> None:
    network, images = encoder("resnet18"), pixels({"visible": 16, "infrared": 16})
    parted = PartedEncoder(network, CPU)
    parted(images, 4, again=True)
    whole = kept_bytes(network, lambda: network(images))
    assert kept_bytes(network, lambda: parted(images, 4, again=True)) < whole / 10


def test_into_how_many_parts_a_batch_is_divided() -> None:
    sizes = {"visible": 16, "infrared": 8}
    assert most_parts(sizes) == 4 and most_parts({"visible": 1}) == 1 and most_parts({}) == 1
    for meet in (True, False):
        assert divide(sizes, 1, meet, None) == Division(1, again=False)
        assert divide(sizes, 3, meet, None) == Division(3, again=True)
        assert divide(sizes, 9, meet, None) == Division(4, again=True)
        assert divide(sizes, 1, meet, 24) == Division(1, again=False)
        assert divide(sizes, 3, meet, 24) == Division(3, again=False)
        assert divide(sizes, 3, meet, 9) == Division(3, again=True)
    assert divide(sizes, 1, False, 9) == Division(3, again=True)
    with pytest.raises(UsageError, match=r"9 crops fit at a time, and a batch has 24; set training.accumulate=3, or"):
        divide(sizes, 1, True, 9)
    with pytest.raises(UsageError, match=r"a part of a batch, of 2, has 12; set training.accumulate=3"):
        divide(sizes, 2, True, 9)
    with pytest.raises(UsageError, match=r"has 24; no part can have fewer than 6, so give training.batch 6"):
        divide(sizes, 1, False, 4)


EVERY_LOSS = {
    "losses.icg": "0.5",
    "losses.mccl": "0.5",
    "losses.homogeneous": "0.1",
    "losses.heterogeneous": "0.1",
    "clustering.parts.rule": "fixed",
    "clustering.parts.count": "2",
    "training.intra_epochs": "0",
    "training.epochs": "1",
    "sampling.instances": "4",
    "optimizer.name": "sgd",
    "optimizer.learning_rate": "0.01",
}
STAGES = ("--stage", "cluster,train")


def learnt(run: Path) -> dict[str, Tensor]:
    return {name: value for name, value in final_state(run)[0].items() if name.startswith(("encoder.", "memory."))}


@pytest.mark.parametrize("form", ["labelled", "nearest"])
def test_every_loss_and_every_memory_is_that_of_the_whole_batch(
    capfd: Captured, tmp_path: Path, folders: Path, form: str
) -> None:
    vit = {"encoder.name": "vit-b16", **{f"encoder.vit.{name}": str(value) for name, value in VIT.items()}}
    options = {**EVERY_LOSS, **vit, "losses.mccl_form": form}
    for name, extra in (("whole", {}), ("parts", {"training.accumulate": "3"}), ("fitted", {"training.batch": "13"})):
        code, _, err = call(capfd, "run", folders, "--out", tmp_path / name, *STAGES, *tiny_options(**options, **extra))
        assert code == 0, err
        assert ("batches of 36 crops in 3 parts, each encoded again" in err) == (name != "whole")
    whole = learnt(tmp_path / "whole")
    assert {"memory.shared.centres", "memory.visible.centres"} <= whole.keys()
    line = metrics(tmp_path / "whole")[0]
    assert {"triplet", "icg", "shared", "parts visible to infrared", "neighbours visible"} <= set(line["losses"])
    for name in ("parts", "fitted"):
        other = learnt(tmp_path / name)
        assert_close(
            {key: value.float() for key, value in other.items()}, {key: value.float() for key, value in whole.items()}
        )
        assert metrics(tmp_path / name)[0]["losses"] == pytest.approx(line["losses"], rel=1e-5)


def test_what_fits_does_not_change_what_is_learnt(capfd: Captured, tmp_path: Path, folders: Path) -> None:
    options = tiny_options(**EVERY_LOSS, **{"training.accumulate": "2"})
    for name, batch in (("again", None), ("kept", "1000"), ("auto", "auto"), ("tight", "18")):
        more = () if batch is None else ("--batch", batch)
        code, _, err = call(capfd, "run", folders, "--out", tmp_path / name, *STAGES, *options, *more)
        assert code == 0, err
        assert ("encoded again" in err) == (name in ("again", "tight"))
    assert_same(tmp_path / "again", tmp_path / "tight")
    assert_same(tmp_path / "kept", tmp_path / "auto")
    again, kept = learnt(tmp_path / "again"), learnt(tmp_path / "kept")
    assert_close({key: value.float() for key, value in again.items()}, {k: v.float() for k, v in kept.items()})
    # A run may go on where more fits, or less.
    code, _, err = call(capfd, "run", "--out", tmp_path / "kept", *STAGES, "--epochs", 1, "--batch", "18")
    assert code == 0, err


def test_batches_that_do_not_fit_are_refused_before_anything_is_trained(
    capfd: Captured, tmp_path: Path, folders: Path
) -> None:
    run = tmp_path / "run"
    code, _, err = call(capfd, "run", folders, "--out", run, *STAGES, *tiny_options(), "--batch", "10")
    assert code == 2
    assert "10 crops fit at a time, and a batch has 18; set training.accumulate=2, or" in error_line(err)
    assert not (run / "labels").exists()
    for wrong in ("3", "many", "-1"):
        code, _, err = call(capfd, "run", folders, "--out", tmp_path / "other", *tiny_options(), "--batch", wrong)
        assert code == 2
        assert "setting training.batch" in error_line(err)


def test_a_modality_of_few_crops_is_not_divided_further_than_it_reaches(capfd: Captured, tmp_path: Path) -> None:
    write_people(tmp_path / "people", people=4)
    for path in sorted((tmp_path / "people" / "infrared").iterdir())[4:]:
        path.unlink()
    options = tiny_options(**{"training.accumulate": "5", "training.epochs": "2"})
    code, _, err = call(capfd, "run", tmp_path / "people", "--out", tmp_path / "run", *STAGES, *options)
    assert code == 0, err
