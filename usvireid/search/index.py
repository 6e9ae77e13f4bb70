"""An index, opened: tracklets to compare with, their crops and pictures, and what their scores mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.numpy import load_file

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.search import folder as files
from usvireid.search.calibration import Calibration, Curve
from usvireid.search.flat_file import read_flat
from usvireid.search.gallery import Gallery
from usvireid.search.thumbnails import Thumbnails
from usvireid.search.tracklets import Tracklets

TABLE_COLUMNS: Final = (names.PATH, names.MODALITY, names.CAMERA, names.TRACK, names.FRAME, names.TIME)
"""Of `crops.csv`, which has `tracklet` and `digest` beside them; identities and splits stay where they were."""
TRACKLET: Final = "tracklet"
DIGEST: Final = "digest"


@dataclass(frozen=True)
class Index:
    """Everything a search needs.

    Attributes:
        folder: where it stands.
        facts: what `index.json` says.
        tracklets: the crops in their tracklets; their paths are as in the data that the index was made of.
        digests: of each crop's file, in hexadecimal digits, by row.
        gallery: the tracklets as they are compared.
        features: float32, N x D; of each crop, as read by `flat_file.read_flat`.
        thumbnails: of each crop.
        calibration: from standard scores to chances; None where there is none, and `facts["why_not"]` says why.
        same: float32; standard scores of the halves of one track.
        different: float32; standard scores of tracks known to be two people.
    """

    folder: Path
    facts: Mapping[str, Any]
    tracklets: Tracklets
    digests: tuple[str, ...]
    gallery: Gallery
    features: np.ndarray
    thumbnails: Thumbnails
    calibration: Calibration | None
    same: np.ndarray
    different: np.ndarray

    @property
    def why_not(self) -> str | None:
        """Why there is no calibration; None where there is one."""
        return None if self.calibration is not None else str(self.facts.get("why_not"))

    def features_of(self, rows: slice) -> np.ndarray:
        """Features of some crops, float32, copied."""
        return np.array(self.features[rows], dtype=np.float32)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What a person calls the tracklets: TRACK, or CAMERA/TRACK where another has the same, or the crop's path."""
        table = self.tracklets.crops.table.iloc[self.tracklets.first]
        several = table[names.TRACK].duplicated(keep=False) & table[names.CAMERA].notna()
        full = table[names.CAMERA] + "/" + table[names.TRACK]
        named = table[names.TRACK].mask(several, full)
        return tuple(map(str, named.fillna(table[names.PATH])))

    def name(self, tracklet: int) -> str:
        """What a person calls a tracklet."""
        return self.names[tracklet]


def open_index(folder: Path) -> Index:
    """Open an index; nothing else than its folder is needed.

    Raises:
        UsageError: no index.
        DataError: of another version, or damaged; the file is named.
    """
    facts = files.read_facts(folder)
    table, digests, start = _read_table(folder / files.TABLE)
    tracklets = Tracklets(table, start)
    arrays = _read_arrays(folder / files.ARRAYS)
    features = read_flat(folder / files.FEATURES)
    try:
        sides = (tracklets.of_modality(names.VISIBLE), tracklets.of_modality(names.INFRARED))
        gallery = Gallery(
            read_flat(folder / files.TRACKLETS),
            arrays["centres"],
            arrays["mean"],
            arrays["spread"],
            (sides[0], slice(sides[0].stop, len(tracklets))),
        )
        if len(gallery) != len(tracklets) or len(features) != len(table):
            raise files.damaged(folder / files.ARRAYS)
        return Index(
            folder=folder,
            facts=facts,
            tracklets=tracklets,
            digests=digests,
            gallery=gallery,
            features=features,
            thumbnails=Thumbnails(folder / files.THUMBNAILS, arrays["thumbnails"]),
            calibration=_calibration(facts.get("calibration")),
            same=arrays["same"],
            different=arrays["different"],
        )
    except (LookupError, TypeError, ValueError):
        raise files.damaged(folder / files.FACTS) from None


def _read_table(path: Path) -> tuple[Crops, tuple[str, ...], np.ndarray]:
    try:
        raw = pd.read_csv(path, dtype="string", keep_default_na=False, na_values=[""])
        tracklet = raw[TRACKLET].astype(np.int64).to_numpy()
        digests = tuple(raw[DIGEST].fillna("").tolist())
    except (OSError, ValueError, LookupError):
        raise files.damaged(path) from None
    start = np.append(np.flatnonzero(np.diff(tracklet, prepend=-1)), len(raw)).astype(np.int64)
    return Crops.from_table(path.parent, raw, str(path)), digests, start


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        arrays: dict[str, np.ndarray] = load_file(path)
    except (SafetensorError, OSError):
        raise files.damaged(path) from None
    return arrays


def _calibration(content: Any) -> Calibration | None:
    if content is None:
        return None
    return Calibration({str(kind): Curve.of_dict(curve) for kind, curve in content.items()})
