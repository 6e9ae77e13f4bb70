"""SYSU-MM01's own draws, from a small file of the same structure."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

from usvireid.config import EvaluationSettings
from usvireid.data.crops import Crops
from usvireid.errors import DataError
from usvireid.evaluation.protocols import plan
from usvireid.evaluation.searches.permutation_file import PERMUTATION_FILE

IMAGES = {(1, 2): 3, (1, 4): 12, (2, 2): 1, (4, 2): 2, (6, 2): 1, (6, 4): 1}
"""Images of a camera and identity."""


def write_permutations(root: Path, trials: int = 3, images: dict[tuple[int, int], int] = IMAGES) -> dict:
    """The file, and its content by camera and identity."""
    rng = np.random.default_rng(0)
    content = {
        key: np.stack([rng.permutation(count) + 1 for _ in range(trials)]).astype(np.uint8)
        for key, count in images.items()
    }
    cells = np.empty((6, 1), dtype=object)
    for camera in range(6):
        cells[camera, 0] = np.empty((5, 1), dtype=object)
        for identity in range(5):
            cells[camera, 0][identity, 0] = content.get((camera + 1, identity + 1), np.empty((0, 0)))
    (root / "exp").mkdir(exist_ok=True)
    savemat(root / PERMUTATION_FILE, {"rand_perm_cam": cells})
    return content


def crops_of(root: Path) -> Crops:
    rows = [
        {
            "path": f"cam{camera}/{identity:04d}/{image:04d}.jpg",
            "modality": "infrared" if camera == 6 else "visible",
            "camera": f"cam{camera}",
            "identity": f"{identity:04d}",
        }
        for (camera, identity), count in IMAGES.items()
        for image in range(1, count + 1)
    ]
    return Crops.from_table(root, pd.DataFrame(rows), "test", "sysu-mm01")


def chosen(**more) -> EvaluationSettings:
    return EvaluationSettings(draw="file", **{"trials": 3, **more})


def test_the_first_images_of_each_permutation_are_drawn(tmp_path):
    content = write_permutations(tmp_path)
    crops = crops_of(tmp_path)
    planned = plan(crops, chosen(shots=["single", "multi"]))
    for search in planned.searches:
        mode, _, shot = search.name.partition(" ")
        cameras = (1, 2, 4, 5) if mode == "all" else (1, 2)
        for trial, gallery in enumerate(search.galleries):
            expected = [
                f"cam{camera}/{identity:04d}/{number:04d}.jpg"
                for identity in (2, 4)
                for camera in cameras
                if (camera, identity) in content
                for number in content[camera, identity][trial][: 1 if shot == "single-shot" else 10]
            ]
            assert crops.table["path"].iloc[gallery].tolist() == expected
    assert str(planned.searches[0].facts["draw"]).startswith("exp/rand_perm_cam.mat ")


def refused(root: Path, **more) -> str:
    with pytest.raises(DataError) as raised:
        plan(crops_of(root), chosen(**more))
    message = str(raised.value)
    assert "\n" not in message and PERMUTATION_FILE in message
    return message


def test_what_is_wrong_is_named(tmp_path):
    assert "not found" in refused(tmp_path)
    write_permutations(tmp_path)
    assert "has 3 trials of identity 0002, cam1" in refused(tmp_path, trials=4)
    write_permutations(tmp_path, images={key: count for key, count in IMAGES.items() if key != (1, 4)})
    assert "no permutation of identity 0004, cam1" in refused(tmp_path)
    write_permutations(tmp_path, images={**IMAGES, (4, 2): 200})
    assert "of identity 0002, cam4, which is not among the readable crops" in refused(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [({"other": np.zeros(3)}, "no array rand_perm_cam"), ({"rand_perm_cam": np.zeros(3)}, "a cell for each camera")],
)
def test_another_file_is_refused(tmp_path, content, message):
    (tmp_path / "exp").mkdir()
    savemat(tmp_path / PERMUTATION_FILE, content)
    assert message in refused(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a MATLAB file", bytes(400)])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "exp").mkdir()
    (tmp_path / PERMUTATION_FILE).write_bytes(content)
    assert "cannot be read as a MATLAB file" in refused(tmp_path)


def test_a_cut_off_file_is_refused(tmp_path):
    write_permutations(tmp_path)
    whole = (tmp_path / PERMUTATION_FILE).read_bytes()
    for length in range(100, len(whole) - 1, 97):
        (tmp_path / PERMUTATION_FILE).write_bytes(whole[:length])
        refused(tmp_path)
