from fractions import Fraction

from usvireid.footage.clock import Clock


class Stamped:
    def __init__(self, pts: int | None, dts: int | None = None) -> None:
        self.pts, self.dts, self.time_base = pts, dts, Fraction(1, 10)


def times(stamps: list[Stamped]) -> list[float]:
    clock = Clock(10.0, None)
    return [round(clock.time(stamp), 6) for stamp in stamps]


def test_time_never_falls() -> None:
    joined = [Stamped(n) for n in (50, 51, 52, 0, 1, 2)]
    assert times(joined) == [0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert times([Stamped(None), Stamped(None), Stamped(None)]) == [0, 0.1, 0.2]
    shuffled = [Stamped(p, d) for p, d in zip((1, 4, 3, 5, 2, 8, 7, 9, 6), range(2, 11), strict=True)]
    found = times(shuffled)
    assert found == sorted(found)
    assert found[-1] == 0.9
