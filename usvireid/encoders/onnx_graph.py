"""An encoder as ONNX: one graph per modality, from pixels to unit features, preprocessing inside."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from usvireid.encoders.interface import Encoder
from usvireid.errors import UsvireidError

INPUT = "images"
OUTPUT = "features"
INSTALL = "pip install onnx onnxruntime onnxscript"


class OneModality(nn.Module):
    """One stream of an encoder, as a function of pixels alone.

    Args:
        encoder: in evaluation mode.
        modality: whose stream.
        mirror: average the unit features of image and mirror image and normalise again, as evaluation does.
    """

    def __init__(self, encoder: Encoder, modality: str, mirror: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self.modality = modality
        self.mirror = mirror

    def forward(self, images: Tensor) -> Tensor:
        """From uint8 N x 3 x H x W, RGB, to float32 N x D, unit rows."""
        if not self.mirror:
            features: Tensor = self.encoder({self.modality: images}).features
            return features
        # Both in one batch: the graph then holds the network once.
        both: Tensor = self.encoder({self.modality: torch.cat([images, images.flip(3)])}).features
        return functional.normalize(both.reshape(2, -1, both.shape[1]).sum(0))


def to_onnx(stream: OneModality, height: int, width: int, facts: Mapping[str, str]) -> bytes:
    """The graph of one stream, with a free batch dimension.

    Its input is `images`, uint8 N x 3 x height x width; its output `features`, float32 N x D.

    Args:
        stream: on the CPU.
        height: of the input, pixels.
        width: of the input, pixels.
        facts: kept in the file as metadata.

    Raises:
        UsvireidError: a package is missing, or the encoder does something that ONNX cannot express.
    """
    missing = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        raise UsvireidError(f"--to onnx needs the package {' and '.join(missing)}; {INSTALL}")
    # Two crops: an export from one would hold the batch dimension fast.
    example = torch.zeros(2, 3, height, width, dtype=torch.uint8)
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                stream,
                (example,),
                dynamo=True,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise UsvireidError(f"PyTorch cannot express this encoder in ONNX ({reason[:200]}).") from None
    assert program is not None  # it is None for the older exporter only
    program.model.metadata_props.update(facts)
    return bytes(program.model_proto.SerializeToString())


def largest_difference(graph: bytes, stream: OneModality, images: np.ndarray) -> float | None:
    """The largest difference of any number in the features between ONNX Runtime and PyTorch, both on the CPU.

    The first image goes through alone and the others together, so that the free batch dimension is tried too.

    Args:
        graph: what `to_onnx` gave for the stream.
        stream: the original.
        images: uint8 N x H x W x 3, N > 1.

    Returns:
        The difference; None where ONNX Runtime is not installed.

    Raises:
        UsvireidError: ONNX Runtime cannot run the graph.
    """
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    import onnxruntime  # an extra: not everybody has it
    from onnxruntime.capi import onnxruntime_pybind11_state as faults

    try:
        session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        return _compared(session, stream, images)
    except (faults.Fail, faults.InvalidArgument, faults.InvalidGraph, faults.NotImplemented) as error:
        reason = " ".join(str(error).split())
        raise UsvireidError(f"ONNX Runtime cannot run the graph of this encoder ({reason[:200]}).") from None


def _compared(session: Any, stream: OneModality, images: np.ndarray) -> float:
    pixels = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    differences = []
    for part in (pixels[:1], pixels[1:]):
        with torch.inference_mode():
            expected = stream(torch.from_numpy(part)).numpy()
        differences.append(np.abs(session.run([OUTPUT], {INPUT: part})[0] - expected).max())
    return float(max(differences))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter from telling about packages that are not here and about its own insides."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
