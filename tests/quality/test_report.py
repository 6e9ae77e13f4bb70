"""The report of a run: whole, offline, escaped, and there even when almost nothing is known."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from usvireid.data.crops import Crops
from usvireid.encoders.features import Features
from usvireid.errors import UsvireidError
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.doubts import Doubt
from usvireid.quality.measures import measure_labels
from usvireid.quality.page.facts import flatten
from usvireid.quality.page.material import Material
from usvireid.quality.page.sample import Sample
from usvireid.quality.pictures import blur_head
from usvireid.quality.report import write_report
from usvireid.quality.truth import truth_of

HOSTILE = "</text></title><script>alert('x')</script>\"&'"
NAMES = (
    "visible/</script><script>alert(1)</script><!--",
    "visible/\"onerror='alert(1)' x=`",
    "visible/line\nbreak\r\u2028",
    "visible/" + "x" * 300,
    "visible/{{ 7 * 7 }}{% raw %}",
    "visible/\u202egpj.exe\x1b[31m",
    "visible/&lt;b&gt;&#60;",
    "visible/\udcff\udc80.jpg",
)


def make_crops(count: int = 60, identities: bool = True, name: str = "{}.jpg") -> Crops:
    rng = np.random.default_rng(0)
    columns = {"path": [name.format(i) for i in range(count)], "modality": rng.choice(["visible", "infrared"], count)}
    if identities:
        columns["identity"] = [f"p{i % 6}" for i in range(count)]
    return Crops.from_table(Path(), pd.DataFrame(columns), "test")


def make_doubts(labels: PseudoLabels) -> list[Doubt]:
    visible, infrared = labels.rows_of("visible")[:5], labels.rows_of("infrared")[:4]
    return [
        Doubt("link", 0.8, "Looks wrong.", np.sort(np.append(visible, infrared)), visible, infrared),
        Doubt("crop", 0.4, "Sits badly.", visible, visible[:1], visible[1:]),
    ]


def make_sample(crops: Crops) -> Sample:
    values = np.random.default_rng(2).normal(size=(len(crops), 5)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    rows = np.random.default_rng(3).permutation(len(crops))
    return Sample(rows, Features(values, crops).take(rows))


def make_labels(crops: Crops, groups: int = 6) -> PseudoLabels:
    cluster = np.arange(len(crops)) % groups
    cluster[::11] = -1
    role = np.where(cluster < 0, "outlier", "core")
    labels = PseudoLabels.of_clusters(crops, cluster, role, np.where(cluster < 0, 0, 0.5 + 0.05 * (cluster % 7)))
    return labels.replace(identity=cluster)


def pictures(rows: np.ndarray) -> np.ndarray:
    made = [np.random.default_rng(row).integers(0, 255, size=(96, 48, 3), dtype=np.uint8) for row in rows]
    return np.stack(made)


def scores(rank1: float) -> dict:
    one = {"rank1": rank1, "rank5": 0.5, "rank10": 0.6, "rank20": 0.7, "mAP": rank1 / 2, "mINP": 0.1}
    counts = {"queries": 30, "skipped_queries": 1, "gallery": 28}
    return {"infrared->visible": {**one, **counts}, "visible->infrared": {**one, **counts}}


def full_metrics(labels: PseudoLabels, crops: Crops | None = None) -> list[dict]:
    lines: list[dict] = [{"epoch": 0, "evaluation": scores(0.05)}]
    for epoch in range(1, 5):
        lines.append(
            {
                "epoch": epoch,
                "phase": "intra" if epoch < 3 else "cross",
                "clusters": {"visible": 5, "infrared": 6},
                "outliers": {"visible": 4, "infrared": 3},
                "labels": f"epoch_{epoch:03d}.csv",
                "edited": epoch == 4,
                "quality": measure_labels(labels, labels).to_dict(),
                "truth": None if crops is None else truth_of(labels, crops).to_dict(),
                "losses": {"contrast": 2.0 / epoch, "triplet": 0.3},
                "seconds": {"extract": 1.2, "knn": 0.1, "train": 4.0},
                "images_per_second": 310.0,
                "peak_memory_mb": 900.1,
                "evaluation": scores(0.3) if epoch == 4 else None,
                "messages": ["something was skipped"],
            }
        )
    return lines


class Page(HTMLParser):
    """What a browser would find: tags, attributes, text, the scripts and the data for them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self.feed(path.read_text(encoding="utf-8"))
        data, self.script = self.inside["script"]
        self.data = json.loads(data)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data):
        if self.tags and self.tags[-1] in self.inside and self.cdata_elem == self.tags[-1]:
            self.inside[self.tags[-1]].append(data)
        else:
            self.text += data

    def of(self, name: str) -> list[str]:
        """The values of an attribute."""
        return [value for key, value in self.attributes if key == name]


def report(folder: Path, **given) -> Page:
    return Page(write_report(folder, Material(**{"crops": make_crops(), **given})))


def test_a_full_run_shows_every_part(tmp_path):
    crops = make_crops()
    labels = make_labels(crops)
    page = report(
        tmp_path / "night",
        images=pictures,
        crops=crops,
        labels=labels,
        metrics=full_metrics(labels, crops),
        settings={"clustering": {"eps": 0.5}},
        environment={"torch": "2.13"},
        doubts=make_doubts(labels),
        sample=make_sample(crops),
    )
    assert {path.name for path in (tmp_path / "night").iterdir()} == {"report.html"}
    for part in (
        "night",
        "6 clusters in visible crops",
        "matched across both",
        "Rank-1",
        "30.0",
        "Time by step",
        "Clusters by size",
        "Compared with the known identities",
        "Against the known identities (not used in training)",
        "right matches, epoch 4: 1",
        "Epoch 4 used labels that were edited by hand (epoch_004.csv).",
        "Look at these first",
        "80\u00a0% likely wrong",
        "Looks wrong.",
        "Sits badly.",
        "Known: match",
        "not trained on",
        "60 crops by t-SNE",
        "Distances by pseudo-identities",
        "Distances by known identities",
        "At most 900 MB of main memory.",
        "16.0 s",
        "something was skipped",
        "clustering.eps",
        "2.13",
    ):
        assert part in page.text, part
    sources = page.of("src")
    assert len(sources) > 15 and all(source.startswith("data:image/webp;base64,") for source in sources)
    assert page.tags.count("figure") == 14 and page.tags.count("svg") == 15
    for target in page.of("href"):
        assert target.startswith("#") and target[1:] in page.of("id"), target


def test_the_data_of_the_page_are_those_of_the_labels(tmp_path):
    crops = make_crops()
    labels = make_labels(crops)
    sample = make_sample(crops)
    page = report(tmp_path, images=pictures, crops=crops, labels=labels, doubts=make_doubts(labels), sample=sample)
    people = {one["number"]: one for one in page.data["people"]}
    identity, confidence = labels.column("identity"), labels.column("confidence")
    assert sorted(people) == list(range(6))
    for number, one in people.items():
        for place, modality in enumerate(("visible", "infrared")):
            inside = set(np.flatnonzero(identity == number)) & set(labels.rows_of(modality))
            count, clusters, rows = one["sides"][place]
            assert count == len(inside) and set(rows) <= inside and len(rows) == min(count, 8)
            assert clusters == str(number)
        assert one["confidence"] == pytest.approx(confidence[identity == number].mean(), abs=1e-3)
        assert one["right"] is True and one["doubt"] == 0.8 and one["link"] == 0.2 and one["reason"] == "Looks wrong."
    on_map = page.data["map"]
    assert sorted(on_map["row"]) == list(range(60)) and on_map["cameras"] == []
    for row, infrared, number in zip(on_map["row"], on_map["infrared"], on_map["identity"], strict=True):
        assert identity[row] == number and (crops.table["modality"][row] == "infrared") == bool(infrared)
    assert all(page.data["paths"][row] == crops.table["path"][int(row)] for row in page.data["paths"])
    assert set(page.data["pictures"]) <= set(page.data["paths"])


def test_nothing_is_loaded_and_only_its_own_script_runs(tmp_path):
    crops = make_crops()
    labels = make_labels(crops)
    page = report(tmp_path, images=pictures, crops=crops, labels=labels, metrics=full_metrics(labels))
    assert not {"link", "iframe", "object", "base"} & set(page.tags) and page.tags.count("script") == 2
    assert not any(name.startswith("on") for name, _ in page.attributes)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|url\(|@import|innerHTML|eval\(", text)
    digest = base64.b64encode(hashlib.sha256(page.script.encode()).digest()).decode()
    (policy,) = [value for value in page.of("content") if "default-src" in value]
    assert policy.startswith("default-src 'none'; img-src data:; ") and f"script-src 'sha256-{digest}';" in policy


def test_hostile_text_stays_text(tmp_path):
    crops = make_crops(name="visible/" + HOSTILE + "{}.jpg")
    labels = make_labels(crops)
    metrics = full_metrics(labels)
    metrics[-1]["messages"] = [HOSTILE]
    metrics[-1]["losses"] = {HOSTILE: 1.0}
    metrics[-1]["seconds"] = {HOSTILE: 1.0}
    settings = {HOSTILE: {"value": HOSTILE}}
    for images in (pictures, None):
        page = report(
            tmp_path / "<b>run",
            images=images,
            crops=crops,
            labels=labels,
            metrics=metrics,
            settings=settings,
            environment=settings,
            no_sample=HOSTILE,
        )
        assert page.tags.count("script") == 2 and "b" not in page.tags
        assert page.text.count(HOSTILE) >= 5
        assert "<b>run" in page.text


@pytest.mark.parametrize("images", [pictures, None])
def test_hostile_file_names_stay_names_everywhere(tmp_path, images):
    table = make_crops(64).table.copy()
    table["path"] = [f"{name}{i}" for i, name in enumerate(NAMES * 8)]
    table["camera"] = table["identity"] = table["path"].str[-60:]
    crops = Crops.from_table(Path(), table, "test")
    labels = make_labels(crops)
    extra = {"doubts": make_doubts(labels), "sample": make_sample(crops)}
    odd = {name: {name: name} for name in NAMES}
    line = {**full_metrics(labels)[-1], "messages": list(NAMES), "losses": dict.fromkeys(NAMES, 1.0)}
    page = report(
        tmp_path, images=images, crops=crops, labels=labels, metrics=[line], settings=odd, environment=odd, **extra
    )
    known = {"html", "head", "meta", "title", "style", "body", "header", "div", "p", "h1", "h2", "h3", "button", "main"}
    known |= {"section", "ul", "li", "span", "nav", "a", "article", "img", "form", "label", "input", "select", "option"}
    known |= {"noscript", "table", "thead", "tbody", "tr", "th", "td", "fieldset", "legend", "svg", "defs", "g", "path"}
    known |= {"use", "figure", "figcaption", "text", "dl", "dt", "dd", "footer", "script", "rect"}
    assert set(page.tags) - known <= {"clippath"} and page.tags.count("script") == 2
    assert not any(name.startswith("on") or name == "x=`" for name, _ in page.attributes)
    shown_names = [page.data["paths"][str(row)] for row in page.data["map"]["row"]]
    assert all(name.isprintable() for name in [*shown_names, *page.data["map"]["cameras"]])
    for written in (r"\xff\x80", r"\u202egpj", r"line\nbreak\r\u2028", "x" * 300, "{{ 7 * 7 }}", "&lt;b&gt;&#60;"):
        assert any(written in name for name in shown_names), written
    if images is not None:
        assert any("alert" in value for value in page.of("alt")) and any('"onerror' in one for one in page.of("title"))


def test_heads_are_blurred_in_every_picture(tmp_path):
    """What is written are the pictures of crops whose heads were blurred before, and no other."""
    crops = make_crops()
    labels = make_labels(crops)
    whole = {"crops": crops, "labels": labels, "doubts": make_doubts(labels), "sample": make_sample(crops)}

    def blurred(rows):
        return np.stack([blur_head(picture) for picture in pictures(rows)])

    plain = report(tmp_path / "plain", images=pictures, **whole)
    asked = report(tmp_path / "asked", images=pictures, blur_heads=True, **whole)
    before = report(tmp_path / "before", images=blurred, **whole)
    assert asked.data["pictures"] == before.data["pictures"] and asked.of("src") == before.of("src")
    assert not set(asked.data["pictures"].values()) & set(plain.data["pictures"].values())
    assert not set(asked.of("src")) & set(plain.of("src"))
    assert "with the head region blurred" in asked.text and "blurred:" not in plain.text


def test_the_known_identities_of_the_epochs_are_shown_without_labels_too(tmp_path):
    crops = make_crops()
    page = report(tmp_path, crops=crops, metrics=full_metrics(make_labels(crops), crops))
    assert "Against the known identities (not used in training)" in page.text
    page = report(tmp_path, crops=crops.without_identities(), metrics=full_metrics(make_labels(crops)))
    assert "known identities" not in page.text


def test_no_two_elements_share_an_id_and_the_charts_are_the_same_every_time(tmp_path):
    crops = make_crops()
    labels = make_labels(crops)
    charts = []
    for name in ("a", "b"):
        page = report(tmp_path / name, crops=crops, labels=labels, metrics=full_metrics(labels, crops))
        ids = [value for key, value in page.attributes if key == "id"]
        assert len(ids) > 15 and len(set(ids)) == len(ids)
        charts.append(re.findall(r"<svg.*?</svg>", (tmp_path / name / "report.html").read_text(encoding="utf-8")))
    assert len(charts[0]) == 12 and charts[0] == charts[1]


def test_matplotlib_waits_until_a_report_is_written():
    code = (
        "import sys; import usvireid.quality.report; assert 'matplotlib' not in sys.modules\n"
        "import usvireid.quality.curves; assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_pictures_the_crops_are_named(tmp_path):
    crops = make_crops()
    labels = make_labels(crops)
    page = report(tmp_path, crops=crops, labels=labels, doubts=make_doubts(labels), sample=make_sample(crops))
    assert "img" not in page.tags and page.data["pictures"] == {} and "UklGR" not in page.script
    assert "pictures of people" not in page.text and "no pictures, and the names of some crops" in page.text
    assert page.data["people"][0]["sides"][0][2] and f"{labels.rows_of('visible')[0]}.jpg" in page.text


def test_why_there_is_no_map_is_said(tmp_path):
    page = report(tmp_path, labels=make_labels(make_crops()), no_sample="The encoder is gone.")
    assert "The encoder is gone." in page.text and page.data["map"] is None
    few = np.array([3, 4, 5])
    sample = make_sample(make_crops())
    page = report(tmp_path, labels=make_labels(make_crops()), sample=Sample(few, sample.features.take(few)))
    assert "Too few crops for a map." in page.text


def test_an_empty_run_still_has_a_report(tmp_path):
    page = report(tmp_path, crops=make_crops(0))
    assert "Nothing to judge yet" in page.text
    assert "svg" not in page.tags


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"epoch": "three"},
        {"epoch": 1},
        {"epoch": 1, "evaluation": None, "losses": None, "seconds": None, "quality": None, "messages": None},
        {"epoch": 1, "evaluation": {"infrared->visible": {}}, "losses": {"a": float("nan"), "b": "high"}},
        {"epoch": 1, "evaluation": {"infrared->visible": {"rank1": None, "mAP": 0.5}}},
        {"epoch": 1, "quality": {"visible": None, "infrared": {"clusters": 3}}, "clusters": 7},
        {"epoch": 0, "seconds": {"train": 0.0}, "clusters": {"visible": 0, "infrared": 0}},
    ],
)
@pytest.mark.parametrize("with_labels", [False, True])
def test_missing_keys_are_no_error(tmp_path, line, with_labels):
    crops = make_crops()
    page = report(tmp_path, crops=crops, labels=make_labels(crops) if with_labels else None, metrics=[line, line])
    assert "nan" not in re.findall(r"\w+", page.text)


def test_labels_without_any_cluster(tmp_path):
    crops = make_crops(12, identities=False)
    nothing = np.full(12, -1, dtype=np.int64)
    labels = PseudoLabels.of_clusters(crops, nothing, np.full(12, "outlier"), np.zeros(12))
    page = report(tmp_path, images=pictures, crops=crops, labels=labels)
    assert "No visible cluster was found" in page.text and "img" in page.tags


def test_the_given_evaluation_wins_over_the_last_line(tmp_path):
    page = report(tmp_path, metrics=full_metrics(make_labels(make_crops())), evaluation=scores(0.777))
    assert "77.7" in page.text and "30.0" not in page.text


def test_the_file_stays_below_15_mb_whatever_the_pictures(tmp_path):
    """Noise is the worst there is for a picture; 200 pseudo-identities with all pictures that are wanted."""
    crops = make_crops(4800)
    labels = make_labels(crops, groups=200)
    lines = [{**line, "epoch": i} for i, line in enumerate(full_metrics(labels) * 20)]
    page = report(tmp_path, images=pictures, crops=crops, labels=labels, metrics=lines)
    assert (tmp_path / "report.html").stat().st_size < 15_000_000
    assert len(page.data["people"]) == 200 and 1500 < len(page.data["pictures"]) < 3300
    assert f"There is room for {len(page.data['pictures']):,} pictures of" in page.text


def test_thousands_of_pseudo_identities_are_all_there(tmp_path):
    crops = make_crops(10_000)
    crops = Crops.from_table(Path(), crops.table.assign(modality=["visible", "infrared"] * 5_000), "test")
    labels = make_labels(crops).replace(identity=np.arange(10_000) // 2)

    def plain(rows):
        return np.full((len(rows), 16, 8, 3), 90, dtype=np.uint8)

    page = report(tmp_path, images=plain, crops=crops, labels=labels)
    people = page.data["people"]
    assert len(people) == 5_000 and (tmp_path / "report.html").stat().st_size < 15_000_000
    # Everybody has a picture of each side before anybody has a second one.
    assert all(set(map(str, side[2])) & set(page.data["pictures"]) for one in people for side in one["sides"])


def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UsvireidError, match="cannot be written"):
        report(tmp_path / "file")


def test_labels_of_other_crops_are_refused(tmp_path):
    with pytest.raises(ValueError, match="60 labels for 12 crops"):
        report(tmp_path, crops=make_crops(12), labels=make_labels(make_crops()))


def test_settings_are_flattened_in_order():
    tree = {"b": {"x": 1, "y": {"z": [1, 2]}}, "a": None, "empty": {}, "none": ()}
    assert flatten(tree) == [("b.x", "1"), ("b.y.z", "1, 2"), ("a", "none"), ("empty", "none"), ("none", "none")]
