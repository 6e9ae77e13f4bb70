"""People as what walks before a fixed camera: a background model, no weights, any modality."""

from __future__ import annotations

import cv2
import numpy as np

from usvireid.footage.detectors.alone import Learner, is_whole
from usvireid.footage.detectors.background import Background, Difference
from usvireid.footage.detectors.blobs import joined, pieces_of
from usvireid.footage.detectors.detector import Detections
from usvireid.footage.detectors.ghosts import is_ghost
from usvireid.footage.detectors.groups import split
from usvireid.footage.detectors.size import PersonSize
from usvireid.footage.detectors.walked import STAYED, Walked
from usvireid.footage.frames import Frame

WORKING = 768
"""Larger frames are shrunk to so many pixels along the longer side; boxes come back in pixels of the frame."""
LEAST_AREA = 20
"""Pixels below which a fragment is noise."""
ONE = (1.2, 1.4)
"""Height and width, against those expected, up to which a blob is one person."""
PART = 0.45
"""Height against the expected one below which a blob is no person, nor what shows of one."""
THIN = 0.18
"""Area against that of the expected box below which a blob is none."""
BREAKS = 24
"""While no size is known, breaks up to this part of the height of the frame are closed."""
UNKNOWN = 0.6
"""Score of a blob of the right shape while no size is known."""


class Motion:
    """Finds people who move, as blobs that differ from a learnt background (ours, around OpenCV's MOG2).

    The size of people is learnt from blobs that stand alone; with it fragments are joined and groups are split. What
    never moves from its place (a clock in the picture, a branch, a lamp) gets a low score.

    Scores: how well the height of a blob fits, or how much of a person's core lies in the mask; halved for what has
    not walked.

    Args:
        colour: whether the footage may have colours; shadows are left out only then.
    """

    name = "motion"

    def __init__(self, colour: bool = True) -> None:
        self._background = Background(colour)
        self._walked = Walked()
        self._size: PersonSize | None = None

    def detect(self, frame: Frame) -> Detections:
        """The people in the next frame; the first frame has none, since nothing is known to compare it with."""
        factor = max(max(frame.width, frame.height) / WORKING, 1.0)
        image = frame.image
        if factor > 1:
            shape = (max(round(frame.width / factor), 1), max(round(frame.height / factor), 1))
            image = cv2.resize(image, shape, interpolation=cv2.INTER_AREA)
        if self._size is None:
            self._size = PersonSize(image.shape[1], image.shape[0])
            self._learner = Learner(self._size)
        difference = self._background.compare(image, frame.time)
        found = self._people(difference, self._size, self._learner, frame.time)
        boxes = np.array([box for box, _ in found], np.float64).reshape(-1, 4)
        walked = self._walked.update(boxes, frame.time)
        scores = np.array([score for _, score in found], np.float64) * np.where(walked, 1.0, STAYED)
        boxes = (boxes + np.tile(difference.shift, 2)) * factor
        return Detections(boxes.astype(np.float32), scores.clip(0, 1).astype(np.float32))

    def _people(
        self, difference: Difference, size: PersonSize, learner: Learner, time: float
    ) -> list[tuple[tuple[float, ...], float]]:
        """Boxes and how well each fits."""
        mask = cv2.morphologyEx(difference.mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        pieces = [piece for piece in pieces_of(mask, LEAST_AREA) if not is_ghost(piece, difference)]
        learner.learn(pieces, mask.shape, time)
        if not size.known:
            closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((max(len(mask) // BREAKS, 1), 1), np.uint8))
            pieces = [piece for piece in pieces_of(closed, LEAST_AREA) if not is_ghost(piece, difference)]
            return [(piece.box, UNKNOWN) for piece in pieces if is_whole(piece, mask.shape)]
        found: list[tuple[tuple[float, ...], float]] = []
        for piece in joined(pieces, size):
            width, height = piece.expected(size)
            if piece.area < THIN * width * height or piece.height < PART * height:
                continue
            if piece.height <= ONE[0] * height and piece.width <= ONE[1] * width:
                found.append((piece.box, min(piece.height / height, height / piece.height)))
            else:
                boxes, shares = split(mask, piece, size)
                found += zip(map(tuple, boxes.tolist()), shares.tolist(), strict=True)
        return found
