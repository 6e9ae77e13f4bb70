"""The report in a browser without a network: no errors, no requests, usable by keyboard, and hostile names harmless."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.quality.browsing import WHY_NOT, browser, look_like, opened, there_is_a_browser, violations
from usvireid.data.crops import Crops
from usvireid.encoders.features import Features
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.doubts import Doubt
from usvireid.quality.measures import measure_labels
from usvireid.quality.page.material import Material
from usvireid.quality.page.sample import Sample
from usvireid.quality.report import write_report

pytestmark = pytest.mark.skipif(not there_is_a_browser(), reason=WHY_NOT)

PEOPLE, SHOTS = 50, 6
ATTACK = "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=1'>\"'`\n\u202e&{{7*7}}"


def made(images: bool = True) -> Material:
    rng = np.random.default_rng(0)
    count = PEOPLE * SHOTS
    table = pd.DataFrame(
        {
            "path": [f"{ATTACK}{i}.jpg" if i % 7 == 0 else f"crop{i}.jpg" for i in range(count)],
            "modality": ["visible", "infrared"] * (count // 2),
            "camera": [ATTACK if i % 3 == 0 else f"camera {i % 3}" for i in range(count)],
            "identity": [f"p{i // SHOTS}" for i in range(count)],
        }
    )
    crops = Crops.from_table(Path(), table, "test")
    person = np.arange(count) // SHOTS
    identity = np.where(rng.random(count) < 0.1, -1, person)
    labels = PseudoLabels.of_clusters(crops, identity, np.where(identity < 0, "outlier", "core"), rng.random(count))
    labels = labels.replace(identity=identity)
    values = (rng.normal(size=(PEOPLE, 8))[person] + 0.4 * rng.normal(size=(count, 8))).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    shades = rng.integers(0, 255, (PEOPLE, 8, 3), dtype=np.uint8)

    def drawn(rows):
        return np.repeat(np.repeat(shades[person[rows]][:, :, None], 8, axis=1), 32, axis=2)

    visible, infrared = (
        np.flatnonzero((person == 31) & (crops.table["modality"] == m)) for m in ("visible", "infrared")
    )
    doubt = Doubt("link", 0.9, f"Because of {ATTACK}.", np.sort(np.append(visible, infrared)), visible, infrared)
    line = {"epoch": 1, "losses": {ATTACK: 1.0, "b": 2.0}, "seconds": {ATTACK: 1.0}, "messages": [ATTACK]}
    line |= {"quality": measure_labels(labels).to_dict(), "peak_memory_mb": 900.0}
    return Material(
        crops=crops,
        labels=labels,
        images=drawn if images else None,
        metrics=[line, {**line, "epoch": 2}],
        settings={ATTACK: ATTACK},
        environment={"torch": "2.13"},
        doubts=[doubt],
        sample=Sample(np.arange(count), Features(values, crops)),
    )


@pytest.fixture(scope="module")
def driver():
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return write_report(tmp_path_factory.mktemp("run"), made())


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_it_opens_without_a_network_and_axe_finds_nothing(driver, file, width, scheme):
    look_like(driver, width, scheme)
    opened(driver, file)
    assert violations(driver) == []
    assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert driver.execute_script("return window.hacked") is None
    assert driver.execute_script("return document.scripts.length") == 2
    broken = "return Array.from(document.images).filter(i => i.complete && !i.naturalWidth).length"
    assert driver.execute_script(broken) == 0 and driver.execute_script("return document.images.length") > 100
    dark = driver.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 28)"
    assert dark == (scheme == "dark")


def test_without_pictures_too(driver, tmp_path):
    look_like(driver, 1280, "light")
    opened(driver, write_report(tmp_path, made(images=False)))
    assert violations(driver) == [] and driver.execute_script("return document.images.length") == 0


def texts(driver, selector):
    return driver.execute_script(f"return Array.from(document.querySelectorAll('{selector}')).map(e => e.textContent)")


def test_the_table_is_sorted_filtered_searched_and_paged_by_keyboard(driver, file):
    from selenium.webdriver.common.keys import Keys

    look_like(driver, 1280, "light")
    opened(driver, file)
    rows = "#people-table th[scope=row]"
    assert len(texts(driver, rows)) == 20 and texts(driver, rows)[0] == "Identity 31"
    assert texts(driver, "#people-where") == ["page 1 of 3"]
    button = driver.find_element("css selector", "button[data-key=number]")
    button.send_keys(Keys.ENTER)
    assert texts(driver, rows) == [f"Identity {i}" for i in range(20)]
    button.send_keys(Keys.SPACE)
    assert texts(driver, rows)[0] == f"Identity {PEOPLE - 1}"
    assert driver.find_element("css selector", "th[aria-sort=descending]").text == "Identity"
    driver.find_element("css selector", "button[data-step=all]").send_keys(Keys.ENTER)
    assert texts(driver, rows) == [f"Identity {i}" for i in range(9, -1, -1)]
    search = driver.find_element("id", "people-search")
    name = "return DATA.paths[DATA.people.find(one => one.number === 31).sides[0][2][1]]"
    search.send_keys(f"{driver.execute_script(name)} IDENTITY")
    assert texts(driver, rows) == ["Identity 31"] and texts(driver, "#people-count") == ["1 of 50 pseudo-identities"]
    search.clear()
    search.send_keys("onerror=")
    assert 0 < len(texts(driver, rows)) <= 20 and driver.execute_script("return window.hacked") is None
    driver.execute_script("arguments[0].value = ''; arguments[0].dispatchEvent(new Event('input'))", search)
    driver.execute_script(
        "const f = document.getElementById('people-filter'); f.value = 'doubtful'; f.dispatchEvent(new Event('change'))"
    )
    assert texts(driver, rows) == ["Identity 31"]
    search.send_keys("no such name")
    assert texts(driver, rows) == [] and texts(driver, "#people-where") == ["page 1 of 1"]
    assert violations(driver) == []


def test_the_map_shows_crops_by_keyboard_and_by_pointer(driver, file):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    look_like(driver, 1280, "light")
    opened(driver, file)
    frame = driver.find_element("id", "map-frame")
    frame.send_keys(Keys.ARROW_RIGHT)
    first = texts(driver, "#map-crop p")
    assert "crop, camera" in first[0] and ".jpg" in first[1]
    assert driver.execute_script("return document.querySelectorAll('#map-crop img').length") == 1
    seen = {first[1]}
    for key in (Keys.ARROW_LEFT, Keys.ARROW_UP, Keys.ARROW_LEFT, Keys.ARROW_DOWN) * 3:
        frame.send_keys(key)
        seen.add(texts(driver, "#map-crop p")[1])
    assert len(seen) > 3
    assert driver.execute_script("return document.querySelectorAll('#map-frame use.mark').length") == 1
    place = driver.execute_script(
        "const u = document.querySelectorAll('#map-frame use')[5]; u.scrollIntoView({block: 'center'});"
        "const b = u.getBoundingClientRect(), f = document.getElementById('map-frame').getBoundingClientRect();"
        "return [b.x + b.width / 2 - f.x - f.width / 2, b.y + b.height / 2 - f.y - f.height / 2]"
    )
    ActionChains(driver).move_to_element_with_offset(frame, round(place[0]), round(place[1])).perform()
    (marked,) = driver.execute_script(
        "const all = Array.from(document.querySelectorAll('#map-frame use'));"
        "return all.filter(u => u.classList.contains('mark')).map(u => DATA.map.identity[all.indexOf(u)])"
    )
    assert marked == driver.execute_script("return DATA.map.identity[5]")
    fill = "return document.querySelectorAll('#map-frame use')[5].style.fill"
    fills = set()
    for mode in ("modality", "camera", "identity"):
        driver.find_element("css selector", f"input[value={mode}]").send_keys(Keys.SPACE)
        fills.add(driver.execute_script(fill))
        assert driver.execute_script("return document.getElementById('map-legend').children.length") >= 2
        assert violations(driver) == []
    assert len(fills) >= 2 and driver.execute_script("return window.hacked") is None


def test_the_theme_can_be_chosen(driver, file):
    look_like(driver, 1280, "light")
    opened(driver, file)
    button = driver.find_element("id", "theme")
    page = "return getComputedStyle(document.body).backgroundColor"
    assert button.text == "Colours: automatic" and driver.execute_script(page) == "rgb(246, 247, 249)"
    button.click()
    button.click()
    assert button.text == "Colours: dark" and driver.execute_script(page) == "rgb(18, 22, 28)"
    assert violations(driver) == []
    button.click()
    look_like(driver, 1280, "dark")
    assert driver.execute_script(page) == "rgb(18, 22, 28)"
    button.click()
    assert button.text == "Colours: light" and driver.execute_script(page) == "rgb(246, 247, 249)"
    button.click()
    button.click()
