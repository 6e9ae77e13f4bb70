"""Upright people by histograms of oriented gradients: the people detector that comes with OpenCV 4."""

from __future__ import annotations

import cv2
import numpy as np

from usvireid.errors import UsvireidError
from usvireid.footage.detectors.detector import Detections
from usvireid.footage.detectors.overlaps import kept_by_overlap
from usvireid.footage.detectors.size import PersonSize
from usvireid.footage.detectors.walked import STAYED, Walked
from usvireid.footage.frames import Frame

FILLED = (32.0, 100.0)
"""Width and height that a person fills in the detector's window of 64 x 128, which shows some ground and wall too."""
LEAST_PERSON = 64
"""Pixels; the frame is enlarged until a person of this height fills the window."""
LONGEST = 1280
"""Pixels along the longer side that are searched at most; the work grows with the square."""
STRIDE = (8, 8)
STEP = 1.05
"""Pixels between two windows, and factor between two sizes of the picture: those of the paper."""
SAME = 0.3
"""Intersection over union from which the weaker of two boxes is dropped."""
LEAST = 0.2
"""Distance from the classifier's plane from which a window counts."""
EVEN = 0.5
"""Distance that scores one half, which begins a track."""
CLEAR = 0.8
"""Distance from which a box tells how tall people are."""
MISFIT = 0.3
"""Natural logarithm of the ratio to the expected height beyond which a box is no person."""


class Hog:
    """The people detector of Dalal and Triggs (CVPR 2005) with the weights in OpenCV 4; OpenCV 5 has dropped it.

    Ours around it: heights of people are learnt from clear finds, and what does not fit them is left out; what never
    walks (a post, a tripod) gets half its score.

    Scores: d / (d + 0.5) of the distance d from the classifier's plane.

    Raises:
        UsvireidError: OpenCV is another than 4.
    """

    name = "hog"

    def __init__(self) -> None:
        if not hasattr(cv2, "HOGDescriptor"):
            raise UsvireidError(
                f"OpenCV {cv2.__version__} has no people detector, 4 has: `pip install 'opencv-python<5'`."
            )
        self._hog = cv2.HOGDescriptor()
        self._hog.setSVMDetector(np.array(cv2.HOGDescriptor.getDefaultPeopleDetector()))
        self._size: PersonSize | None = None
        self._walked = Walked()

    def detect(self, frame: Frame) -> Detections:
        """The people in the next frame."""
        if self._size is None:
            self._size = PersonSize(frame.width, frame.height)
        boxes, distances = self._search(frame)
        if self._size.known:
            expected = self._size.heights((boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3])
            fits = np.abs(np.log((boxes[:, 3] - boxes[:, 1]) / expected)) <= MISFIT
            boxes, distances = boxes[fits], distances[fits]
        kept = kept_by_overlap(boxes, distances, SAME)
        boxes, distances = boxes[kept], distances[kept]
        self._size.learn(boxes[distances >= CLEAR])
        walked = self._walked.update(boxes, frame.time)
        scores = distances / (distances + EVEN) * np.where(walked, 1.0, STAYED)
        return Detections(boxes.astype(np.float32), scores.astype(np.float32))

    def _search(self, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
        """All windows that look like a person, as boxes of the person in pixels of the frame, and their distances."""
        factor = min(FILLED[1] / LEAST_PERSON, LONGEST / max(frame.width, frame.height))
        size = (max(round(frame.width * factor), 64), max(round(frame.height * factor), 128))
        how = cv2.INTER_LINEAR if factor > 1 else cv2.INTER_AREA
        image = cv2.cvtColor(cv2.resize(frame.image, size, interpolation=how), cv2.COLOR_RGB2BGR)
        windows, distances = self._hog.detectMultiScale(
            image, hitThreshold=LEAST, winStride=STRIDE, padding=(16, 16), scale=STEP, groupThreshold=0
        )
        found = np.asarray(windows, np.float64).reshape(-1, 4)
        half = found[:, 2:] / np.array([64.0, 128.0]) * np.array(FILLED) / 2
        middle = found[:, :2] + found[:, 2:] / 2
        back = np.array([frame.width / size[0], frame.height / size[1]])
        boxes = np.column_stack([(middle - half) * back, (middle + half) * back])
        return boxes, np.asarray(distances, np.float64).ravel()
