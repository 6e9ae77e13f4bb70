"""From boxes in each frame to tracks: ByteTrack of the library `trackers` (Apache-2.0)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from usvireid.errors import UsvireidError
from usvireid.footage.detectors.detector import Detections
from usvireid.footage.frames import Frame

if TYPE_CHECKING:
    from trackers import ByteTrackTracker

LOST_AFTER = 2.0
"""Seconds without a box after which a track has ended; whoever comes back later gets a new number."""
SURE = 0.5
"""Boxes of at least this score begin tracks and are matched first; weaker ones only continue what is left."""
LEAST_OVERLAP = 0.02
"""Intersection over union of a box with where its track is expected; low, since people who walk past the camera move
far between two frames of a slow video."""
BOXES_TO_BEGIN = 2
"""Frames in a row that a track needs before it is one."""


@dataclass(frozen=True, eq=False)
class Tracked:
    """A box of a frame that belongs to a track.

    Attributes:
        track: counts the tracks of one video from 0, in the order in which they were confirmed.
        box: float32, left, top, right, bottom in pixels, as the detector gave it.
        score: as the detector gave it.
    """

    track: int
    box: np.ndarray
    score: float


class Tracker(Protocol):
    """Follows people. One object serves one video and sees each frame once, in order."""

    def update(self, frame: Frame, detections: Detections) -> list[Tracked]:
        """Which track each box belongs to; boxes of no track are left out. Ordered by track."""
        ...


def make_tracker(frame_rate: float) -> Tracker:
    """A tracker for one video; numbers begin at 0 for each, whatever ran before in the same process.

    Args:
        frame_rate: frames a second, on average; the time stamps of the frames tell how far apart they really are.

    Raises:
        ValueError: the frame rate is not a positive number.
        UsvireidError: the library is not installed.
    """
    if not (np.isfinite(frame_rate) and frame_rate > 0):
        raise ValueError(f"frame rate {frame_rate} is not a positive number")
    return _ByteTrack(frame_rate)


class _ByteTrack:
    def __init__(self, frame_rate: float) -> None:
        try:
            from trackers import ByteTrackTracker
            from trackers.utils.state_representations import XCYCSRStateEstimator
        except ImportError as error:
            raise UsvireidError(
                f"tracking needs the library `trackers` ({error}); install it with `pip install 'usvireid[video]'`."
            ) from None
        self._tracker: ByteTrackTracker = ByteTrackTracker(
            frame_rate=frame_rate,
            lost_track_buffer=round(LOST_AFTER * 30),  # the library counts frames of a video of 30 frames a second
            track_activation_threshold=SURE,
            high_conf_det_threshold=SURE,
            minimum_consecutive_frames=BOXES_TO_BEGIN,
            minimum_iou_threshold=LEAST_OVERLAP,
            # Middle, area and shape move, as in SORT; with four free edges a box that is half hidden bends the track.
            state_estimator_class=XCYCSRStateEstimator,
        )
        self._least_step = 0.1 / frame_rate
        self._time: float | None = None

    def update(self, frame: Frame, detections: Detections) -> list[Tracked]:
        import supervision

        # Two frames of one time stamp are met in real files; the library takes rising times only.
        time = frame.time if self._time is None else max(frame.time, self._time + self._least_step)
        self._time = time
        count = len(detections)
        given = supervision.Detections(
            xyxy=detections.boxes.astype(np.float64),
            confidence=detections.scores.astype(np.float64),
            data={"row": np.arange(count)},
        )
        answer = self._tracker.update(given, timestamp=time)
        if answer.tracker_id is None or not len(answer):
            return []
        rows = np.asarray(answer.data["row"], dtype=np.int64)
        tracks = np.asarray(answer.tracker_id, dtype=np.int64)
        return [
            Tracked(int(track), detections.boxes[row], float(detections.scores[row]))
            for track, row in sorted(zip(tracks.tolist(), rows.tolist(), strict=True))
            if track >= 0
        ]
