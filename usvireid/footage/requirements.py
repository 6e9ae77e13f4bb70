"""The libraries that footage needs beside the house's own."""

from __future__ import annotations

import importlib
from typing import Final

from usvireid.errors import UsvireidError

LIBRARIES: Final = {"av": "PyAV", "cv2": "OpenCV", "supervision": "supervision", "trackers": "trackers"}
"""Modules, and what they are called."""


def refuse_missing() -> None:
    """See to it that all of them can be imported.

    Raises:
        UsvireidError: one cannot.
    """
    for module, called in LIBRARIES.items():
        try:
            importlib.import_module(module)
        except ImportError as error:
            remedy = "`pip install 'usvireid[video]'` installs it"
            if module == "cv2" and ".so" in str(error):
                # The usual build draws windows; machines without a screen lack what it draws them with.
                remedy = "`pip install --force-reinstall --no-deps 'opencv-python-headless<5'` needs no such library"
            raise UsvireidError(f"footage needs {called}, which does not load ({error}); {remedy}.") from None
