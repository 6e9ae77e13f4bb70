"""`usvireid report` on run folders."""

import json
import re

import pytest

from tests.conftest import write_finished_run, write_people
from tests.test_cli import call
from usvireid.review.answers import append_answer


@pytest.fixture
def finished(tmp_path):
    """A run of six people, found without fault, and its data."""
    table = write_people(tmp_path / "people")
    table.to_csv(tmp_path / "people" / "crops.csv", index=False)
    return write_finished_run(tmp_path / "run", tmp_path / "people", table["identity"].tolist())


def page(run) -> str:
    return (run / "report.html").read_text(encoding="utf-8")


def data(run) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page(run), re.S)[1])


def test_a_report_has_a_map_doubts_and_pictures(finished, capfd):
    assert call(capfd, "report", finished)[0] == 0
    found = data(finished)
    assert len(found["map"]["row"]) == 48 and len(found["people"]) == 6 and len(found["pictures"]) == 48
    assert "Distances by pseudo-identities" in page(finished) and "Distances by known identities" in page(finished)
    assert "pictures of people:" in page(finished)


def test_pictures_can_be_left_out_and_heads_be_blurred(finished, capfd):
    assert call(capfd, "report", finished, "--no-images")[0] == 0
    assert data(finished)["pictures"] == {} and "UklGR" not in page(finished) and "<img" not in page(finished)
    assert len(data(finished)["map"]["row"]) == 48
    assert call(capfd, "report", finished)[0] == 0
    plain = data(finished)["pictures"]
    assert call(capfd, "report", finished, "--blur-faces")[0] == 0
    blurred = data(finished)["pictures"]
    assert set(plain) == set(blurred) and not set(plain.values()) & set(blurred.values())
    assert "with the head region blurred" in page(finished)


def test_the_settings_of_a_run_say_it_too(finished, capfd):
    config = finished / "config.yaml"
    config.write_text(config.read_text().replace("images: true", "images: false"))
    assert call(capfd, "report", finished)[0] == 0
    assert data(finished)["pictures"] == {}
    assert call(capfd, "report", finished, "--images")[0] == 0
    assert len(data(finished)["pictures"]) == 48


def test_without_the_encoder_the_page_says_so(finished, capfd):
    for file in (finished / "checkpoints").iterdir():
        file.write_bytes(b"damaged")
    code, _, err = call(capfd, "report", finished)
    assert code == 0, err
    assert "There is no map, because there are no features:" in page(finished) and data(finished)["map"] is None
    assert len(data(finished)["people"]) == 6


def test_answers_are_told(finished, capfd):
    paths = [f"visible/00_{shot}.png" for shot in range(4)]
    append_answer(finished / "reviews.csv", "same", paths[:2], paths[2:])
    append_answer(finished / "reviews.csv", "different", paths[:1], paths[1:2])
    assert call(capfd, "report", finished)[0] == 0
    text = re.sub(r"<[^>]*>", " ", page(finished))
    assert "2 answers hold. They touch 1 of the present pseudo-identities." in text
    assert re.search(r"one person\s+1\s+1\s+different people\s+1\s+0", text)


def test_labels_of_an_untrained_encoder_have_a_map(finished, capfd):
    for file in (finished / "checkpoints").iterdir():
        file.unlink()
    assert call(capfd, "report", finished)[0] == 0
    assert len(data(finished)["map"]["row"]) == 48
