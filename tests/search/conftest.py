"""One small index for all tests that search, made by the command itself."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import draw_person, write_finished_run
from usvireid.display import Display
from usvireid.search.build import index_run
from usvireid.search.index import Index, open_index

PEOPLE = 17


@dataclass(frozen=True)
class Indexed:
    """Where data, run and index stand, and the truth about the crops."""

    data: Path
    run: Path
    folder: Path
    truth: pd.DataFrame

    def index(self) -> Index:
        return open_index(self.folder)


def write_tracks(root: Path, people: int = PEOPLE) -> pd.DataFrame:
    """Two cameras of each modality, everybody once in each, two crops a track; each camera sees two at a time."""
    rows = []
    for modality in ("visible", "infrared"):
        (root / modality).mkdir(parents=True)
        for who in range(people):
            for camera in range(2):
                for shot in range(2):
                    path = f"{modality}/{who:02d}_{camera}{shot}.png"
                    draw_person(who, 2 * camera + shot, modality == "infrared").save(root / path)
                    frame = 100 * (who // 2) + 10 * shot + who % 2
                    rows.append((path, modality, f"{modality[0]}{camera}", f"t{who}", frame, frame / 10, who))
    columns = ["path", "modality", "camera", "track", "frame", "time", "identity"]
    table = pd.DataFrame(rows, columns=columns)
    table.to_csv(root / "crops.csv", index=False)
    return table


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Indexed:
    """An index that no test writes to."""
    folder = tmp_path_factory.mktemp("indexed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("USVIREID_CACHE", str(folder / "cache"))
        truth = write_tracks(folder / "data")
        (folder / "data" / "visible" / "03_00.png").write_bytes(b"no image")
        run = write_finished_run(folder / "run", folder / "data")
        index_run(run, None, folder / "index", None, Display())
    return Indexed(folder / "data", run, folder / "index", truth)


@pytest.fixture
def query() -> np.ndarray:
    """A picture that no index has seen."""
    return np.asarray(draw_person(5, 99, infrared=False))
