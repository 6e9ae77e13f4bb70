"""Upright people by histograms of oriented gradients: the people detector that comes with OpenCV 4."""

from __future__ import annotations

import cv2
import numpy as np

from usvireid.errors import UsvireidError
from usvireid.footage.detectors.detector import Detections
from usvireid.footage.detectors.overlaps import kept_by_overlap
from usvireid.footage.frames import Frame

WINDOW = (64, 128)
"""Width and height of the detector's window."""
PERSON = (0.5, 0.75)
"""Share of the window's width and height that the person fills; it was trained with such a border."""
LEAST_PERSON = 48
"""Pixels; frames are enlarged so that people of this height fill the window, at most twice."""
STEP = 1.05
"""Factor between two sizes of the picture that is searched."""
SAME = 0.4
"""Intersection over union from which the weaker of two boxes is dropped."""
LEAST = 0.0
"""Distance from the plane of the classifier from which a window counts."""


class Hog:
    """The people detector of Dalal and Triggs (2005), with the weights in OpenCV 4; OpenCV 5 dropped it.

    Scores: the distance from the classifier's plane, squeezed so that 0 gives 0 and 1 gives 0.76.
    """

    name = "hog"

    def __init__(self) -> None:
        if not hasattr(cv2, "HOGDescriptor"):
            raise UsvireidError(
                f"OpenCV {cv2.__version__} has no people detector; install 4: `pip install 'usvireid[video]'`."
            )
        self._hog = cv2.HOGDescriptor()
        self._hog.setSVMDetector(cv2.HOGDescriptor.getDefaultPeopleDetector())

    def detect(self, frame: Frame) -> Detections:
        """The people in a frame, each box cut to the person within the window."""
        factor = WINDOW[1] * PERSON[1] / LEAST_PERSON
        image = cv2.resize(frame.image, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
        return Detections.none()
