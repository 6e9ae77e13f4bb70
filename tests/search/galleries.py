"""Made-up tracklets whose people are known to the tests, and to nothing that is tested."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from usvireid.data.crops import Crops
from usvireid.search.tracklets import Tracklets, in_tracklets


@dataclass(frozen=True)
class World:
    """Tracklets, the features of their crops in the same order, and the person of each tracklet."""

    tracklets: Tracklets
    features: np.ndarray
    person: np.ndarray


def unit_rows(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def make_world(
    people: int = 40, seen: int = 2, crops: int = 3, width: int = 24, noise: float = 0.8, seed: int = 0
) -> World:
    """People walk past two cameras of each modality, `seen` times each; tracks overlap now and then.

    Features are the person's own direction, that of the modality, and noise of the tracklet and of the crop.
    """
    random = np.random.default_rng(seed)
    own = unit_rows(random.standard_normal((people, width)))
    sensor = unit_rows(random.standard_normal((2, width)))
    rows, features, person = [], [], []
    for side, modality in enumerate(("visible", "infrared")):
        for who in range(people):
            for visit in range(seen):
                track = len(person)
                start = int(random.integers(0, people * seen * 6))
                look = own[who] + noise * unit_rows(random.standard_normal((1, width)))[0]
                for crop in range(crops):
                    rows.append(
                        {
                            "path": f"{modality}/{track:04d}_{crop}.png",
                            "modality": modality,
                            "camera": f"{modality[0]}{visit % 2}",
                            "track": f"t{track:04d}",
                            "frame": start + 5 * crop,
                            "time": (start + 5 * crop) / 25,
                        }
                    )
                    features.append(look + sensor[side] + 0.2 * unit_rows(random.standard_normal((1, width)))[0])
                person.append(who)
    crops_table = Crops.from_table(Path(), pd.DataFrame(rows), "made up")
    tracklets, order = in_tracklets(crops_table)
    number = tracklets.crops.table["track"].str.slice(1).astype(int).to_numpy()[tracklets.first]
    return World(tracklets, unit_rows(np.array(features))[order], np.array(person)[number])


def sums_of(world: World) -> np.ndarray:
    """The sum of the features of each tracklet's crops, one after the other."""
    return np.stack([world.features[world.tracklets.rows(t)].sum(axis=0) for t in range(len(world.tracklets))])
