"""People found by a model that the user brings: ONNX files with the outputs of YOLOX, YOLOv5 and YOLOv8."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as states

from usvireid.errors import DataError
from usvireid.footage.detectors.detector import Detections
from usvireid.footage.detectors.onnx_outputs import Layout, decoded, layout_of
from usvireid.footage.detectors.overlaps import kept_by_overlap
from usvireid.footage.frames import Frame

FREE_SIZE = 640
"""Pixels of the side of the square that a model is given which takes any size."""
GREY = 114
"""What fills the letterbox around the frame; the one these models are trained with."""
LEAST = 0.1
"""Score from which a box is handed on; the tracker follows weak boxes of people it knows."""
SAME = 0.5
"""Intersection over union from which the weaker of two boxes is dropped; people overlap, so it is not lower."""
FAILURES = (
    states.EPFail, states.EngineError, states.Fail, states.InvalidArgument, states.InvalidGraph,
    states.InvalidProtobuf, states.NoSuchFile, states.NotImplemented, states.RuntimeException,
)  # fmt: skip
"""What onnxruntime raises; its errors have no base class of their own."""


@dataclass(frozen=True)
class Letterbox:
    """Where a frame lies in the model's input.

    Attributes:
        scale: pixels of the input for a pixel of the frame.
        left: pixels of the input to the left of the frame.
        top: pixels of the input above the frame.
    """

    scale: float
    left: int
    top: int

    def back(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes, N x 4, in pixels of the frame."""
        result: np.ndarray = (boxes - np.array([self.left, self.top, self.left, self.top])) / self.scale
        return result


def letterboxed(image: np.ndarray, height: int, width: int, centred: bool) -> tuple[np.ndarray, Letterbox]:
    """The image shrunk or enlarged to fit, its shape kept, on grey; in the middle or in the upper left corner."""
    scale = min(height / image.shape[0], width / image.shape[1])
    inner = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    left, top = ((width - inner[0]) // 2, (height - inner[1]) // 2) if centred else (0, 0)
    canvas = np.full((height, width, 3), GREY, np.uint8)
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner, interpolation=how)
    return canvas, Letterbox(scale, left, top)


class OnnxModel:
    """A detector from a file, run by onnxruntime; class 0 is taken to be people, as in COCO.

    The shape of the output tells the kind (`onnx_outputs.py`). YOLOX is given BGR from 0 to 255 with the frame in the
    upper left corner; the others RGB from 0 to 1 with the frame in the middle.

    Args:
        path: the ONNX file.

    Raises:
        DataError: it is no ONNX model, or one with other inputs or outputs; the message names them.
    """

    name = "onnx"

    def __init__(self, path: Path) -> None:
        self._path = path
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what it would print goes into the line of the error
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=_providers())
        except FAILURES as error:
            raise DataError(f"{path}: is no ONNX model that onnxruntime reads ({_line(error)}).") from None
        self._input, self._height, self._width, self._type = self._input_of()
        blank = self._run(np.zeros((1, 3, self._height, self._width), self._type))
        layout = layout_of(blank.shape, self._height, self._width)
        if layout is None:
            raise DataError(
                f"{path}: its outputs are {_listed(self._session.get_outputs())}; a person detector is expected whose "
                f"first output is that of YOLOX, YOLOv5 or YOLOv8, for example 1 x 84 x 8400. Export it without "
                f"non-maximum suppression, or run it elsewhere and use boxes:FILE."
            )
        self._layout = layout

    def detect(self, frame: Frame) -> Detections:
        """The people in a frame."""
        old = self._layout is Layout.YOLOX
        image, letterbox = letterboxed(frame.image, self._height, self._width, centred=not old)
        planes = image.transpose(2, 0, 1)[None]
        values = planes[:, ::-1].astype(self._type) if old else (planes / 255).astype(self._type)
        output = self._run(np.ascontiguousarray(values))
        boxes, scores = decoded(output, self._layout, self._height, self._width)
        whole = np.isfinite(boxes).all(axis=1) & (scores >= LEAST)
        boxes = letterbox.back(boxes[whole])
        scores = scores[whole]
        limit = np.array([frame.width, frame.height, frame.width, frame.height])
        boxes = boxes.clip(-limit, 2 * limit)
        sized = (boxes[:, 2] - boxes[:, 0] >= 1) & (boxes[:, 3] - boxes[:, 1] >= 1)
        boxes, scores = boxes[sized], scores[sized]
        kept = kept_by_overlap(boxes, scores, SAME)
        return Detections(boxes[kept].astype(np.float32), scores[kept].astype(np.float32))

    def _input_of(self) -> tuple[str, int, int, np.dtype[np.floating]]:
        """Name, height, width and type of the picture that the model takes."""
        inputs = self._session.get_inputs()
        kinds: dict[str, np.dtype[np.floating]] = {
            "tensor(float)": np.dtype(np.float32),
            "tensor(float16)": np.dtype(np.float16),
        }
        shape = inputs[0].shape if len(inputs) == 1 else []
        if len(shape) != 4 or shape[1] != 3 or (shape[0] not in (1, None) and not isinstance(shape[0], str)):
            raise DataError(
                f"{self._path}: its inputs are {_listed(inputs)}; one picture is expected, 1 x 3 x height x width."
            )
        if inputs[0].type not in kinds:
            raise DataError(f"{self._path}: takes pictures of {inputs[0].type}; float or float16 are expected.")
        height, width = (side if isinstance(side, int) else FREE_SIZE for side in shape[2:])
        return inputs[0].name, height, width, kinds[inputs[0].type]

    def _run(self, values: np.ndarray) -> np.ndarray:
        """The first output."""
        try:
            return np.asarray(self._session.run(None, {self._input: values})[0])
        except FAILURES as error:
            raise DataError(f"{self._path}: the model fails on a picture ({_line(error)}).") from None


def _providers() -> list[str]:
    """CUDA where this onnxruntime has it, then the processor."""
    wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
    return [provider for provider in wanted if provider in onnxruntime.get_available_providers()]


def _listed(values: Sequence[onnxruntime.NodeArg]) -> str:
    return ", ".join(f"{value.name} ({' x '.join(map(str, value.shape))})" for value in values)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
