import cv2
import numpy as np

from usvireid.footage.detectors.blobs import ACROSS, ALONG, CRUMB, TALLER, WIDER, Piece, joined, pieces_of
from usvireid.footage.detectors.groups import split
from usvireid.footage.detectors.size import ASPECT, PersonSize


def flat(height: float = 80.0) -> PersonSize:
    size = PersonSize(400, 300)
    size.learn(np.tile([100.0, 200.0 - height, 130.0, 200.0], (30, 1)))
    return size


def joined_slowly(pieces: list[Piece], size: PersonSize) -> list[Piece]:
    """The definition: look at all pairs, join the nearest, begin anew."""
    left = list(pieces)
    while True:
        best = None
        for a in left:
            for b in left:
                if a is b:
                    continue
                both = a.with_piece(b)
                width, height = both.expected(size)
                across = max(max(a.left, b.left) - min(a.right, b.right), 0) / width
                along = max(max(a.top, b.top) - min(a.bottom, b.bottom), 0) / height
                fits = both.height <= TALLER * height and both.width <= WIDER * width
                crumb = across == along == 0 and min(a.area, b.area) < CRUMB * width * height
                near = across <= ACROSS and along <= ALONG
                if near and (fits or crumb) and (best is None or across + along < best[0]):
                    best = (across + along, a, b)
        if best is None:
            return left
        left = [piece for piece in left if piece is not best[1] and piece is not best[2]] + [
            best[1].with_piece(best[2])
        ]


def boxes_of(pieces: list[Piece]) -> list[tuple[float, ...]]:
    return sorted(piece.box for piece in pieces)


def test_fragments_are_joined_as_by_the_definition() -> None:
    # Widths and gaps are drawn from reals, so that hardly any two gaps are alike; those at 0 are joined in any order.
    size = flat()
    for seed in range(40):
        rng = np.random.default_rng(seed)
        pieces = []
        for i in range(int(rng.integers(0, 9))):
            left, top = rng.integers(0, 60) + 90 * (i % 3), rng.integers(50, 160)
            wide, tall = rng.integers(4, 14), rng.integers(6, 30)
            pieces.append(Piece(int(left), int(top), int(left + wide), int(top + tall), int(wide * tall)))
        apart = [a for a in pieces if all(a is b or _gap(a, b) > 0 for b in pieces)]
        assert boxes_of(joined(apart, size)) == boxes_of(joined_slowly(apart, size)), seed


def _gap(a: Piece, b: Piece) -> int:
    return max(max(a.left, b.left) - min(a.right, b.right), max(a.top, b.top) - min(a.bottom, b.bottom))


def test_a_person_broken_at_the_belt_is_one() -> None:
    halves = [Piece(100, 120, 125, 155, 600), Piece(102, 165, 124, 200, 500)]
    assert boxes_of(joined(halves, flat())) == [(100, 120, 125, 200)]
    assert joined([], flat()) == []
    assert joined(halves[:1], flat()) == halves[:1]


def test_two_people_one_behind_the_other_stay_two() -> None:
    pair = [Piece(100, 20, 125, 100, 1200), Piece(100, 120, 125, 200, 1200)]
    assert len(joined(pair, flat())) == 2


def test_pieces_are_boxes_of_connected_parts() -> None:
    mask = np.zeros((20, 30), np.uint8)
    mask[2:6, 3:9] = 1
    mask[6, 9] = 1  # touches by its corner
    mask[10, 20] = 1
    assert pieces_of(mask, 2) == [Piece(3, 2, 10, 7, 25)]
    assert len(pieces_of(mask, 1)) == 2
    assert pieces_of(np.zeros((5, 5), np.uint8), 1) == []


def group(places: list[tuple[float, float]], size: PersonSize) -> tuple[np.ndarray, list[Piece]]:
    """A mask of people of the expected size, as ellipses, and its pieces."""
    mask = np.zeros((300, 400), np.uint8)
    for x, foot in places:
        tall = size.height(x, foot)
        middle, axes = (round(x), round(foot - tall / 2)), (round(0.4 * tall / ASPECT), round(tall / 2))
        cv2.ellipse(mask, middle, axes, 0, 0, 360, 1, -1)
    return mask, pieces_of(mask, 20)


def test_groups_are_taken_apart() -> None:
    size = flat()
    for places in ([(100, 200), (122, 203)], [(100, 200), (124, 196), (147, 202)], [(100, 200), (112, 240)]):
        mask, pieces = group(places, size)
        assert len(pieces) == 1
        boxes, shares = split(mask, pieces[0], size)
        assert len(boxes) == len(places)
        feet = sorted(((box[0] + box[2]) / 2, box[3]) for box in boxes.tolist())
        for (x, foot), (true_x, true_foot) in zip(feet, sorted(places), strict=True):
            assert abs(x - true_x) < 7
            assert abs(foot - true_foot) < 12
        assert (shares > 0.6).all()


def test_a_blob_without_room_for_anybody_gives_nobody() -> None:
    mask = np.zeros((300, 400), np.uint8)
    mask[280:286, 50:350] = 1
    boxes, shares = split(mask, pieces_of(mask, 1)[0], flat())
    assert len(boxes) == len(shares) == 0
