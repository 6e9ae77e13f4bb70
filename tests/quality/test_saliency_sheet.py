import io

import numpy as np
import pytest
from PIL import Image

from usvireid.quality.saliency_sheet import Panel, draw_sheet, overlaid


def panel(path: str, masks: int) -> Panel:
    random = np.random.default_rng(0)
    return Panel(
        image=random.integers(0, 256, (64, 32, 3), dtype=np.uint8),
        path=path,
        facts="visible",
        saliency=random.random((4, 2)),
        masks=random.random((masks, 4, 2)),
    )


def size_of(png: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(png)) as sheet:
        sheet.load()
        return sheet.size


@pytest.mark.filterwarnings("error")
def test_a_sheet_grows_with_rows_and_sides_and_takes_any_path() -> None:
    odd = panel("$a_1$/" + "long/" * 60 + "人.png", 3)
    one = size_of(draw_sheet([(odd, None)], "title", "note", ["a", "b", "c"]))
    more = size_of(draw_sheet([(odd, odd), (None, odd)], "title", "note", ["a", "b", "c"]))
    assert more[0] > 1.5 * one[0]
    assert more[1] > 1.5 * one[1]
    assert size_of(draw_sheet([(None, panel("a.png", 0))], "title", "note", []))[0] > 0


def test_what_counts_most_is_red_and_what_does_not_is_left_as_it_is() -> None:
    image = np.full((40, 20, 3), 128, dtype=np.uint8)
    saliency = np.zeros((4, 2))
    saliency[0, 0] = 5.0
    shown = overlaid(image, saliency)
    assert shown.shape == (40, 20, 3)
    assert shown[0, 0, 0] > shown[0, 0, 2] + 0.2
    assert shown[-1, -1] == pytest.approx(np.full(3, 128 / 255))
    assert overlaid(image, np.zeros((4, 2))) == pytest.approx(np.full((40, 20, 3), 128 / 255))
