"""What `usvireid index` does: from a run and crops to a folder that can be searched without either."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import save

from usvireid import __version__, names
from usvireid.data.cache import cache_folder
from usvireid.data.digests import content_digests
from usvireid.data.travel import read_travel
from usvireid.devices import Compute, choose_compute
from usvireid.display import Display
from usvireid.encoders.exported import write_exported
from usvireid.encoders.extract import extract
from usvireid.layers import make_settings
from usvireid.loading import Data, open_data
from usvireid.search import folder as files
from usvireid.search.calibration import LEAST_TRACKLETS, Calibration, calibrate, calibrated_kinds
from usvireid.search.flat_file import FlatWriter, read_flat
from usvireid.search.free_truth import KnownPairs, known_pairs
from usvireid.search.gallery import Gallery, make_gallery
from usvireid.search.index import DIGEST, TABLE_COLUMNS, TRACKLET, Index, open_index
from usvireid.search.reliability import reliability
from usvireid.search.thumbnails import ThumbnailWriter
from usvireid.search.tracklets import Tracklets, in_tracklets
from usvireid.trained import Trained, open_trained

_BLOCK = 2048
"""Crops whose features are held at a time."""
_PICTURES = 64
"""Crops whose pixels are held at a time for their thumbnails."""


@dataclass(frozen=True)
class _Source:
    """What an index is made of: crops in the order of their tracklets, their pixels, least seconds between cameras."""

    trained: Trained
    tracklets: Tracklets
    data: Data
    compute: Compute
    travel: Mapping[tuple[str, str], float]


def index_run(run: Path, data: Path | None, out: Path, device: str | None, display: Display) -> Index:
    """Encode crops with the encoder of a run and write an index of them.

    Args:
        run: the run folder.
        data: the crops; None: those of the run.
        out: folder to write; an index that stands there is replaced once the new one is complete.
        device: None: as the run has it.
        display: where to show what happens.

    Raises:
        UsvireidError: not a run folder, no finished epoch, crops that cannot be used, or a folder that cannot be
            written.
    """
    trained = open_trained(run)
    settings = make_settings(
        [
            (str(run), trained.run.settings.model_dump(mode="json")),
            ("options", {} if device is None else {"device": device}),
            ("options", {} if data is None else {"data": {"format": "auto"}}),
        ]
    )
    crops_at = data or trained.run.data
    files.refuse_other(out, crops_at)
    compute = choose_compute(settings.device, settings.precision)
    opened = open_data(crops_at, settings, display, once=True, single=True)
    tracklets, order = in_tracklets(opened.crops)
    travel = settings.constraints.travel
    source = _Source(trained, tracklets, opened.rows(order), compute, {} if travel is None else read_travel(travel))
    trained.encoder.to(compute.device)
    with files.replaced(out) as folder:
        places = _write_crops(folder, source, display)
        write_exported(folder / files.ENCODER, trained.encoder.cpu(), settings, trained.epoch)
        with display.task("calibrating", 1) as advance:
            _write_tracklets(folder, source, places, opened.left_out)
            advance(1)
    return open_index(out)


def _write_crops(folder: Path, source: _Source, display: Display) -> np.ndarray:
    """Write table, features and thumbnails; returns where each thumbnail begins (int64, N + 1)."""
    crops, images = source.data.crops, source.data.images
    encoder, batch = source.trained.encoder, source.trained.run.settings.encoder.batch
    with (
        (folder / files.FEATURES).open("wb") as features_file,
        (folder / files.THUMBNAILS).open("wb") as pictures_file,
        display.task("features", len(crops)) as advance,
    ):
        features = FlatWriter(features_file, len(crops), encoder.width)
        pictures = ThumbnailWriter(pictures_file)
        for low in range(0, len(crops), _BLOCK):
            rows = np.arange(low, min(low + _BLOCK, len(crops)))
            part = source.data.rows(rows)
            found = extract(encoder, part.crops, part.images, source.compute, batch=batch, progress=advance)
            features.add(found.values)
            for start in range(0, len(rows), _PICTURES):
                for picture in images(rows[start : start + _PICTURES]):
                    pictures.add(picture)
        features.close()
    content = content_digests(crops, cache_folder(source.trained.run.settings.data.cache), workers=4).content
    table = crops.table[list(TABLE_COLUMNS)].copy()
    table[TRACKLET] = source.tracklets.of_crop
    table[DIGEST] = [bytes(row).hex() for row in content]
    table.to_csv(folder / files.TABLE, index=False, lineterminator="\n")
    return np.array(pictures.places, dtype=np.int64)


def _write_tracklets(folder: Path, source: _Source, places: np.ndarray, left_out: int) -> None:
    """Write how tracklets are compared, what their scores mean, and the facts."""
    tracklets, device = source.tracklets, str(source.compute.device)
    features = read_flat(folder / files.FEATURES)
    gallery, moments = make_gallery(_sums(features, tracklets), tracklets)
    known = known_pairs(gallery, moments, features, tracklets, source.travel)
    why_not = _why_not(tracklets, gallery)
    calibration = None if why_not else calibrate(gallery, known, device=device)
    arrays = {
        "centres": gallery.centres,
        "mean": gallery.mean,
        "spread": gallery.spread,
        "thumbnails": places,
        "same": known.same,
        "different": known.different,
    }
    with (folder / files.TRACKLETS).open("wb") as file:
        writer = FlatWriter(file, *gallery.values.shape)
        writer.add(gallery.values)
        writer.close()
    content = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    (folder / files.ARRAYS).write_bytes(content)
    files.write_facts(folder, _facts(source, left_out, known, calibration, why_not))


def _sums(features: np.ndarray, tracklets: Tracklets) -> np.ndarray:
    """The sum of the features of each tracklet's crops, float32, T x D."""
    sums = np.empty((len(tracklets), features.shape[1]), dtype=np.float32)
    for low in range(0, len(tracklets), _BLOCK):
        high = min(low + _BLOCK, len(tracklets))
        start = tracklets.start[low : high + 1]
        sums[low:high] = np.add.reduceat(np.array(features[start[0] : start[-1]]), start[:-1] - start[0], axis=0)
    return sums


def _why_not(tracklets: Tracklets, gallery: Gallery) -> str | None:
    """Why scores are not calibrated, in one line; None where they are."""
    if not pd.notna(tracklets.column(names.TRACK)).any():
        return "the crops have no tracks, so nothing is known of who is the same"
    if not calibrated_kinds(gallery):
        return f"it takes {LEAST_TRACKLETS} tracklets of a modality to learn from"
    return None


def _facts(
    source: _Source, left_out: int, known: KnownPairs, calibration: Calibration | None, why_not: str | None
) -> dict[str, Any]:
    run = source.trained.run
    found = {} if calibration is None else reliability(calibration, known)
    return {
        "usvireid": __version__,
        "run": run.folder.resolve().name,
        "epoch": source.trained.epoch,
        "precision": run.settings.precision,
        "crops": len(source.tracklets.crops),
        "tracklets": len(source.tracklets),
        "left_out": left_out,
        "known_same": len(known.same),
        "known_different": len(known.different),
        "why_not": why_not,
        "calibration": None
        if calibration is None
        else {kind: curve.to_dict() for kind, curve in calibration.curves.items()},
        "reliability": {modality: [one.to_dict() for one in bins] for modality, bins in found.items()},
    }
