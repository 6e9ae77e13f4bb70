"""The rows of the table, and who gets the first pictures."""

import numpy as np

from tests.quality.made_labels import R, V, made_crops, made_labels
from usvireid.quality.page.album import make_album
from usvireid.quality.page.people import Standing, rows_by_turn, table_of_people
from usvireid.quality.strips import pseudo_identities


def test_everybody_gets_a_picture_of_each_side_before_anybody_gets_a_second():
    identity = [0] * 15 + [1] * 5 + [0] * 10
    labels = made_labels([V] * 20 + [R] * 10, identity, identity, list(np.linspace(1, 0.1, 30)))
    rows = list(rows_by_turn(pseudo_identities(labels)))
    assert rows[:3] == [0, 20, 15] and len(rows) == len(set(rows)) == 8 + 8 + 5
    assert rows[3:5] == [14, 29]


def test_a_row_of_the_table():
    modalities = [V, V, R, R, V]
    crops = made_crops(modalities, camera=["b\x1b", "a", None, "a", None])
    labels = made_labels(modalities, [3, 4, 6, 6, -1], [2, 2, 2, 2, 5], [0.5, 0.9, 0.4, 0.6, 0.0])
    known = np.array([0, 0, 1, -1, 0])
    first, second = table_of_people(
        pseudo_identities(labels), {2: Standing(0.25, "Why.", 0.75)}, crops, known, {1: "", 3: ""}
    )
    assert first == {
        "number": 2,
        "confidence": 0.6,
        "doubt": 0.25,
        "reason": "Why.",
        "link": 0.75,
        "right": False,
        "cameras": r"a, b\x1b",
        "sides": [[2, "3, 4", [1]], [2, "6", [3]]],
    }
    assert (
        second["sides"] == [[1, "", [4]], [0, "", []]] and second["doubt"] is second["link"] is second["right"] is None
    )
    assert table_of_people(pseudo_identities(labels), {}, crops, None, {})[0]["right"] is None


def test_an_album_without_pictures_and_one_with_smaller_ones():
    def plain(rows):
        return np.zeros((len(rows), 256, 128, 3), dtype=np.uint8)

    assert make_album([1], [2], 1, None, False).pictures == {}
    album = make_album([3, 1, 3], iter([1, 2, 3, 2]), 10, plain, True)
    assert list(album.pictures) == [3, 1, 2] and album.wanted == 3 and album.blurred
    assert list(album.sources([2, 9])) == [2] and album.source(2).startswith("data:image/webp;base64,")
    smaller = make_album([3], [], 3000, plain, False)
    assert len(smaller.pictures[3]) <= len(album.pictures[3])
