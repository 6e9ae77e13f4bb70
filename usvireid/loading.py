"""The data of a run, opened: crops that can be read, and their pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from usvireid import names
from usvireid.config import Settings
from usvireid.data.cache import cache_folder
from usvireid.data.crops import Crops, Images
from usvireid.data.digests import content_digests
from usvireid.data.images import open_images
from usvireid.data.looks import Looks, doubts_about_looks, look_at
from usvireid.data.open import survey_crops
from usvireid.data.published import differences
from usvireid.display import Display
from usvireid.errors import DataError
from usvireid.training.held_out import training_rows

_NAMED_BAD_IMAGES = 5
"""Unreadable images that are named on the terminal; all of them are counted."""


@dataclass(frozen=True)
class Data:
    """The readable crops of a data folder, their pixels, and how the images of each camera look.

    `left_out` counts the images that cannot be read.
    """

    crops: Crops
    images: Images
    looks: Sequence[Looks] = ()
    left_out: int = 0

    def rows(self, rows: np.ndarray) -> Data:
        """Some of the crops as data of their own."""
        return Data(self.crops.take(rows), lambda picked: self.images(rows[picked]), self.looks)


def open_data(path: Path, settings: Settings, display: Display, *, once: bool = False, single: bool = False) -> Data:
    """Open crops and decode their images, once; what cannot be read is named and left out, or refused if strict.

    What is odd about the data is said here, before anything is made of them: counts other than a benchmark's published
    ones, and cameras whose images look like the other modality.

    Args:
        path: the data.
        settings: of the run.
        display: where to show what happens.
        once: the images are looked at once; they do not stay in the memory of the process then.
        single: one modality alone will do.

    Raises:
        UsvireidError: of the sources and the image cache; each says what to do.
    """
    survey = survey_crops(path, layout=settings.data.format, trial=settings.data.trial, single=single)
    crops = survey.usable()
    for remark in (*survey.remarks, *filter(None, [differences(crops)])):
        display.warn(remark)
    with display.counted("decoding images") as progress:
        readable, store, bad = open_images(
            crops,
            settings.data.height,
            settings.data.width,
            cache_dir=settings.data.cache,
            strict=settings.data.strict,
            progress=progress,
        )
    for image in bad[:_NAMED_BAD_IMAGES]:
        display.warn(f"{crops.root / image.path}: {image.reason}; left out")
    if bad:
        display.warn(f"{len(bad)} of {len(crops)} images cannot be read and are left out (--strict refuses them)")
    images: Images = store.read if once else lambda rows: store.images[rows]
    looks = look_at(readable, images)
    for doubt in doubts_about_looks(looks):
        display.warn(doubt)
    return Data(readable, images, looks, len(bad))


def training_data(data: Data, settings: Settings) -> Data:
    """The crops to train on.

    Raises:
        DataError: a modality has none.
    """
    training = data.rows(training_rows(data.crops, settings))
    for modality in names.MODALITIES:
        if not len(training.crops.rows_of(modality)):
            raise DataError(
                f"{data.crops.root}: no {modality} crop to train on; both modalities need crops"
                + (" of split 'train'." if data.crops.has(names.SPLIT) else ".")
            )
    return training


def fingerprints(crops: Crops, recipe: Path, settings: Settings) -> dict[str, str]:
    """Digests of what is trained on and how, to notice changes while a run goes on.

    Which crops there are, the identities that the recipe sees if any, what the files hold, and the text of the recipe
    and of an encoder of one's own.
    """
    listed = hashlib.sha256()
    for column in (names.PATH, names.MODALITY, *([names.IDENTITY] if crops.has(names.IDENTITY) else [])):
        listed.update("\n".join(crops.table[column].fillna("")).encode())
    # Opening the images has just looked at every file, so that the digests are at hand.
    content = content_digests(crops, cache_folder(settings.data.cache), workers=4).content
    own = Path(settings.encoder.name) if settings.encoder.name.endswith(".py") else None
    return {
        "the list of crops": listed.hexdigest(),
        "the images": hashlib.sha256(np.ascontiguousarray(content).tobytes()).hexdigest(),
        "the recipe": hashlib.sha256(recipe.read_bytes()).hexdigest(),
        **({} if own is None else {"the encoder's file": hashlib.sha256(own.read_bytes()).hexdigest()}),
    }
