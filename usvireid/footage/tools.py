"""The house's own detectors, tracker and chooser."""

from __future__ import annotations

from usvireid.footage.choose import Chooser, Choosing
from usvireid.footage.detectors.detector import Detector
from usvireid.footage.detectors.make import make_detector
from usvireid.footage.extract import Tools
from usvireid.footage.settings import ChoosingSettings
from usvireid.footage.tracking import make_tracker


def own_tools() -> Tools:
    """What an ingest looks at recordings with."""
    return Tools(_detector, make_tracker, _chooser)


def _detector(text: str, modality: str) -> Detector:
    return make_detector(text, modality=modality)


def _chooser(settings: ChoosingSettings) -> Chooser:
    return Chooser(Choosing(**settings.model_dump()))
