import pytest

pytest.importorskip("cv2", reason="OpenCV is not installed (the extra video)")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (the extra video)")
pytest.importorskip("onnx", reason="onnx is not installed (the extra export)")
