"""Which curves the lines of a run give."""

import re

from usvireid.quality.curves import curves, truth_curve


def truth(visible, infrared, both, right) -> dict:
    return {
        "visible": {"crops": 9, "identities": 3, "ari": visible, "purity": 0.9},
        "infrared": {"crops": 9, "identities": 3, "ari": infrared, "purity": 0.9},
        "ari": both,
        "compared_identities": 3,
        "match_accuracy": right,
        "match_accuracy_crops": right,
    }


def test_agreement_with_the_known_identities():
    lines = [
        {"epoch": 0},
        {"epoch": 1, "phase": "intra", "truth": truth(0.5, 0.25, 0.125, None)},
        {"epoch": 2, "phase": "cross", "truth": truth(0.75, -0.25, 0.375, 0.5)},
    ]
    chart = truth_curve(lines)
    assert chart is not None and chart.title == "Against the known identities (not used in training)"
    assert [key.name for key in chart.legend] == [
        "ARI, visible",
        "ARI, infrared",
        "ARI, both together",
        "right matches",
    ]
    assert len({key.tone for key in chart.legend}) == len({key.shape for key in chart.legend}) == 4
    assert re.findall(r"<title>(.*?)</title>", chart.svg) == [
        "ARI, visible, epoch 1: 0.5",
        "ARI, visible, epoch 2: 0.75",
        "ARI, infrared, epoch 1: 0.25",
        "ARI, infrared, epoch 2: -0.25",
        "ARI, both together, epoch 1: 0.125",
        "ARI, both together, epoch 2: 0.375",
        "right matches, epoch 2: 0.5",
    ]


def test_without_known_identities_there_is_nothing_to_compare():
    assert truth_curve([]) is None
    assert truth_curve([{"epoch": 1, "truth": None}, {"epoch": 2}]) is None
    assert truth_curve([{"epoch": 1, "truth": {"visible": None, "ari": float("nan")}}]) is None


def test_only_what_has_values_is_drawn():
    assert curves([]) == [] and curves([{"epoch": 0}]) == []
    charts = curves([{"epoch": 1, "losses": {"own": 2.0, "shared": 1.0}, "quality": {"shared_identities": 4}}])
    assert [chart.title for chart in charts] == ["Clusters", "Loss"]
    assert [[key.name for key in chart.legend] for chart in charts] == [["matched across both"], ["own", "shared"]]


def test_every_chart_has_a_title_and_ids_of_its_own():
    sides = {"visible": 3, "infrared": 4}
    scores = {name: {"rank1": 0.5, "mAP": 0.4} for name in ("infrared->visible", "visible->infrared")}
    quality = {name: {"matched_share": 0.5, "stability": 0.9} for name in sides}
    line = {
        "clusters": sides,
        "outliers": sides,
        "quality": quality,
        "losses": {"own": 1.0},
        "evaluation": scores,
        "seconds": {"train": 2.0},
        "images_per_second": 100.0,
        "truth": truth(0.5, 0.5, 0.5, 0.5),
    }
    lines = [{"epoch": 1, **line}, {"epoch": 2, **line}]
    charts = [*curves(lines), truth_curve(lines)]
    assert len({chart.title for chart in charts}) == len(charts) == 10
    ids = [name for chart in charts for name in re.findall(r' id="(.*?)"', chart.svg)]
    assert ids and len(set(ids)) == len(ids)


def test_rows_of_a_benchmarks_protocol_are_curves_too():
    names = ("all single-shot", "indoor single-shot", "all single-shot re-ranked")
    line = {"evaluation": {name: {"rank1": 0.5, "mAP": 0.4} for name in names}}
    charts = {chart.title: chart for chart in curves([{"epoch": 1, **line}, {"epoch": 2, **line}])}
    legend = charts["Rank-1"].legend
    assert [key.name for key in legend] == list(names)
    assert len({(key.tone, key.shape) for key in legend}) == 3
