"""Which detector is meant."""

from __future__ import annotations

from pathlib import Path

from usvireid import names
from usvireid.errors import UsageError, UsvireidError
from usvireid.footage.detectors.detector import Detector

KINDS = "motion, hog, onnx:FILE, boxes:FILE"


def make_detector(text: str, *, modality: str) -> Detector:
    """A new detector for one video.

    Args:
        text: `motion`, `hog`, `onnx:FILE` (a model the user brings) or `boxes:FILE` (boxes from another program).
        modality: of the camera; shadows are looked for in visible footage only.

    Raises:
        UsageError: there is no such detector or no such file.
        UsvireidError: a library that it needs is not installed.
        DataError: the file is no model or no table of boxes.
    """
    if modality not in names.MODALITIES:
        raise ValueError(f"no modality {modality!r}")
    kind, colon, file = text.partition(":")
    try:
        if kind in ("motion", "hog") and not colon:
            return _built_in(kind, colour=modality == names.VISIBLE)
        if kind in ("onnx", "boxes") and file:
            return _from_file(kind, Path(file))
    except ImportError as error:
        raise UsvireidError(
            f"the detector {kind} needs a library that does not load ({error}); "
            f"install it with `pip install 'usvireid[video]'`."
        ) from None
    raise UsageError(f"there is no detector '{text}'; use one of {KINDS}.")


def _built_in(kind: str, colour: bool) -> Detector:
    if kind == "hog":
        from usvireid.footage.detectors.hog import Hog

        return Hog()
    from usvireid.footage.detectors.motion import Motion

    return Motion(colour)


def _from_file(kind: str, path: Path) -> Detector:
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file; {kind}: takes the path of one.")
    if kind == "boxes":
        from usvireid.footage.detectors.boxes_file import BoxesFile

        return BoxesFile(path)
    from usvireid.footage.detectors.onnx_model import OnnxModel

    return OnnxModel(path)
