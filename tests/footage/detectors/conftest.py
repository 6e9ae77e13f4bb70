import pytest

pytest.importorskip("cv2", reason="OpenCV is not installed (the extra video)")
