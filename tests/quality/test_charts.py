"""The charts of the report: everything is drawn, where it belongs."""

import re
from collections import Counter
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usvireid.quality.axes import Chart
from usvireid.quality.charts import Series, line_chart, stacked_bars
from usvireid.quality.histograms import Curve, densities, histogram

values = st.one_of(st.none(), st.floats(-1e6, 1e6), st.integers(-3, 40).map(float), st.sampled_from([1e38, 1e-38]))


class Drawing:
    """A chart taken apart: `dots` and `bars` by their tip, the texts, and the lines by colour."""

    def __init__(self, chart: Chart | None) -> None:
        assert chart is not None
        root = ElementTree.fromstring(chart.svg)
        _, _, self.width, self.height = map(float, root.attrib["viewBox"].split())
        self.summary = root.attrib["aria-label"]
        self.texts = [text.text for text in root.iter("text")]
        self.dots = {use[0].text: (float(use.attrib["x"]), float(use.attrib["y"])) for use in root.iter("use")}
        self.bars = {g.find("title").text: box(g.find("path")) for g in root.iter("g") if g.find("title") is not None}
        self.lines: dict[str, list[tuple[float, float]]] = {}
        for path in root.iter("path"):
            stroke = re.search(r"stroke:([^;]*)", path.attrib.get("style", ""))
            if stroke:
                self.lines.setdefault(stroke[1], []).extend(points(path))


def points(path: ElementTree.Element) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML] (\S+) (\S+)", path.attrib["d"])]


def box(path: ElementTree.Element) -> tuple[float, float, float, float]:
    """Left, right, top, bottom."""
    xs, ys = zip(*points(path), strict=True)
    return min(xs), max(xs), min(ys), max(ys)


def test_lines_bridge_missing_epochs_and_larger_values_stand_higher():
    chart = line_chart("Loss", [0, 1, 2, 3], [Series("a", "visible", [None, 4.0, None, 1.0])], mark=(2, "here"))
    drawing = Drawing(chart)
    early, late = drawing.dots["a, epoch 1: 4"], drawing.dots["a, epoch 3: 1"]
    assert len(drawing.dots) == 2 and drawing.lines["var(--visible)"] == [early, late]
    assert early[0] < late[0] and early[1] < late[1]
    mark = drawing.lines["currentColor"]
    assert early[0] < mark[0][0] == mark[1][0] < late[0] and "here" in drawing.texts
    assert drawing.summary == "Loss. a from 4 to 1"
    assert [(key.name, key.tone, key.shape) for key in chart.legend] == [("a", "visible", "solid")]


@pytest.mark.parametrize("mark", [(0, "here"), (4, "here")])
def test_a_mark_outside_of_the_epochs_is_left_out(mark):
    drawing = Drawing(line_chart("Loss", [0, 1], [Series("a", "visible", [1.0, 2.0])], mark=mark))
    assert "here" not in drawing.texts


def test_axes_begin_at_zero_and_carry_round_numbers():
    drawing = Drawing(line_chart("Rank-1", range(13), [Series("a", "visible", [12.5] * 12 + [33.0])], unit="%"))
    assert drawing.texts == ["0", "2", "4", "6", "8", "10", "12", "epoch", "0%", "10%", "20%", "30%", "40%"]
    drawing = Drawing(line_chart("Crops", [1, 2], [Series("a", "visible", [5.0, 2_345_678.0])]))
    assert drawing.texts[-2:] == ["2,000,000", "2,500,000"] and "a, epoch 2: 2,345,678" in drawing.dots


def test_counts_have_whole_ticks():
    drawing = Drawing(line_chart("Clusters", [1, 2], [Series("a", "visible", [0.0, 2.0])]))
    assert drawing.texts == ["1", "2", "epoch", "0", "1", "2"]


def test_a_single_epoch_and_zeros_are_drawn():
    drawing = Drawing(line_chart("Loss", [7], [Series("a", "visible", [0.0])]))
    assert len(drawing.dots) == 1 and drawing.texts == ["7", "epoch", "0", "1"]


@settings(max_examples=20, deadline=None)
@given(st.lists(values, min_size=1, max_size=40).filter(lambda column: any(value is not None for value in column)))
def test_every_value_is_drawn_inside_the_box(column):
    drawing = Drawing(line_chart("x", range(len(column)), [Series("a", "tone0", column)]))
    assert len(drawing.dots) == sum(value is not None for value in column)
    for x, y in drawing.dots.values():
        assert 0 <= x <= drawing.width and 0 <= y <= drawing.height


def test_no_values_no_chart():
    assert line_chart("x", [1, 2], [Series("a", "visible", [None, None])]) is None
    assert line_chart("x", [], []) is None
    assert stacked_bars("x", [1], [Series("a", "visible", [0.0])], unit="s") is None
    assert stacked_bars("x", [], [], unit="s") is None
    assert histogram("x", {"visible": [], "infrared": []}, "n") is None


def test_bars_stack_to_the_total():
    series = [Series("a", "tone0", [1.0, 2.0]), Series("b", "tone1", [3.0, None])]
    bars = Drawing(stacked_bars("Time", [1, 2], series, unit=" s")).bars
    low, high = bars["a, epoch 1: 1 s"], bars["b, epoch 1: 3 s"]
    assert low[:2] == high[:2] and high[3] == pytest.approx(low[2])
    assert high[3] - high[2] == pytest.approx(3 * (low[3] - low[2]))
    assert bars["a, epoch 2: 2 s"][3] == pytest.approx(low[3])


@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(1, 400), max_size=60))
def test_histogram_counts_every_number_once(sizes):
    chart = histogram("Sizes", {"visible": sizes, "infrared": []}, "crops")
    if not sizes:
        assert chart is None
        return
    counted = Counter()
    bars = Drawing(chart).bars
    for tip, (_, _, top, bottom) in bars.items():
        if tip.startswith("visible"):
            count, texts = tip.removeprefix("visible: ").removesuffix(" crops").split(" clusters of ")
            first, _, last = texts.partition("-")
            counted[int(first), int(last or first)] = int(count)
            assert (bottom - top > 0.1) == (int(count) > 0)
    assert sum(counted.values()) == len(sizes)
    assert all(count == sum(a <= size <= b for size in sizes) for (a, b), count in counted.items())


def test_histogram_bars_stand_side_by_side():
    bars = Drawing(histogram("Sizes", {"visible": [1, 2, 2], "infrared": [2]}, "crops")).bars
    ones, twos, others = (
        bars[tip]
        for tip in (
            "visible: 1 clusters of 1 crops",
            "visible: 2 clusters of 2 crops",
            "infrared: 1 clusters of 2 crops",
        )
    )
    assert ones[1] < twos[0] < twos[1] < others[0]
    assert ones[2] == others[2] > twos[2]


def test_densities_are_shares_of_each_curve_over_common_bins():
    few, many = Curve("few", "visible", [0.1] * 10, "solid"), Curve("many", "infrared", [0.9] * 999 + [0.5], "dashed")
    chart = densities("Distances", [few, many], "distance")
    lines = Drawing(chart).lines
    tops = {tone: min(y for _, y in lines[f"var(--{tone})"]) for tone in ("visible", "infrared")}
    assert tops["visible"] <= tops["infrared"] + 1
    peaks = {tone: min(lines[f"var(--{tone})"], key=lambda point: point[1])[0] for tone in tops}
    assert peaks["visible"] < peaks["infrared"]
    assert Drawing(chart).summary == "Distances. few: 10 pairs, mean 0.10; many: 1,000 pairs, mean 0.90"
    assert [(key.name, key.shape) for key in chart.legend] == [("few", "solid"), ("many", "dashed")]


def test_densities_of_nothing_and_of_one_value():
    assert densities("Nothing", [], "distance") is None
    assert densities("One", [Curve("a", "visible", [0.0], "solid")], "distance") is not None


def test_hostile_names_stay_text():
    name = "</text></title><script>alert(1)</script>$x"
    series = [Series(name, "tone0", [1.0, 2.0])]
    for chart in (
        line_chart(name, [1, 2], series, unit=name, mark=(2, name)),
        stacked_bars(name, [1, 2], series, unit=name),
        histogram("x", {"visible": [1], "infrared": []}, name),
    ):
        assert chart is not None and "<script" not in chart.svg
        assert name in " ".join(Drawing(chart).texts)
