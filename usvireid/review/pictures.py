"""Pictures of crops for the page: made from the files as long as they are there, by row number only."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from PIL import Image, ImageOps

from usvireid.data.crops import Crops, Images
from usvireid.data.decoding import UnreadableImage, as_rgb, open_image, quiet_pillow, read_image_file

MEDIA_TYPE: Final = "image/jpeg"
_LARGEST = (256, 512)
_QUALITY = 85


class Pictures:
    """Pictures of rows of crops; nothing but an integer chooses one.

    Args:
        crops: whose files are read.
        images: their decoded pixels, which stand in where a file has gone or changed into something unreadable.
    """

    def __init__(self, crops: Crops, images: Images) -> None:
        self._files = crops.files()
        self._images = images

    def __len__(self) -> int:
        return len(self._files)

    def of(self, row: int) -> bytes:
        """A file of `MEDIA_TYPE`, at most 256 x 512 pixels, without the metadata of the original.

        Raises:
            IndexError: there is no such row.
        """
        if not 0 <= row < len(self._files):
            raise IndexError(row)
        try:
            with quiet_pillow(), open_image(read_image_file(self._files[row])) as image:
                image.draft(None, (2 * max(_LARGEST), 2 * max(_LARGEST)))
                picture = as_rgb(ImageOps.exif_transpose(image))
                picture.thumbnail(_LARGEST)
        except (OSError, UnreadableImage):
            picture = Image.fromarray(np.ascontiguousarray(self._images(np.array([row]))[0]))
        file = io.BytesIO()
        picture.save(file, format="JPEG", quality=_QUALITY)
        return file.getvalue()
