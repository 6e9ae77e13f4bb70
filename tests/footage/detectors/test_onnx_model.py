from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from usvireid.errors import DataError
from usvireid.footage.detectors.onnx_model import OnnxModel, letterboxed
from usvireid.footage.detectors.onnx_outputs import Layout, decoded, layout_of
from usvireid.footage.frames import Frame

SIDE = 64
CELLS = 64 + 16 + 4
FRAME = Frame(0, 0.0, np.full((32, 64, 3), 200, np.uint8))
"""Twice as wide as high, so that the letterbox has 16 rows above and below, or 32 below."""


def model(
    path: Path,
    output: np.ndarray,
    shape: tuple[int | str, ...] = (1, 3, SIDE, SIDE),
    name: str = "output0",
    kind: int = TensorProto.FLOAT,
) -> Path:
    """A model that answers `output` to every picture (plus nothing of the picture, so that it is used)."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Cast", ["nothing"], ["none"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["answer", "none"], [name]),
    ]
    number = np.float16 if kind == TensorProto.FLOAT16 else np.float32
    constants = [
        numpy_helper.from_array(output.astype(np.float32), "answer"),
        numpy_helper.from_array(np.array(0, number), "zero"),
    ]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("images", kind, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, output.shape)],
        constants,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def yolov8(rows: list[tuple[int, list[float]]], classes: int = 2) -> np.ndarray:
    output = np.zeros((1, 4 + classes, CELLS))
    for cell, values in rows:
        output[0, : len(values), cell] = values
    return output


def yolov5(rows: list[tuple[int, list[float]]], cells: int = 3 * CELLS) -> np.ndarray:
    output = np.zeros((1, cells, 7))
    for cell, values in rows:
        output[0, cell, : len(values)] = values
    return output


def test_yolov8_with_its_letterbox_in_the_middle(tmp_path: Path) -> None:
    # The same person twice, one of another class, one too weak.
    rows = [
        (3, [20, 36, 10, 20, 0.9]),
        (9, [21, 36, 10, 20, 0.6]),
        (5, [50, 30, 10, 20, 0, 0.9]),
        (7, [50, 30, 9, 9, 0.05]),
    ]
    found = OnnxModel(model(tmp_path / "m.onnx", yolov8(rows))).detect(FRAME)
    assert np.allclose(found.boxes, [[15, 10, 25, 30]])
    assert np.allclose(found.scores, [0.9])


def test_yolov5_multiplies_objectness(tmp_path: Path) -> None:
    path = model(tmp_path / "m.onnx", yolov5([(100, [20, 36, 10, 20, 0.5, 0.8]), (200, [50, 36, 10, 20, 0.9, 0.05])]))
    found = OnnxModel(path).detect(FRAME)
    assert np.allclose(found.boxes, [[15, 10, 25, 30]])
    assert np.allclose(found.scores, [0.4])


@pytest.mark.parametrize("in_pixels", [True, False])
def test_yolox_decoded_or_not_in_the_upper_left_corner(tmp_path: Path, in_pixels: bool) -> None:
    # The cell of column 2, row 1 of the grid of stride 16, which follows the 64 of stride 8.
    cell = 64 + 1 * 4 + 2
    if in_pixels:
        output = yolov5([(i, [60, 60, 1, 1, 0, 0]) for i in range(CELLS)], CELLS)
        output[0, cell, :6] = [36, 20, 10, 20, 0.9, 0.9]
    else:
        output = yolov5([(cell, [36 / 16 - 2, 20 / 16 - 1, np.log(10 / 16), np.log(20 / 16), 0.9, 0.9])], CELLS)
    found = OnnxModel(model(tmp_path / "m.onnx", output)).detect(FRAME)
    assert np.allclose(found.boxes, [[31, 10, 41, 30]], atol=1e-4)
    assert np.allclose(found.scores, [0.81])


def test_free_sizes_and_half_precision(tmp_path: Path) -> None:
    free = model(tmp_path / "free.onnx", np.zeros((1, 84, 8400)), ("batch", 3, "height", "width"))
    assert len(OnnxModel(free).detect(FRAME)) == 0
    half = model(tmp_path / "half.onnx", yolov8([(3, [20, 36, 10, 20, 0.9])]), kind=TensorProto.FLOAT16)
    assert len(OnnxModel(half).detect(FRAME)) == 1


def test_nonsense_numbers_are_no_boxes(tmp_path: Path) -> None:
    rows = [
        (1, [np.nan, 1, 1, 1, 0.9]),
        (2, [np.inf, 1, 1, 1, 0.9]),
        (3, [30, 30, -5, 10, 0.9]),
        (4, [30, 30, 0, 10, 0.9]),
    ]
    assert len(OnnxModel(model(tmp_path / "m.onnx", yolov8(rows))).detect(FRAME)) == 0
    score = model(tmp_path / "n.onnx", yolov8([(1, [20, 36, 10, 20, np.nan])]))
    assert len(OnnxModel(score).detect(FRAME)) == 0


@pytest.mark.parametrize("shape", [(1, 10), (1, 300, 6), (2, 84, CELLS), (1, 4, CELLS), (1, CELLS, 5)])
def test_other_outputs_are_named(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = model(tmp_path / "alien.onnx", np.zeros(shape), name="tokens")
    with pytest.raises(DataError, match=f"alien.onnx: its outputs are tokens \\({' x '.join(map(str, shape))}\\)"):
        OnnxModel(path)


@pytest.mark.parametrize(
    ("shape", "kind", "message"),
    [
        ((1, 1, SIDE, SIDE), TensorProto.FLOAT, r"its inputs are images \(1 x 1 x 64 x 64\)"),
        ((4, 3, SIDE, SIDE), TensorProto.FLOAT, r"its inputs are images \(4 x 3"),
        ((1, 3, SIDE), TensorProto.FLOAT, "its inputs are"),
        ((1, 3, SIDE, SIDE), TensorProto.DOUBLE, r"takes pictures of tensor\(double\)"),
    ],
)
def test_other_inputs_are_named(tmp_path: Path, shape: tuple[int, ...], kind: int, message: str) -> None:
    nodes = [helper.make_node("Identity", ["images"], ["out"])]
    ends = [[helper.make_tensor_value_info(name, kind, shape)] for name in ("images", "out")]
    graph = helper.make_graph(nodes, "test", *ends)
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    with pytest.raises(DataError, match=message):
        OnnxModel(path)


def test_what_is_no_model_is_named_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("hello")
    with pytest.raises(DataError, match=r"text\.onnx: is no ONNX model") as caught:
        OnnxModel(path)
    assert "\n" not in str(caught.value)
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"text\.onnx: "):
        OnnxModel(path)


def test_the_letterbox_goes_there_and_back() -> None:
    rng = np.random.default_rng(0)
    for height, width in ((48, 100), (100, 48), (30, 30), (200, 7)):
        for centred in (True, False):
            image, box = letterboxed(rng.integers(0, 255, (height, width, 3), dtype=np.uint8), 64, 96, centred)
            assert image.shape == (64, 96, 3)
            corners = np.array([[0, 0, width, height]], float)
            there = corners * box.scale + np.array([box.left, box.top] * 2)
            assert (there >= 0).all() and (there[:, 2:] <= (97, 65)).all()
            assert np.allclose(box.back(there), corners)


def test_layouts_are_told_by_their_shapes() -> None:
    assert layout_of((1, 8400, 85), 640, 640) is Layout.YOLOX
    assert layout_of((1, 25200, 85), 640, 640) is Layout.YOLOV5
    assert layout_of((1, 84, 8400), 640, 640) is Layout.YOLOV8
    assert layout_of((1, 5, 5460), 416, 640) is Layout.YOLOV8
    assert layout_of((1, 34000, 6), 1280, 1280) is Layout.YOLOX  # four grids: 33,600 + 400
    assert layout_of((1, 300, 6), 640, 640) is None
    assert layout_of((8400, 85), 640, 640) is None


def test_raw_yolox_is_decoded_as_a_plain_loop_would() -> None:
    rng = np.random.default_rng(1)
    output = np.concatenate([rng.normal(0, 1, (1, CELLS, 4)), rng.random((1, CELLS, 3))], axis=2)
    boxes, scores = decoded(output, Layout.YOLOX, SIDE, SIDE)
    row = 0
    for stride in (8, 16, 32):
        for y in range(SIDE // stride):
            for x in range(SIDE // stride):
                a, b, c, d, objectness, person, _ = output[0, row]
                wide, tall = np.exp(c) * stride, np.exp(d) * stride
                middle = ((a + x) * stride, (b + y) * stride)
                expected = [middle[0] - wide / 2, middle[1] - tall / 2, middle[0] + wide / 2, middle[1] + tall / 2]
                assert np.allclose(boxes[row], expected)
                assert scores[row] == pytest.approx(objectness * person)
                row += 1
