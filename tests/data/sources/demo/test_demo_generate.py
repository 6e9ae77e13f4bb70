"""The whole set: its folder, its manifest, and going on after an interruption."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

import usvireid
from usvireid import names
from usvireid.data.crops import Crops
from usvireid.data.sources.demo.generate import SETTINGS_FILE, write_demo
from usvireid.data.sources.demo.sheet import contact_sheet
from usvireid.errors import DataError, UsageError


def small(out: Path, **settings: object) -> pd.DataFrame:
    return write_demo(out, **{"people": 5, "images": 2, "one_modality": 0.0, "workers": 1, **settings})  # type: ignore[arg-type]


def contents(out: Path) -> dict[str, bytes]:
    return {str(file.relative_to(out)): file.read_bytes() for file in sorted(out.rglob("*")) if file.is_file()}


def test_the_manifest_is_a_table_of_crops(tmp_path: Path) -> None:
    table = small(tmp_path / "set", people=6, test_share=0.34)
    read = pd.read_csv(tmp_path / "set" / names.MANIFEST_FILE)
    known = [column for column in names.CROP_COLUMNS if column not in (names.RIG, *names.BOX)]
    assert list(read.columns) == list(table.columns) == known
    assert read.astype(str).equals(table.astype(str))
    crops = Crops.from_table(tmp_path / "set", read, names.MANIFEST_FILE)
    assert all(file.is_file() for file in crops.files())
    assert len(list((tmp_path / "set").rglob("*.jpg"))) == len(crops)
    split = table.groupby(names.IDENTITY)[names.SPLIT].nunique()
    assert (split == 1).all()
    assert table[table[names.SPLIT] == names.TEST][names.IDENTITY].nunique() == 2
    assert table.groupby([names.CAMERA, names.TRACK])[names.IDENTITY].nunique().eq(1).all()
    folders = table[names.PATH].str.split("/").str
    assert (folders[0] == table[names.MODALITY]).all() and (folders[1] == table[names.CAMERA]).all()


def test_test_people_may_all_be_seen_by_both_modalities(tmp_path: Path) -> None:
    table = small(tmp_path, people=6, test_share=0.5, one_modality=1.0, test_in_both=True)
    sides = table.groupby([names.SPLIT, names.IDENTITY])[names.MODALITY].nunique()
    assert (sides[names.TEST] == 2).all() and (sides[names.TRAIN] == 1).all() and len(sides) == 6
    with pytest.raises(UsageError, match="other settings"):
        small(tmp_path, people=6, test_share=0.5, one_modality=1.0)


def test_the_same_call_does_nothing_twice(tmp_path: Path) -> None:
    small(tmp_path)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.*")}
    seen: list[tuple[int, int]] = []
    table = small(tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.*")} == before
    assert seen[-1] == (len(table), len(table))


def test_an_interrupted_set_is_completed_byte_for_byte(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Stop

    small(tmp_path / "whole", people=14)
    with pytest.raises(Stop):
        small(tmp_path / "cut", people=14, progress=stop)
    assert not (tmp_path / "cut" / names.MANIFEST_FILE).exists()
    images = sorted((tmp_path / "cut").rglob("*.jpg"))
    images[0].write_bytes(images[0].read_bytes()[:-100])
    images[1].write_bytes(b"")
    small(tmp_path / "cut", people=14)
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_processes_change_nothing(tmp_path: Path) -> None:
    small(tmp_path / "one", people=20, images=3)
    small(tmp_path / "two", people=20, images=3, workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_script_without_a_guarded_main_part_gets_its_set(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path\n"
        "from usvireid.data.sources.demo.generate import write_demo\n"
        "print(len(write_demo(Path('set'), 16, images=2, one_modality=0.0, workers=2)))\n"
    )
    (tmp_path / "script.py").write_text(script)
    home = Path(usvireid.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(home)}
    command = [sys.executable, "script.py"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) == len(list((tmp_path / "set").rglob("*.jpg")))


def test_refuses_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "holiday.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        small(tmp_path)
    with pytest.raises(UsageError, match="not empty"):
        small(tmp_path / "holiday.txt")
    assert contents(tmp_path) == {"holiday.txt": b"mine"}


def test_refuses_a_set_of_other_settings(tmp_path: Path) -> None:
    small(tmp_path)
    before = contents(tmp_path)
    for settings in ({"people": 6}, {"seed": 1}, {"difficulty": "hard"}, {"images": 3}):
        with pytest.raises(UsageError, match="other settings"):
            small(tmp_path, **settings)
    assert contents(tmp_path) == before
    assert SETTINGS_FILE in before


@pytest.mark.parametrize(
    "settings",
    [{"people": 1}, {"people": 100_001}, {"seed": -1}, {"images": 0}, {"test_share": 1.2}, {"one_modality": -0.1},
     {"workers": 0}, {"difficulty": "mild"}],
)  # fmt: skip
def test_refuses_settings_out_of_range(tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(settings))):
        small(tmp_path / "set", **settings)
    assert not (tmp_path / "set").exists()


def test_a_contact_sheet_has_a_row_per_person(tmp_path: Path) -> None:
    table = small(tmp_path / "set")
    sheet = tmp_path / "pictures" / "sheet.png"
    contact_sheet(tmp_path / "set", table, sheet, people=3)
    with Image.open(sheet) as image:
        assert image.height == 3 * 132 + 4
        assert image.width > 12 * 64
    contact_sheet(tmp_path / "set", table[table[names.MODALITY] == names.VISIBLE], sheet, people=99)
    with Image.open(sheet) as image:
        assert image.height == 5 * 132 + 4


def test_a_contact_sheet_says_what_it_lacks(tmp_path: Path) -> None:
    table = small(tmp_path / "set")
    with pytest.raises(DataError, match="identity"):
        contact_sheet(tmp_path / "set", table.assign(identity=pd.NA), tmp_path / "sheet.png")
    (tmp_path / "set" / table[names.PATH].iloc[0]).unlink()
    with pytest.raises(DataError, match=table[names.PATH].iloc[0]):
        contact_sheet(tmp_path / "set", table, tmp_path / "sheet.png")
    assert not (tmp_path / "sheet.png").exists()
