"""The report's curves over the epochs, from the lines of a run's metrics file."""

from __future__ import annotations

from collections.abc import Mapping

from usvireid import names
from usvireid.quality.axes import STROKES, Chart, Stroke
from usvireid.quality.charts import Series, line_chart, stacked_bars
from usvireid.quality.lines import Lines, find, number, one_line_per_epoch, score_rows

_STEPS = ("extract", "knn", "jaccard", "cluster", "match", "train", "evaluate")
"""The steps of an epoch in the order of the flow; others follow as they come."""
_TONES = 8
_STROKE_OF_MODALITY: dict[str, Stroke] = {names.VISIBLE: "solid", names.INFRARED: "dashed"}


def curves(lines: Lines) -> list[Chart]:
    """The charts that the lines have values for."""
    lines = one_line_per_epoch(lines)
    epochs = [int(line["epoch"]) for line in lines]
    if not epochs:
        return []
    mark = _cross_phase(lines)
    shared = Series("matched across both", "shared", _column(lines, "quality", "shared_identities"), "dotted")
    speed = Series("images per second", "tone5", _column(lines, "images_per_second"))
    memory = [
        Series("main memory", "tone0", _column(lines, "peak_memory_mb")),
        Series("GPU memory", "tone1", _column(lines, "peak_gpu_memory_mb"), "dashed"),
    ]
    charts = [
        line_chart("Clusters", epochs, [*_by_modality(lines, "clusters", "clusters"), shared], mark=mark),
        line_chart("Crops in no cluster", epochs, _by_modality(lines, "outliers", "outliers"), mark=mark),
        line_chart("Share of clusters matched", epochs, _quality(lines, "matched_share", 100), unit="%", mark=mark),
        line_chart("Agreement with the epoch before", epochs, _quality(lines, "stability", 1), mark=mark),
        line_chart("Silhouette on the graph", epochs, _quality(lines, "silhouette", 1), mark=mark),
        line_chart("Agreement with HDBSCAN", epochs, _quality(lines, "hdbscan_agreement", 1), mark=mark),
        line_chart("Matches borne out by features", epochs, _across(lines), unit="%", mark=mark),
        line_chart("Loss", epochs, _losses(lines), mark=mark),
        line_chart("Rank-1", epochs, _scores(lines, "rank1"), unit="%", mark=mark),
        line_chart("mAP", epochs, _scores(lines, "mAP"), unit="%", mark=mark),
        stacked_bars("Time by step", epochs, _seconds(lines), unit=" s"),
        line_chart("Training images per second", epochs, [speed], mark=mark),
        line_chart("Peak memory", epochs, memory, unit=" MB"),
    ]
    return [chart for chart in charts if chart is not None]


def truth_curve(lines: Lines) -> Chart | None:
    """How the labels of every epoch agree with the known identities; None where no line has such measures."""
    lines = one_line_per_epoch(lines)
    series = [
        *(
            Series(f"ARI, {modality}", modality, _column(lines, "truth", modality, "ari"), stroke)
            for modality, stroke in _STROKE_OF_MODALITY.items()
        ),
        Series("ARI, both together", "shared", _column(lines, "truth", "ari"), "dotted"),
        Series("right matches", "tone2", _column(lines, "truth", "match_accuracy"), "dashdot"),
    ]
    epochs = [int(line["epoch"]) for line in lines]
    return line_chart("Against the known identities (not used in training)", epochs, series, mark=_cross_phase(lines))


def _column(lines: Lines, *keys: str) -> list[float | None]:
    return [number(find(line, *keys)) for line in lines]


def _by_modality(lines: Lines, group: str, measure: str) -> list[Series]:
    """Counts of both modalities: from the line itself, or from its quality measures."""
    series = []
    for modality, stroke in _STROKE_OF_MODALITY.items():
        plain = _column(lines, group, modality)
        measured = _column(lines, "quality", modality, measure)
        values = [m if p is None else p for p, m in zip(plain, measured, strict=True)]
        series.append(Series(modality, modality, values, stroke))
    return series


def _quality(lines: Lines, measure: str, factor: float) -> list[Series]:
    return [
        Series(modality, modality, _times(_column(lines, "quality", modality, measure), factor), stroke)
        for modality, stroke in _STROKE_OF_MODALITY.items()
    ]


def _across(lines: Lines) -> list[Series]:
    """Shares of what is matched that the other side confirms."""
    named = {
        "confirmed_share": "crops looked back at",
        "mutual_share": "mutual choices",
        "signals_agree": "shapes agree",
    }
    return [
        Series(name, tone, _times(_column(lines, "quality", "across", key), 100), stroke)
        for i, (key, name) in enumerate(named.items())
        for tone, stroke in [_look(i)]
    ]


def _scores(lines: Lines, score: str) -> list[Series]:
    """Every row of the scores in percent; a direction is drawn as the modality that asks."""
    series = []
    for i, (name, label) in enumerate(score_rows(*(line.get("evaluation") for line in lines)).items()):
        query = name.partition("->")[0]
        tone, stroke = (query, _STROKE_OF_MODALITY[query]) if query in _STROKE_OF_MODALITY else _look(i)
        series.append(Series(label, tone, _times(_column(lines, "evaluation", name, score), 100), stroke))
    return series


def _look(number: int) -> tuple[str, Stroke]:
    """A tone and a stroke for one of several series that have none of their own."""
    return f"tone{number % _TONES}", STROKES[number % len(STROKES)]


def _losses(lines: Lines) -> list[Series]:
    return [
        Series(name, tone, _column(lines, "losses", name), stroke)
        for i, name in enumerate(_names(lines, "losses", ()))
        for tone, stroke in [_look(i)]
    ]


def _seconds(lines: Lines) -> list[Series]:
    return [
        Series(name, f"tone{i % _TONES}", _column(lines, "seconds", name))
        for i, name in enumerate(_names(lines, "seconds", _STEPS))
    ]


def _names(lines: Lines, group: str, order: tuple[str, ...]) -> list[str]:
    """The keys that occur in a group of any line: the known ones in their order, then the others as they come."""
    found: dict[str, None] = {}
    for line in lines:
        entries = line.get(group)
        if isinstance(entries, Mapping):
            found.update(dict.fromkeys(map(str, entries)))
    return [name for name in order if name in found] + [name for name in found if name not in order]


def _times(values: list[float | None], factor: float) -> list[float | None]:
    return [None if value is None else factor * value for value in values]


def _cross_phase(lines: Lines) -> tuple[int, str] | None:
    """The epoch in which matching begins, to mark it in the charts."""
    crossed = [int(line["epoch"]) for line in lines if line.get("phase") == "cross"]
    return (crossed[0], "matching") if crossed else None
