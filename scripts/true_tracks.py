"""Hand-made tracks of a recording, XML as of PETS 2009: frames with objects, each with an id and a box."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SAME = 0.5
"""Intersection over union from which two boxes count as the same person."""


@dataclass(frozen=True)
class Truth:
    """The true boxes of a frame: identities, N, and left, top, right, bottom, N x 4."""

    ids: np.ndarray
    boxes: np.ndarray


def read_truth(path: Path) -> dict[int, Truth]:
    """The true boxes by frame."""
    frames = {}
    for frame in ElementTree.parse(path).getroot().iter("frame"):
        ids, boxes = [], []
        for thing in frame.iter("object"):
            box = thing.find("box")
            if box is None:
                raise SystemExit(f"{path}: frame {frame.get('number')} has an object without a box.")
            x, y, w, h = (float(box.attrib[name]) for name in ("xc", "yc", "w", "h"))
            ids.append(int(thing.attrib["id"]))
            boxes.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2))
        frames[int(frame.attrib["number"])] = Truth(np.array(ids, int), np.array(boxes, float).reshape(-1, 4))
    return frames
