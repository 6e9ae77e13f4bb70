"""Two clips of the same people, drawn once for all tests."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("av", reason="PyAV is not installed (the extra video)")

from tests.footage.clips import make_footage


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with day.mp4 and night.mp4, and the true boxes of each; not to be written to."""
    folder = tmp_path_factory.mktemp("footage")
    return folder, make_footage(folder, people=(1, 2, 3), frames=90)
