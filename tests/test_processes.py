"""What several processes do together equals what one does: in three real processes, started once for all tests."""

import copy
import pickle
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import torch.distributed as dist
from rich.console import Console
from torch import nn
from torch.multiprocessing import get_context

from tests.conftest import TINY
from usvireid import processes
from usvireid.config import NeighborSettings, Settings
from usvireid.data.augment import Augmentation
from usvireid.data.crops import Crops
from usvireid.devices import choose_compute
from usvireid.display import Display
from usvireid.encoders.extract import extract
from usvireid.encoders.neck import Neck
from usvireid.errors import UsageError
from usvireid.layers import make_settings, parse_assignment
from usvireid.matching.labels import PseudoLabels
from usvireid.neighbors import probe
from usvireid.neighbors.choice import nearest_neighbors
from usvireid.neighbors.knn import knn
from usvireid.neighbors.shared import join_search
from usvireid.processes import SEARCH, Group, own_device
from usvireid.resources import load_pipeline
from usvireid.training.experiment import Experiment
from usvireid.training.sharing import gathered, places_of
from usvireid.training.synchronised import synchronise

SIZE = 3
CPU = choose_compute("cpu", "float32")
# Rows of each process; the second case has a process without any.
SHARES = ([4, 3, 5], [2, 0, 3])
ICRE = {"encoder.mpfr.use": "true", "encoder.sdce.use": "true", "losses.icg": "1", "losses.mccl": "0.5"}
STEPS = {
    "plain": {},
    "ICRE's encoder, two views, all terms": {**ICRE, "losses.homogeneous": "0.5", "losses.heterogeneous": "0.5"},
    "more processes than crops of a modality": {"sampling.identities": "1", "clustering.min_samples": "2"},
    "in parts": {"training.accumulate": "2"},
    "a classifier": {"pipeline": "supervised"},
    "a transformer": {
        "encoder.name": "vit-b16",
        "encoder.vit.depth": "2",
        "encoder.vit.width": "16",
        "encoder.vit.heads": "2",
        "encoder.vit.shallow": "1",
    },
    "two heads that agree": {
        "encoder.name": "vit-b16",
        "encoder.vit.depth": "2",
        "encoder.vit.width": "16",
        "encoder.vit.heads": "2",
        "encoder.vit.shallow": "1",
        "losses.mccl": "0.5",
        "losses.mccl_form": "nearest",
    },
}
SEARCHES = {"torch-cpu": [(50, 7), (2, 5), (1, 1), (0, 3)], "faiss-cpu": [(50, 7), (2, 5)]}


def rows_of(values: torch.Tensor, counts: list[int]) -> tuple[torch.Tensor, ...]:
    return torch.split(values, counts)


def normalised(kind: str, counts: list[int], group: Group) -> dict[str, Any]:
    """A batch normalisation of the whole batch, seen from one process of a group: forward, backward, statistics."""
    generator = torch.Generator().manual_seed(1)
    shape = (sum(counts), 6) if kind in ("vector", "neck") else (sum(counts), 6, 4, 3)
    values, weights = (torch.randn(shape, generator=generator) * 3 + 5 for _ in range(2))
    layer = {
        "map": lambda: nn.BatchNorm2d(6),
        "cumulative": lambda: nn.BatchNorm2d(6, momentum=None, affine=False),
        "forgetful": lambda: nn.BatchNorm2d(6, track_running_stats=False),
        "vector": lambda: nn.BatchNorm1d(6),
        "neck": lambda: Neck(6),
    }[kind]()
    if layer.affine:
        nn.init.uniform_(layer.weight, 0.5, 2)
        layer.weight.data = torch.linspace(0.5, 2, 6)
    keys = list(layer.state_dict())
    if group.size > 1:
        synchronise(layer)
        values, weights = (rows_of(whole, counts)[group.rank] for whole in (values, weights))
    assert list(layer.state_dict()) == keys
    assert isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)
    own = values.clone().requires_grad_()
    for _ in range(2):
        out = layer(own)
        out = out.features if kind == "neck" else out
        (out * weights).sum().backward()
    found = {"out": out, "gradient": own.grad}
    if layer.track_running_stats:
        layer.eval()
        evaluated = layer(values)
        found["evaluated"] = evaluated.features if kind == "neck" else evaluated
    sums = {name: value.grad for name, value in layer.named_parameters() if value.requires_grad}
    return {"rows": found, "sums": sums, "state": layer.state_dict()}


KINDS = ("map", "cumulative", "vector", "neck")
NORMALISATIONS = [(kind, counts) for kind in KINDS for counts in SHARES] + [("forgetful", SHARES[0])]


def gathering(group: Group) -> dict[str, Any]:
    """Rows shared out and gathered again, with the gradient that each process takes up."""
    places = places_of([(5, 2), (2, 1)], group)
    whole = torch.arange(12.0).view(12, 1) * torch.ones(3)
    own = whole[places[group.rank]].requires_grad_()
    back = gathered(own, places)
    (back * whole).sum().backward()
    numbers = gathered(torch.arange(12)[places[group.rank]], places)
    small = gathered(whole[places[group.rank]].to(torch.bfloat16), places)
    return {"places": places, "back": back, "gradient": own.grad, "numbers": numbers, "small": small.float()}


def settings_of(changes: dict[str, str]) -> Settings:
    # AdamW's first steps go by the sign of a gradient alone, which rounding turns where it is next to 0.
    texts = [f"{key}={value}" for key, value in {**TINY, "optimizer.name": "sgd", **changes}.items()]
    return make_settings([("test", parse_assignment(text)) for text in texts])


def experiment_of(changes: dict[str, str]) -> tuple[Experiment, PseudoLabels]:
    people = np.repeat(np.arange(4), 3)
    table = pd.DataFrame(
        {
            "path": [f"{row}.png" for row in range(24)],
            "modality": ["visible"] * 12 + ["infrared"] * 12,
            "identity": np.tile(people, 2),
        }
    )
    crops = Crops.from_table(Path(), table, "test")
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 16, 3), dtype=np.uint8)
    display = Display(Console(quiet=True))
    experiment = Experiment(settings_of(changes), crops, lambda rows: pixels[rows], CPU, display)
    return experiment, PseudoLabels.of_identities(crops)


def epoch(changes: dict[str, str]) -> dict[str, Any]:
    """An epoch of two steps: losses, features before, and everything that a checkpoint keeps."""
    experiment, labels = experiment_of(changes)
    before = experiment.extract_features().values
    load_pipeline(experiment.settings.pipeline).train(experiment, labels, 1)
    checkpoint = experiment.checkpoint(1, {})
    return {
        "before": before,
        "losses": experiment.monitor.losses(),
        "images": experiment.monitor.images,
        "tensors": {name: tensor.detach().clone() for name, tensor in checkpoint.tensors.items()},
    }


def extracted(count: int, modalities: list[str]) -> np.ndarray:
    experiment, _ = experiment_of({})
    table = pd.DataFrame({"path": [f"{row}.png" for row in range(count)], "modality": modalities})
    pixels = np.random.default_rng(5).integers(0, 256, (count, 32, 16, 3), dtype=np.uint8)
    crops = Crops.from_table(Path(), table, "test")
    return extract(experiment.encoder, crops, lambda rows: pixels[rows], CPU, batch=2).values


EXTRACTIONS = {
    "uneven": ["visible"] * 5 + ["infrared"] * 6,
    "one modality": ["infrared"] * 5,
    "more processes than batches": ["visible", "infrared"],
    "no crops": [],
}


def searched(backend: str, count: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    values = np.random.default_rng(count).standard_normal((count, 8)).astype(np.float32)
    values[1::3] = values[:1]
    found = knn(values, k, backend=backend)
    return found.ids, found.distances


def approximately() -> tuple[np.ndarray, np.ndarray, float | None]:
    values = np.random.default_rng(7).standard_normal((200, 8)).astype(np.float32)
    found = nearest_neighbors(values, NeighborSettings(k1=7, approximate_above=199), "cpu", 1)
    return found.neighbors.ids, found.neighbors.distances, found.recall


def searches(group: Group) -> list[Any]:
    if not group.leads:
        group.follow({SEARCH: join_search})
        return []
    found = [searched(backend, count, k) for backend, cases in SEARCHES.items() for count, k in cases]
    if probe.has_faiss():  # by the first alone, while the others wait for the next task, which they still take part in
        found += [approximately(), searched("torch-cpu", 50, 7)]
    group.dismiss()
    return found


def messages(group: Group) -> dict[str, Any]:
    """Tasks with payloads reach the others, in order; a task within a task is begun by nobody."""
    heard: list[Any] = []

    def task(*payload: int) -> None:
        heard.append((payload, group.together))
        with group.jointly("inner"):
            heard.append("inner")

    if group.leads:
        for number in range(2):
            with group.jointly("outer", number, number + 1):
                task(number, number + 1)
        group.dismiss()
    else:
        group.follow({"outer": task})
    return {"heard": heard, "together": group.together, "spoke": [group.may_speak() for _ in range(2)]}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums may have other last bits with another number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def work(rank: int, folder: Path) -> None:
    """All of it, in one of the processes; what comes of it, or of an error, goes into a file."""
    torch.set_num_threads(1)
    store = dist.FileStore(str(folder / "store"), SIZE)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=SIZE)
    processes._current = group = Group(rank, SIZE, dist.PrefixStore("test", store))
    try:
        found: dict[str, Any] = {"searches": searches(group)}
        group.together = True
        found["normalised"] = [normalised(kind, counts, group) for kind, counts in NORMALISATIONS]
        found["gathered"] = gathering(group)
        found["epochs"] = {name: epoch(changes) for name, changes in STEPS.items()}
        found["extracted"] = {name: extracted(len(parts), parts) for name, parts in EXTRACTIONS.items()}
        group.together = False
        found["messages"] = messages(group)
    except Exception:
        found = {"error": traceback.format_exc()}
    (folder / f"{rank}.pickle").write_bytes(pickle.dumps(copy.deepcopy(detached(found))))
    if "error" not in found:
        found.clear()
        group.part()


def detached(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach()
    if isinstance(value, dict):
        return {key: detached(entry) for key, entry in value.items()}
    return [detached(entry) for entry in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of three processes found."""
    folder = tmp_path_factory.mktemp("processes")
    workers = [get_context("spawn").Process(target=work, args=(rank, folder)) for rank in range(SIZE)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(300)
    hanging = [worker for worker in workers if worker.is_alive()]
    for worker in hanging:
        worker.kill()
    files = [folder / f"{rank}.pickle" for rank in range(SIZE)]
    found = [pickle.loads(file.read_bytes()) if file.exists() else {"error": "nothing"} for file in files]
    assert [entry["error"] for entry in found if "error" in entry] == []
    assert not hanging
    assert [worker.exitcode for worker in workers] == [0] * SIZE
    return found


def near(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Equal but for a thousandth of the length, as gradients through many layers are; some are nothing but rounding."""
    one, other = one.double(), other.double()
    return float((one - other).norm()) <= 1e-3 * float(other.norm()) + 1e-5


def close(one: Any, other: Any, tolerance: float = 2e-5) -> bool:
    return bool(torch.allclose(torch.as_tensor(one), torch.as_tensor(other), rtol=tolerance, atol=tolerance))


@pytest.mark.parametrize("case", range(len(NORMALISATIONS)), ids=lambda case: str(NORMALISATIONS[case]))
def test_a_synchronised_normalisation_is_that_of_the_whole_batch(several: list[dict[str, Any]], case: int) -> None:
    kind, counts = NORMALISATIONS[case]
    expected = normalised(kind, counts, Group())
    for rank, found in enumerate(entry["normalised"][case] for entry in several):
        for name, values in found["rows"].items():
            assert close(values, rows_of(expected["rows"][name], counts)[rank]), name
        for name, value in expected["state"].items():
            assert close(found["state"][name], value), name
    for name, value in expected["sums"].items():
        assert close(sum(entry["normalised"][case]["sums"][name] for entry in several), value, 1e-4), name


def test_rows_are_shared_out_evenly_and_come_back_in_order(several: list[dict[str, Any]]) -> None:
    whole = torch.arange(12.0).view(12, 1) * torch.ones(3)
    for rank, found in enumerate(entry["gathered"] for entry in several):
        assert [place.tolist() for place in found["places"]] == [[0, 5], [1, 2, 6, 7, 10], [3, 4, 8, 9, 11]]
        assert torch.equal(found["back"], whole)
        assert torch.equal(found["small"], whole)
        assert torch.equal(found["numbers"], torch.arange(12))
        assert torch.equal(found["gradient"], whole[found["places"][rank]])


@pytest.mark.parametrize("name", STEPS)
def test_an_epoch_teaches_what_it_teaches_one_process(several: list[dict[str, Any]], name: str) -> None:
    expected = epoch(STEPS[name])
    for found in (entry["epochs"][name] for entry in several):
        assert np.array_equal(found["before"], expected["before"])
        assert found["images"] == expected["images"]
        assert found["losses"].keys() == expected["losses"].keys()
        assert all(close(found["losses"][loss], value, 1e-4) for loss, value in expected["losses"].items())
        assert found["tensors"].keys() == expected["tensors"].keys()
        assert [key for key, value in expected["tensors"].items() if not near(found["tensors"][key], value)] == []
    first = several[0]["epochs"][name]["tensors"]
    for found in (entry["epochs"][name]["tensors"] for entry in several[1:]):
        assert [key for key, value in first.items() if not torch.equal(found[key], value)] == []


@pytest.mark.parametrize("name", EXTRACTIONS)
def test_extraction_is_shared_and_gives_the_same_bits(several: list[dict[str, Any]], name: str) -> None:
    parts = EXTRACTIONS[name]
    expected = extracted(len(parts), parts)
    for entry in several:
        assert np.array_equal(entry["extracted"][name], expected)


def test_the_search_is_shared_and_gives_the_same_neighbours(several: list[dict[str, Any]]) -> None:
    cases = [(backend, count, k) for backend, listed in SEARCHES.items() for count, k in listed]
    for (ids, distances), case in zip(several[0]["searches"][: len(cases)], cases, strict=True):
        expected = searched(*case)
        assert np.array_equal(ids, expected[0]), case
        assert np.array_equal(distances, expected[1]), case


@pytest.mark.skipif(not probe.has_faiss(), reason="FAISS is not installed")
def test_an_approximate_search_is_that_of_one_process(several: list[dict[str, Any]]) -> None:
    (ids, distances, recall), after = several[0]["searches"][-2:]
    expected = approximately()
    assert np.array_equal(ids, expected[0]) and np.array_equal(distances, expected[1])
    assert recall == expected[2] and recall is not None and recall < 1
    assert np.array_equal(after[0], searched("torch-cpu", 50, 7)[0])


def test_the_first_process_leads_and_one_speaks(several: list[dict[str, Any]]) -> None:
    for entry in several:
        assert entry["messages"]["heard"] == [((0, 1), True), "inner", ((1, 2), True), "inner"]
        assert not entry["messages"]["together"]
    assert sum(sum(entry["messages"]["spoke"]) for entry in several) == 1


@pytest.mark.parametrize("count", [0, 1, 2, 7, 24])
def test_portions_cover_the_rows_and_change_no_crop(count: int) -> None:
    portions = Group(0, 3).portions(count)
    assert [row for portion in portions for row in range(portion.start, portion.stop)] == list(range(count))
    assert max(map(len, portions)) - min(map(len, portions)) <= 1
    images = torch.randint(0, 256, (count, 3, 16, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    change = replace(Augmentation(), pad=2)
    whole = change(images, "visible", torch.Generator().manual_seed(3))
    for portion in portions:
        own = change(images[portion.start : portion.stop], "visible", torch.Generator().manual_seed(3), portion)
        assert torch.equal(own, whole[portion.start : portion.stop])


def test_each_process_takes_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert own_device("auto") == "auto"
    monkeypatch.setattr(processes, "_current", Group(5, 8))
    assert own_device("auto") == own_device("cuda") == "cuda:1"
    assert own_device("cpu") == "cpu"
    with pytest.raises(UsageError, match="cuda:0 is one GPU"):
        own_device("cuda:0")
    monkeypatch.setenv("LOCAL_RANK", "2")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    with pytest.raises(UsageError, match="4 processes on this machine and 2 GPUs"):
        own_device("auto")
