"""Hand-made tracks of a recording, as the PETS 2009 annotations are written, and how boxes overlap."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pandas as pd

OVERLAP = 0.5
"""Intersection over union from which two boxes count as the same person."""


def read_tracks(path: Path) -> pd.DataFrame:
    """A row a box: frame, identity, left, top, width, height (pixels)."""
    rows = []
    for frame in ElementTree.parse(path).getroot().iter("frame"):
        for person in frame.iter("object"):
            box = person.find("box")
            if box is None:
                raise SystemExit(f"{path}: frame {frame.get('number')}: an object without a box")
            width, height, x, y = (float(box.attrib[name]) for name in ("w", "h", "xc", "yc"))
            identity = int(person.attrib["id"])
            rows.append((int(frame.attrib["number"]), identity, x - width / 2, y - height / 2, width, height))
    return pd.DataFrame(rows, columns=["frame", "identity", "left", "top", "width", "height"])


def overlaps(boxes: np.ndarray, others: pd.DataFrame) -> np.ndarray:
    """Intersection over union of boxes (N x 4: left, top, width, height) with those of a table (float, N x M)."""
    theirs = others[["left", "top", "width", "height"]].to_numpy(dtype=np.float64)
    one, other = boxes[:, None], theirs[None]
    size = np.minimum(one[..., :2] + one[..., 2:], other[..., :2] + other[..., 2:]) - np.maximum(
        one[..., :2], other[..., :2]
    )
    common = np.prod(np.maximum(size, 0), axis=-1)
    both = np.prod(one[..., 2:], axis=-1) + np.prod(other[..., 2:], axis=-1) - common
    shares: np.ndarray = common / both
    return shares
