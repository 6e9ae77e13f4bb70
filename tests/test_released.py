"""The preset `released`, term by term, against slow loops written from what is known of HIL's released code.

`docs/method.md` lists every statement beside its test; what other tests hold to a loop already is not repeated here.
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console
from sklearn.cluster import DBSCAN
from torch import Tensor
from torch.nn import functional

from tests.conftest import TINY, tiny_options
from tests.neighbors.test_jaccard import definition
from tests.test_cli import call
from tests.test_workflow import metrics
from usvireid import names
from usvireid.config import Settings
from usvireid.data.crops import Crops
from usvireid.devices import choose_compute
from usvireid.display import Display
from usvireid.encoders.features import Features
from usvireid.encoders.vit import SHALLOW
from usvireid.layers import flatten, make_settings, parse_assignment, read_settings_file
from usvireid.loss_weights import weight_at
from usvireid.matching.labels import PseudoLabels
from usvireid.resources import load_pipeline, locate
from usvireid.terms.parts import MultiCentres
from usvireid.terms.term import Terms
from usvireid.training.batches import Batch
from usvireid.training.experiment import EncodedBatch, Experiment
from usvireid.training.sampling import plan_batches

Captured = pytest.CaptureFixture[str]
CPU = choose_compute("cpu", "float32")
SIZES = {name: TINY[name] for name in ("encoder.name", "encoder.width", "data.height", "data.width", "device")}
V, R = names.MODALITIES
TEMPERATURE = 0.05
Rows = dict[int, list[float]]
"""Identity to a centre, or crop to its feature."""


def preset(*files: str, **changes: str) -> Settings:
    texts = [f"{name}={value}" for name, value in {**SIZES, **changes}.items()]
    layers = [(name, read_settings_file(locate("configs", name))) for name in files]
    return make_settings([*layers, *(("test", parse_assignment(text)) for text in texts)])


class Given(Experiment):
    """An experiment whose encoder sees what it is told."""

    def __init__(self, settings: Settings, features: Features) -> None:
        pixels = np.zeros((len(features), 32, 16, 3), dtype=np.uint8)
        super().__init__(settings, features.crops, lambda rows: pixels[rows], CPU, Display(Console(quiet=True)))
        self._given = features

    def extract_features(self) -> Features:
        return self._given


def people(seed: int, visible: int = 40, infrared: int = 30, number: int = 6, width: int = 16) -> Features:
    """Unit features of people in both modalities, apart by a shift of the modality, and of a few strangers."""
    rng = np.random.default_rng(seed)
    centres = 2 * rng.standard_normal((number, width))
    sides = []
    for count in (visible, infrared):
        shift = rng.standard_normal(width)
        crops = centres[np.repeat(np.arange(number), count)] + rng.standard_normal((number * count, width))
        sides.append(np.concatenate([crops, 3 * rng.standard_normal((8, width))]) + shift)
    modality = [V] * len(sides[0]) + [R] * len(sides[1])
    table = pd.DataFrame({"path": [f"{row}.png" for row in range(len(modality))], "modality": modality})
    values = np.concatenate(sides).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return Features(values, Crops.from_table(Path(), table, "test"))


@pytest.fixture(scope="module")
def given() -> Given:
    return Given(preset("released"), people(0))


@pytest.fixture(scope="module")
def labels(given: Given) -> PseudoLabels:
    """Those of the first epoch across the modalities."""
    return load_pipeline("hil").cluster(given, 31)


STATEMENTS = {
    "encoder.sees": "colours",
    "encoder.gradients": 0,
    "clustering.gradients": 0,
    "neighbors.k1": 30,
    "neighbors.k2": 6,
    "clustering.method": "dbscan",
    "clustering.eps": 0.6,
    "clustering.min_samples": 4,
    "clustering.parts.rule": "fixed",
    "clustering.parts.count": 9,
    "matching.method": "brst-images",
    "matching.tau": 0.5,
    "matching.gradients": 0,
    "matching.center": False,
    "matching.csls_k": 0,
    "memory.momentum": 0.1,
    "memory.temperature": 0.05,
    "memory.centres": "released",
    "memory.shrink": 0.9,
    "memory.instance_momentum": 0.9,
    "losses.own": 1,
    "losses.shared": 1,
    "losses.triplet": 0,
    "losses.icg": 0,
    "losses.mccl_form": "nearest",
    "losses.homogeneous": 0.1,
    "losses.heterogeneous": 0.1,
    "sampling.identities": 8,
    "sampling.instances": 16,
    "augment.second_view": True,
    "augment.remap": 0,
    "constraints.tracks": False,
}


@pytest.mark.parametrize("files", [("released",), ("demo", "released"), ("sysu_mm01", "released")])
def test_the_settings_are_those_of_the_statements(files: tuple[str, ...]) -> None:
    settings = preset(*files)
    found = flatten(settings.model_dump(mode="json"))
    assert {name: found[name] for name in STATEMENTS} == STATEMENTS
    mccl = [weight_at(settings.losses.mccl, epoch) for epoch in range(1, settings.training.epochs + 1)]
    assert settings.training.intra_epochs == 30
    assert mccl == [0] * 30 + [0.1] * 20 + [1.0] * 10


def test_a_settings_file_that_knows_better_comes_after() -> None:
    settings = preset("released", "regdb")
    assert (settings.clustering.eps, settings.matching.tau, settings.clustering.parts.count) == (0.3, 0.8, 2)
    assert settings.losses == preset("released").losses
    vit = preset("released", "hil_vit", **{"encoder.name": "vit-b16"})
    assert (vit.optimizer.name, vit.optimizer.learning_rate) == ("sgd", 3.5e-5)
    assert make_settings([("demo", read_settings_file(locate("configs", "hil_vit")))]).encoder.name == "vit-b16"


def test_the_table_of_statements_names_tests_that_exist() -> None:
    tests = Path(__file__).parent
    named = re.findall(
        r"`([\w/]+/test_\w+\.py|test_\w+\.py)(?:::(\w+))?`", (tests.parent / "docs/method.md").read_text()
    )
    assert len(named) > 25
    for file, name in named:
        assert f"def {name}" in (tests / file).read_text(), (file, name)


def slow_clusters(values: np.ndarray) -> np.ndarray:
    """k-NN of 30 columns, k-reciprocal Jaccard distance with 6 averaged, DBSCAN of 0.6 and 4; over full matrices."""
    distance = 2 - 2 * values.astype(np.float64) @ values.T.astype(np.float64)
    ranks = np.argsort(distance, axis=1, kind="stable")[:, :30]
    jaccard = definition(ranks, values, 30, 6)
    return DBSCAN(eps=0.6, min_samples=4, metric="precomputed").fit(jaccard).labels_


def slow_transmission(values: np.ndarray, visible: np.ndarray, infrared: np.ndarray, cluster: np.ndarray) -> list[int]:
    """The label of every visible image by the two passes, image by image, with tau 0.5."""
    prototypes = {}
    for k in range(cluster[infrared].max() + 1):
        mean = values[infrared[cluster[infrared] == k]].mean(axis=0)
        prototypes[k] = mean / np.linalg.norm(mean)
    favourite = {k: max(float(values[i] @ prototype) for i in visible) for k, prototype in prototypes.items()}
    found = []
    for i in visible:
        cosine = {k: float(values[i] @ prototype) for k, prototype in prototypes.items()}
        chosen = max(cosine, key=lambda k: cosine[k])
        found.append(chosen if cluster[i] >= 0 and cosine[chosen] >= 0.5 * favourite[chosen] else -1)
    return found


def test_an_epoch_is_labelled_as_by_the_loops(given: Given, labels: PseudoLabels) -> None:
    values = given.extract_features().values
    rows = {name: labels.rows_of(name) for name in (V, R)}
    cluster = np.empty(len(values), dtype=np.int64)
    for name in (V, R):
        cluster[rows[name]] = slow_clusters(values[rows[name]])
    assert cluster[rows[V]].max() >= 3
    assert cluster[rows[R]].max() >= 3
    identity = labels.column(names.IDENTITY)
    assert identity[rows[R]].tolist() == cluster[rows[R]].tolist()
    expected = slow_transmission(values, rows[V], rows[R], cluster)
    assert identity[rows[V]].tolist() == expected
    assert (np.array(expected)[cluster[rows[V]] >= 0] < 0).any()
    assert len(labels.shared_identities()) >= 3
    before = load_pipeline("hil").cluster(given, 30)
    assert len(before.shared_identities()) == 0
    assert before.column(names.CLUSTER).tolist() == cluster.tolist()


def test_only_identities_of_more_than_nine_crops_are_divided(given: Given, labels: PseudoLabels) -> None:
    for table in (labels, smaller(labels)):
        divided = load_pipeline("hil").divided(table, given.extract_features(), {}, given.settings.clustering, 0)
        part, identity = divided.column(names.SUB_CLUSTER), divided.column(names.IDENTITY)
        for k in range(identity.max() + 1):
            expected = set(range(9)) if (identity == k).sum() > 9 else {0}
            assert set(part[identity == k]) == expected
        assert set(part[identity < 0]) == {-1}
    assert sorted(np.bincount(identity[identity >= 0]))[:2] == [9, 10]


def smaller(labels: PseudoLabels) -> PseudoLabels:
    """The same labels, the first identity cut down to 9 crops and the second to 10."""
    identity = labels.column(names.IDENTITY).copy()
    for k, count in ((0, 9), (1, 10)):
        identity[np.flatnonzero(identity == k)[count:]] = -1
    return labels.replace(identity=identity)


def mean_of(vectors: Sequence[Sequence[float]]) -> list[float]:
    return [sum(column) / len(vectors) for column in zip(*vectors, strict=True)]


def unit(vector: Sequence[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector]


def dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def moved(old: Sequence[float], new: Sequence[float], keep: float) -> list[float]:
    return unit([keep * a + (1 - keep) * b for a, b in zip(old, unit(new), strict=True)])


def slow_contrast(features: Sequence[Sequence[float]], memory: Rows, labels: Sequence[int]) -> float:
    """Cross-entropy of f M^T / 0.05 against y."""
    losses = []
    for feature, label in zip(features, labels, strict=True):
        score = {k: dot(feature, centre) / TEMPERATURE for k, centre in memory.items()}
        total = sum(math.exp(value) for value in score.values())
        losses.append(-math.log(math.exp(score[label]) / total))
    return sum(losses) / len(losses)


def slow_bank(values: np.ndarray, identity: np.ndarray, part: np.ndarray) -> dict[int, list[list[float]]]:
    """Row 0 the mean m, then 0.9 m + 0.1 (mean of a part) for each part, each of unit length."""
    bank = {}
    for k in sorted(set(identity[identity >= 0].tolist())):
        whole = mean_of(values[identity == k].tolist())
        bank[k] = [unit(whole)]
        for s in sorted(set(part[identity == k].tolist())):
            own = mean_of(values[(identity == k) & (part == s)].tolist())
            bank[k].append(unit([0.9 * a + 0.1 * b for a, b in zip(whole, own, strict=True)]))
    return bank


def slow_nearest(feature: Sequence[float], bank: dict[int, list[list[float]]]) -> tuple[int, float]:
    """The nearest identity p, and -log(pos / (pos + neg))."""
    distance = {k: [math.dist(feature, row) for row in rows] for k, rows in bank.items()}
    p = min(distance, key=lambda k: min(distance[k]))
    pos = sum(1 / d for d in distance[p]) / len(distance[p])
    neg = sum(1 / min(distance[k]) for k in distance if k != p) / (len(distance) - 1)
    return p, -math.log(pos / (pos + neg))


def slow_neighbours(features: Sequence[Sequence[float]], memory: Rows) -> float:
    """Towards those whose similarity exceeds 0.9 of the row's largest, equally."""
    losses = []
    for feature in features:
        cosine = {j: dot(feature, row) for j, row in memory.items()}
        largest = max(cosine.values())
        if largest <= 0:
            continue
        near = [j for j, value in cosine.items() if value > 0.9 * largest]
        total = sum(math.exp(value / TEMPERATURE) for value in cosine.values())
        losses.append(-sum(math.log(math.exp(cosine[j] / TEMPERATURE) / total) for j in near) / len(near))
    return sum(losses) / len(losses)


def batch_of(given: Given, labels: PseudoLabels, seed: int) -> tuple[Batch, EncodedBatch]:
    """A batch of P x K crops as the preset draws it (visible ones in two views), with features made up."""
    sampling = given.settings.sampling
    plan = next(
        plan_batches(
            labels,
            given.crops,
            identities=sampling.identities,
            instances=sampling.instances,
            steps=1,
            generator=np.random.default_rng(seed),
            tracks=False,
        )
    )
    generator = torch.Generator().manual_seed(seed)
    identities, rows, repeats, features = {}, {}, {}, {}
    for name in (V, R):
        views = 2 if name == V else 1
        identities[name] = torch.from_numpy(plan.identities[name].ravel()).repeat(views)
        rows[name] = torch.from_numpy(plan.rows[name].ravel()).repeat(views)
        repeats[name] = views * sampling.instances
        old = torch.from_numpy(given.extract_features().values)[rows[name]]
        new = old + 0.2 * torch.randn(old.shape, generator=generator)
        features[name] = functional.normalize(new, dim=1).requires_grad_()
    encoded = EncodedBatch(features=features, pooled=features, necked=features, extra={})
    return Batch(images={}, identities=identities, rows=rows, repeats=repeats), encoded


@pytest.mark.parametrize("epoch", [31, 52])
def test_an_epoch_learns_as_the_loops_do(given: Given, labels: PseudoLabels, epoch: int) -> None:
    values, identity = given.extract_features().values, labels.column(names.IDENTITY)
    terms = Terms(given, labels, epoch, load_pipeline("hil").TERMS)
    memory = {k: rows[0] for k, rows in slow_bank(values, identity, np.zeros_like(identity)).items()}
    bank = slow_bank(values, identity, labels.column(names.SUB_CLUSTER))
    assert {len(rows) for rows in bank.values()} == {10}
    crops = {name: {int(row): values[row].tolist() for row in labels.rows_of(name)} for name in (V, R)}
    asks, answers = (V, R) if epoch % 2 == 0 else (R, V)
    for seed in (1, 2):  # the second batch shows how the memories moved
        batch, encoded = batch_of(given, labels, seed)
        features = {name: encoded.features[name].tolist() for name in (V, R)}
        who = {name: batch.identities[name].tolist() for name in (V, R)}
        found = terms.losses(batch, encoded)
        expected = {
            "shared": (1.0, slow_contrast(features[V] + features[R], memory, who[V] + who[R])),
            "neighbours across": (0.1, slow_neighbours(features[asks], crops[answers])),
        }
        for name in (V, R):
            nearest = [slow_nearest(feature, bank)[1] for feature in features[name]]
            expected[f"parts {name}"] = (0.1 if epoch == 31 else 1.0, sum(nearest) / len(nearest))
            expected[f"neighbours {name}"] = (0.1, slow_neighbours(features[name], crops[name]))
        assert found.keys() == expected.keys()
        for name, (weight, loss) in expected.items():
            assert found[name][0] == weight, name
            assert found[name][1].item() == pytest.approx(loss, rel=2e-4), name
        terms.update(batch, encoded)
        for name in (V, R):
            for row, label, feature in zip(batch.rows[name].tolist(), who[name], features[name], strict=True):
                memory[label] = moved(memory[label], feature, 0.1)
                crops[name][row] = moved(crops[name][row], feature, 0.9)
    centres = given.memories["shared"].centres
    np.testing.assert_allclose(centres.numpy(), np.array([memory[k] for k in sorted(memory)]), atol=1e-5)


def test_before_the_labels_are_transmitted_each_modality_learns_by_itself(given: Given) -> None:
    values = given.extract_features().values
    labels = load_pipeline("hil").cluster(given, 30)
    identity = labels.column(names.IDENTITY)
    terms = Terms(given, labels, 30, load_pipeline("hil").TERMS)
    batch, encoded = batch_of(given, labels, 3)
    found = terms.losses(batch, encoded)
    assert found.keys() == {"own visible", "own infrared", "neighbours visible", "neighbours infrared"}
    for name in (V, R):
        alone = np.where(np.isin(np.arange(len(identity)), labels.rows_of(name)), identity, -1)
        memory = {k: rows[0] for k, rows in slow_bank(values, alone, np.zeros_like(alone)).items()}
        loss = slow_contrast(encoded.features[name].tolist(), memory, batch.identities[name].tolist())
        assert found[f"own {name}"][1].item() == pytest.approx(loss, rel=2e-4)


VIT = {
    "encoder.name": "vit-b16",
    "encoder.vit.depth": "2",
    "encoder.vit.width": "16",
    "encoder.vit.heads": "2",
    "encoder.vit.shallow": "1",
    "sampling.identities": "4",
    "sampling.instances": "4",
    "clustering.parts.count": "2",
}


def test_with_two_heads_a_crop_counts_where_they_agree() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (40, 32, 16, 3), dtype=np.uint8)
    table = pd.DataFrame({"path": [f"{row}.png" for row in range(40)], "modality": [V] * 20 + [R] * 20})
    table["identity"] = np.tile(np.arange(4), 10)
    crops = Crops.from_table(Path(), table, "test")
    settings = preset("released", "hil_vit", **VIT)
    experiment = Experiment(settings, crops, lambda rows: pixels[rows], CPU, Display(Console(quiet=True)))
    labels = PseudoLabels.of_identities(crops)
    labels = load_pipeline("hil").divided(labels, experiment.extract_features(), {}, settings.clustering, 0)
    term = MultiCentres(experiment, labels, 60)
    identity, part = labels.column(names.IDENTITY), labels.column(names.SUB_CLUSTER)
    banks = [slow_bank(seen, identity, part) for seen in slow_heads(experiment, pixels, labels)]
    batch = next(iter(experiment.batches(labels, 60)))
    encoded = experiment.encode(batch)
    found = term.losses(batch, encoded)
    counted = 0
    for name in (V, R):
        losses = []
        pairs = zip(encoded.features[name].tolist(), encoded.extra[SHALLOW][name].tolist(), strict=True)
        for deep, shallow in pairs:
            p, loss = slow_nearest(deep, banks[0])
            if p == slow_nearest(shallow, banks[1])[0]:
                losses.append(loss)
        counted += len(losses)
        expected = sum(losses) / len(losses) if losses else 0.0
        assert found[f"parts {name}"][1].item() == pytest.approx(expected, abs=1e-4)
    assert 0 < counted < len(batch)


def slow_heads(experiment: Experiment, pixels: np.ndarray, labels: PseudoLabels) -> list[np.ndarray]:
    """What the deep and the shallow head see of every crop, one crop at a time, image and mirror image averaged."""
    experiment.encoder.eval()
    deep, shallow = [], []
    with torch.no_grad():
        for row in range(len(labels)):
            name = V if row in labels.rows_of(V) else R
            image = torch.from_numpy(pixels[row : row + 1]).permute(0, 3, 1, 2)
            seen = [experiment.encoder({name: view}) for view in (image, image.flip(3))]
            deep.append(functional.normalize(sum_of([each.features for each in seen]))[0].numpy())
            shallow.append(functional.normalize(sum_of([each.extra[SHALLOW] for each in seen]))[0].numpy())
    experiment.encoder.train()
    return [np.stack(deep), np.stack(shallow)]


def sum_of(tensors: list[Tensor]) -> Tensor:
    return torch.stack(tensors).sum(0)


SMALL = {
    "neighbors.k1": "6",
    "neighbors.k2": "2",
    "clustering.parts.count": "2",
    "losses.mccl": "[[1, 0], [2, 0.1], [3, 1]]",
}


@pytest.mark.parametrize(
    ("name", "across"),
    [
        ("released", {"shared", "parts visible", "parts infrared", "neighbours across"}),
        ("described", {"shared", "icg", "neighbours across", "parts visible", "parts visible to infrared"}),
    ],
)
def test_a_run_with_a_preset(capfd: Captured, tmp_path: Path, labelled: Path, name: str, across: set[str]) -> None:
    run = tmp_path / "run"
    options = tiny_options(**SMALL)
    code, _, err = call(capfd, "run", labelled, "--config", name, "--out", run, *options)
    assert code == 0, err
    lines = metrics(run)[1:]
    assert [line["phase"] for line in lines] == ["intra", "cross", "cross"]
    assert across <= set(lines[-1]["losses"])
    assert ("own visible" in lines[-1]["losses"]) == (name == "described")
    assert all(math.isfinite(value) for line in lines for value in line["losses"].values())
    report = (run / "report.html").read_text(encoding="utf-8")
    assert "labels look shuffled" not in report
    assert lines[-1]["quality"]["visible"]["torn_share"] in (0, None)
    if name == "released":
        table = pd.read_csv(run / "labels" / "epoch_003.csv")
        visible = table[table["modality"] == V]
        infrared = table[table["modality"] == R]
        assert set(visible["identity"]) - {-1} <= set(infrared["identity"])
        assert ((visible["identity"] < 0) == (visible["role"] == "outlier")).all()
    assert call(capfd, "doubts", run, "--no-features")[0] == 0


def test_what_is_known_is_kept_to_with_labels_image_by_image(capfd: Captured, tmp_path: Path, labelled: Path) -> None:
    run = tmp_path / "run"
    options = tiny_options(**SMALL, **{"constraints.tracks": "true", "known.share": "0.5"})
    command = ("run", labelled, "--config", "released", "--pipeline", "semi_supervised", "--out", run)
    code, _, err = call(capfd, *command, *options, "--stage", "cluster,train")
    assert code == 0, err
    table = pd.read_csv(run / "labels" / "epoch_003.csv")
    truth = pd.read_csv(labelled / "crops.csv").set_index("path").loc[table["path"], "identity"].to_numpy()
    found = [set(table["identity"][truth == person]) for person in set(truth)]
    assert sum(len(each) == 1 and -1 not in each for each in found) >= len(found) / 2
