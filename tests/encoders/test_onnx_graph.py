import numpy as np
import pytest
import torch

from usvireid.config import Settings
from usvireid.encoders import onnx_graph
from usvireid.encoders.extract import extract
from usvireid.encoders.make import make_encoder
from usvireid.encoders.onnx_graph import OneModality, largest_difference, to_onnx
from usvireid.errors import UsvireidError

pytest.importorskip("onnxscript", reason="needs the extra `export`")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra `export`")

PLAIN: dict = {}
ICRE = {"mpfr": {"use": True}, "sdce": {"use": True}}
EDGES = {"sees": "edges", "gradients": 0.5}
VIT = {"name": "vit-b16", "vit": {"depth": 2, "width": 16, "heads": 2, "shallow": 1}}


def stream_of(parts: dict, modality: str, mirror: bool) -> OneModality:
    settings = {"data": {"height": 32, "width": 16}, "encoder": {"name": "resnet18", "width": 8, **parts}}
    encoder = make_encoder(Settings.model_validate(settings))
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in encoder.parameters():
            # The factors of normalisations: those that begin at zero would hide what comes before them.
            if parameter.ndim == 1:
                parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.3)
    return OneModality(encoder.requires_grad_(False), modality, mirror).eval()


def crops(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 32, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("parts", "modality", "mirror"),
    [(PLAIN, "infrared", False), (ICRE, "visible", True), (EDGES, "infrared", True), (VIT, "visible", True)],
)
def test_the_graph_gives_what_pytorch_gives(parts: dict, modality: str, mirror: bool) -> None:
    stream = stream_of(parts, modality, mirror)
    graph = to_onnx(stream, 32, 16, {"modality": modality})
    session = onnxruntime.InferenceSession(graph)
    assert session.get_modelmeta().custom_metadata_map["modality"] == modality
    for count in (1, 3):
        images = torch.from_numpy(crops(count)).permute(0, 3, 1, 2).contiguous()
        (found,) = session.run(None, {"images": images.numpy()})
        with torch.inference_mode():
            assert np.abs(found - stream(images).numpy()).max() < 1e-4
        assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(count), abs=1e-5)
    # Not every crop the same: otherwise nothing would have been compared.
    assert (found @ found.T).min() < 0.999
    difference = largest_difference(graph, stream, crops(3))
    assert difference is not None
    assert difference < 1e-4
    other = OneModality(stream.encoder, modality, not mirror).eval()
    assert (largest_difference(graph, other, crops(3)) or 0) > 1e-3


def test_a_graph_that_cannot_be_run_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fixed(onnxruntime.InferenceSession):  # a graph that held the batch dimension fast
        def run(self, *arguments, **settings):
            return super().run([], {"images": np.zeros((0, 1), dtype=np.uint8)})

    stream = stream_of(PLAIN, "visible", False)
    graph = to_onnx(stream, 32, 16, {})
    monkeypatch.setattr(onnxruntime, "InferenceSession", Fixed)
    with pytest.raises(UsvireidError, match="ONNX Runtime cannot run the graph of this encoder"):
        largest_difference(graph, stream, crops(2))


def test_with_mirror_it_is_the_feature_that_evaluation_uses(labelled) -> None:
    from usvireid.data.images import open_images
    from usvireid.data.open import open_crops
    from usvireid.devices import choose_compute

    table, store, _ = open_images(open_crops(labelled), 32, 16)
    stream = stream_of(ICRE, "visible", mirror=True)
    rows = table.rows_of("visible")
    expected = extract(
        stream.encoder, table.take(rows), lambda picked: store.images[rows[picked]], choose_compute("cpu", "float32")
    )
    with torch.inference_mode():
        found = stream(torch.from_numpy(store.images[rows]).permute(0, 3, 1, 2))
    assert np.abs(found.numpy() - expected.values).max() < 1e-5


def test_without_the_packages_there_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_graph.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsvireidError, match="pip install onnx onnxruntime onnxscript"):
        to_onnx(stream_of(PLAIN, "visible", True), 32, 16, {})
    assert largest_difference(b"", stream_of(PLAIN, "visible", True), crops(2)) is None
