"""Three clusters of crops with names that mean harm, and questions about them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from usvireid.data.crops import Crops
from usvireid.review.session import Session
from usvireid.review.tasks import CLUSTER, LINK, PAIR, Task

NAMES = [
    'visible/<script>alert("1")</script>.png',
    "visible/\"><img src=x onerror=alert('2')>.png",
    "visible/line\nfeed.png",
    "visible/" + "long" * 60 + ".png",
    "visible/..%2f..%2fetc%2fpasswd.png",
    "visible/\u202egnp.reversed.png",
    "infrared/{{ 7 * 7 }}.png",
    "infrared/é, ü; 'quoted'.png",
    "infrared/a\tb.png",
    "infrared/plain.png",
]


def rows(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


def task(kind: str, first: np.ndarray, second: np.ndarray | None = None, picked: np.ndarray | None = None) -> Task:
    nothing = rows()
    return Task(
        kind, 0.5, f"a {kind}", first, nothing if second is None else second, nothing if picked is None else picked
    )


TASKS = [
    task(CLUSTER, rows(0, 1, 2), picked=rows(1)),
    task(CLUSTER, rows(3, 4, 5)),
    task(LINK, rows(0, 1, 2), rows(6, 7)),
    task(PAIR, rows(0, 1, 2), rows(3, 4, 5)),
]


def images_of(rows: np.ndarray) -> np.ndarray:
    """Each row in a grey of its own."""
    return np.broadcast_to((20 * rows).astype(np.uint8)[:, None, None, None], (len(rows), 32, 16, 3))


@pytest.fixture
def crops(tmp_path: Path) -> Crops:
    root = tmp_path / "data"
    for row, name in enumerate(NAMES):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 40), (20 * row, 0, 0)).save(root / name)
    table = pd.DataFrame({"path": NAMES, "modality": [name.partition("/")[0] for name in NAMES]})
    table["camera"] = ["<b>c1</b>"] * 3 + [None] * 7
    table["frame"] = range(len(NAMES))
    return Crops.from_table(root, table, "test")


@pytest.fixture
def session(tmp_path: Path, crops: Crops) -> Session:
    return Session(tmp_path / "reviews.csv", crops, TASKS, "<i>run</i>")
