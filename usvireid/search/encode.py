"""A picture of a person that the index has not seen, brought into it by the encoder that the index carries."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from PIL import Image

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.data.decoding import UnreadableImage, decode, quiet_pillow
from usvireid.data.looks import COLOR_ABOVE, GREY_BELOW
from usvireid.data.measuring import color_of
from usvireid.devices import choose_compute
from usvireid.encoders.exported import read_exported
from usvireid.encoders.extract import extract
from usvireid.errors import DataError
from usvireid.search import folder as files
from usvireid.search.index import Index
from usvireid.search.query import Query
from usvireid.search.thumbnails import thumbnail

AUTO: Final = "auto"
_BETWEEN: Final = (GREY_BELOW + COLOR_ABOVE) / 2


class IndexEncoder:
    """The encoder of an index, read once.

    Args:
        index: with the encoder's file.
        device: auto, cpu, cuda or cuda:N.

    Raises:
        DataError: the file is damaged.
        UsageError: the device is not here, or the encoder was made by a Python file that is not here.
    """

    def __init__(self, index: Index, device: str) -> None:
        path = index.folder / files.ENCODER
        files.refuse_changed(path, dict(index.facts))
        self._encoder, facts = read_exported(path)
        self._size = int(facts["height"]), int(facts["width"])
        self._compute = choose_compute(device, str(index.facts.get("precision", "auto")))
        self._encoder.to(self._compute.device)

    def pixels(self, content: bytes, path: Path) -> np.ndarray:
        """An image file as the encoder sees it, uint8 H x W x 3.

        Raises:
            DataError: it cannot be decoded.
        """
        try:
            with quiet_pillow():
                return decode(content, *self._size)
        except UnreadableImage as error:
            raise DataError(
                f"{path}: {error}; give an image of a person, or VIDEO:TIME for a frame of a video."
            ) from None

    def resized(self, image: np.ndarray) -> np.ndarray:
        """A part of a frame (uint8, h x w x 3) as the encoder sees it, uint8 H x W x 3; scaled as files are."""
        height, width = self._size
        scaled = Image.fromarray(np.ascontiguousarray(image)).resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(scaled)

    def query(self, pixels: np.ndarray, modality: str, title: str, facts: tuple[str, ...] = ()) -> Query:
        """Encode a picture.

        Args:
            pixels: uint8, H x W x 3, as of `pixels`.
            modality: visible, infrared, or auto: by whether the picture has colours.
            title: what it is called.
            facts: more to say about it.
        """
        if modality == AUTO:
            modality, said = modality_of(pixels)
            facts = (*facts, said)
        table = pd.DataFrame({names.PATH: [title], names.MODALITY: [modality]})
        crops = Crops.from_table(Path(), table, title)
        found = extract(self._encoder, crops, lambda rows: pixels[None].repeat(len(rows), axis=0), self._compute)
        return Query(found.values[0], modality, None, title, (thumbnail(pixels),), facts)


def modality_of(pixels: np.ndarray) -> tuple[str, str]:
    """Visible or infrared, by how far the hue changes over a picture, and what to say about it.

    Args:
        pixels: uint8, H x W x 3.
    """
    color = color_of(pixels)
    modality = names.VISIBLE if color > _BETWEEN else names.INFRARED
    what = "has colours" if modality == names.VISIBLE else "is grey"
    doubt = ", though barely" if GREY_BELOW <= color <= COLOR_ABOVE else ""
    return modality, f"taken for {modality}, as it {what}{doubt}; --query-modality says otherwise"
