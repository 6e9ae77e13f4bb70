"""Small pictures: the right rows, bounded, and heads that cannot be brought back."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from usvireid.quality.pictures import PictureStyle, blur_head, encode_picture, encode_within


def opened(content: bytes) -> np.ndarray:
    picture = Image.open(io.BytesIO(content))
    assert picture.format == "WEBP" and not picture.info.get("exif")
    return np.asarray(picture.convert("RGB")).astype(int)


def grey_by_row(rows):
    return np.broadcast_to(rows.astype(np.uint8)[:, None, None, None], (len(rows), 256, 128, 3))


def test_pictures_are_small_and_of_the_right_rows():
    found = encode_within(np.arange(99, -1, -1), grey_by_row, PictureStyle(), 10**9)
    assert list(found) == list(range(99, -1, -1))
    picture = opened(base64.b64decode(found[90]))
    assert picture.shape == (128, 64, 3) and np.abs(picture - 90).max() <= 3


def test_the_first_rows_come_first_when_room_is_short():
    whole = encode_within(np.arange(200), grey_by_row, PictureStyle(), 10**9)
    sizes = np.cumsum([len(text) for text in whole.values()])
    some = encode_within(np.arange(200), grey_by_row, PictureStyle(), int(sizes[129]))
    assert list(some) == list(range(130)) and some.items() <= whole.items()
    assert encode_within(np.arange(200), grey_by_row, PictureStyle(), 0) == {}
    assert encode_within(np.arange(0), grey_by_row, PictureStyle(), 100) == {}


@pytest.mark.parametrize("shape", [(40, 20, 3), (288, 144, 3), (3, 2, 3), (1, 1, 3), (20, 90, 3)])
def test_a_blurred_head_holds_a_few_fields_and_the_rest_is_as_it_was(shape):
    picture = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    before = picture.copy()
    blurred = blur_head(picture)
    rows = max(1, round(0.3 * shape[0]))
    assert np.array_equal(picture, before) and blurred.shape == shape
    assert np.array_equal(blurred[rows:], picture[rows:])


def test_two_heads_of_the_same_fields_look_the_same():
    """What is left depends on the mean of a few fields alone, so that nothing finer can be computed back."""
    rng = np.random.default_rng(0)
    first = rng.integers(0, 255, (100, 40, 3), dtype=np.uint8)
    second = first.copy()
    head = second[:30].reshape(3, 10, 4, 10, 3)
    for i in range(3):
        for j in range(4):
            field = head[i, :, j].reshape(-1, 3)
            head[i, :, j] = rng.permutation(field).reshape(10, 10, 3)
    assert not np.array_equal(first[:30], second[:30])
    # Means are rounded once along and once across.
    assert np.abs(blur_head(first)[:30].astype(int) - blur_head(second)[:30]).max() <= 1
    assert encode_picture(first, PictureStyle(blur_heads=True)) != encode_picture(first, PictureStyle())


@pytest.mark.parametrize("shape", [(1, 8, 4), (2, 8, 4, 3), (1, 3, 8, 4)])
def test_other_pictures_are_refused(shape):
    with pytest.raises(ValueError, match="images must return uint8"):
        encode_within(np.array([0]), lambda rows: np.zeros(shape, dtype=np.uint8), PictureStyle(), 10**6)
