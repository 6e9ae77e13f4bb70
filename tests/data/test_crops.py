from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.errors import DataError

ROOT = Path("somewhere")


def crops(**columns: list[object]) -> Crops:
    return Crops.from_table(ROOT, pd.DataFrame(columns), "crops.csv")


def table(count: int = 4, **columns: list[object]) -> Crops:
    modality = [names.MODALITIES[row % 2] for row in range(count)]
    return crops(path=[f"{row}.jpg" for row in range(count)], modality=modality, **columns)


def refusal(**columns: list[object]) -> str:
    with pytest.raises(DataError) as caught:
        crops(**{"path": ["a", "b", "c"], "modality": ["visible", "infrared", "visible"], **columns})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_two_columns_are_enough() -> None:
    made = table()
    assert tuple(made.table.columns) == names.CROP_COLUMNS
    assert made.table.index.tolist() == [0, 1, 2, 3]
    assert not any(made.has(column) for column in names.CROP_COLUMNS[2:])
    assert str(made.table[names.FRAME].dtype) == "Int64"
    assert made.table[names.TIME].dtype == np.float64


def test_an_empty_table_stays_empty() -> None:
    made = crops(path=[], modality=[])
    assert len(made) == 0
    assert not made.has(names.PATH)
    assert made.files() == []
    assert len(made.rows_of(names.VISIBLE)) == 0
    assert len(made.training()) == len(made.evaluation()) == 0


def test_values_are_brought_to_their_types() -> None:
    made = table(
        3,
        camera=[1, 2, 3],
        track=[" 7 ", "", None],
        frame=["12", "3.0", None],
        time=["0.5", "", "1e3"],
        identity=["0001", "ann", " "],
        split=["train", "", "query"],
    )
    assert made.table[names.CAMERA].tolist() == ["1", "2", "3"]
    assert made.table[names.TRACK].fillna("-").tolist() == ["7", "-", "-"]
    assert made.table[names.FRAME].fillna(-1).tolist() == [12, 3, -1]
    assert made.table[names.TIME].fillna(-1).tolist() == [0.5, -1, 1000]
    assert made.table[names.IDENTITY].fillna("-").tolist() == ["0001", "ann", "-"]
    assert made.has(names.SPLIT)


def test_numbers_as_names_keep_no_trace_of_floats() -> None:
    assert table(3, identity=[1.0, None, 12.0]).table[names.IDENTITY].fillna("-").tolist() == ["1", "-", "12"]
    assert table(2, camera=[0.5, 1.0]).table[names.CAMERA].tolist() == ["0.5", "1.0"]
    assert table(2, camera=[1e300, 1.0]).table[names.CAMERA].tolist() == ["1e+300", "1.0"]
    assert table(2, camera=[float("inf"), 1.0]).table[names.CAMERA].tolist() == ["inf", "1.0"]


def test_unknown_columns_are_dropped_and_the_index_is_made_plain() -> None:
    raw = pd.DataFrame({"path": ["a", "b"], "modality": ["visible", "infrared"], "note": ["x", "y"]}, index=[5, 9])
    made = Crops.from_table(ROOT, raw, "t")
    assert "note" not in made.table
    assert made.table.index.tolist() == [0, 1]


@pytest.mark.parametrize("column", ["path", "modality"])
def test_a_required_column_is_missed(column: str) -> None:
    columns = {"path": ["a"], "modality": ["visible"]}
    del columns[column]
    with pytest.raises(DataError, match=f"crops.csv: no column '{column}'.*found"):
        crops(**columns)


def test_no_columns_at_all() -> None:
    with pytest.raises(DataError, match="found none"):
        crops()


def test_modality() -> None:
    assert "row 3: unknown modality 'thermal'; use one of visible, infrared" in refusal(
        modality=["visible", "thermal", "x"]
    )
    assert "row 4: no modality" in refusal(modality=["visible", "infrared", ""])


def test_split() -> None:
    assert "row 2: unknown split 'val'; use one of train, test, query, gallery" in refusal(split=["val", "", "train"])


def test_path() -> None:
    assert "row 3: the path is empty" in refusal(path=["a", " ", "c"])
    assert "row 4: the path 'a' stands in the table twice" in refusal(path=["a", "b", " a "])


@pytest.mark.parametrize("value", ["x", "1.5", "inf", "nan?", "1e300", str(2**53 + 1)])
def test_frame(value: str) -> None:
    assert f"row 3: frame '{value}' is not a whole number" in refusal(frame=["1", value, ""])


@pytest.mark.parametrize("value", ["noon", "inf", "-inf", "00:01:00"])
def test_time(value: str) -> None:
    assert f"row 4: time '{value}' is not a number of seconds" in refusal(time=["1", "", value])


def test_boxes_are_read_where_a_rig_is_named() -> None:
    made = table(
        3, rig=["a", "", None], left=["1.5", "", None], top=[0, 0, -2], width=["7", None, "1"], height=[1, 2, 3]
    )
    assert made.table[names.RIG].fillna("-").tolist() == ["a", "-", "-"]
    assert made.table[list(names.BOX)].fillna(-1).to_numpy().tolist() == [
        [1.5, 0, 7, 1],
        [-1, 0, -1, 2],
        [-1, -2, 1, 3],
    ]
    # Elsewhere they may mean anything.
    assert not table(2, width=["slim", "wide"], height=[0, 0]).has(names.WIDTH)


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        ("left", "x", "a number of pixels."),
        ("top", "inf", "a number of pixels."),
        ("width", "0", "a number of pixels above 0."),
        ("height", "-3", "a number of pixels above 0."),
    ],
)
def test_box(column: str, value: str, kind: str) -> None:
    message = refusal(rig=["a", "a", ""], **{column: ["1", value, ""]})
    assert f"row 3: {column} '{value}' is not {kind}" in message


def test_take_by_numbers_and_by_mask() -> None:
    made = table()
    picked = made.take(np.array([3, 0]))
    assert picked.table[names.PATH].tolist() == ["3.jpg", "0.jpg"]
    assert picked.table.index.tolist() == [0, 1]
    assert made.take(np.array([False, True, False, True])).table[names.PATH].tolist() == ["1.jpg", "3.jpg"]
    assert len(made.take(np.zeros(4, dtype=bool))) == 0
    assert len(made) == 4


def test_rows_of_a_modality() -> None:
    made = table(5)
    assert made.rows_of(names.VISIBLE).tolist() == [0, 2, 4]
    assert made.rows_of(names.INFRARED).tolist() == [1, 3]


def test_codes_are_ordered_by_value_and_missing_is_minus_one() -> None:
    made = table(4, identity=["b", None, "a", "b"])
    codes = made.codes(names.IDENTITY)
    assert codes.tolist() == [1, -1, 0, 1]
    assert codes.dtype == np.int64
    assert made.codes(names.CAMERA).tolist() == [-1] * 4


def test_files_start_from_the_root_unless_absolute() -> None:
    made = crops(path=["visible/a.jpg", "/there/b.jpg"], modality=["visible", "infrared"])
    assert made.files() == [ROOT / "visible/a.jpg", Path("/there/b.jpg")]


def test_without_identities() -> None:
    made = table(2, identity=["1", "2"], camera=["c", "d"])
    blind = made.without_identities()
    assert not blind.has(names.IDENTITY)
    assert blind.has(names.CAMERA)
    assert made.has(names.IDENTITY)
    assert tuple(blind.table.columns) == names.CROP_COLUMNS


def test_without_a_split_everything_is_for_training_and_the_known_for_evaluation() -> None:
    made = table(4, identity=["1", None, "2", "1"])
    assert len(made.training()) == 4
    assert made.evaluation().table[names.PATH].tolist() == ["0.jpg", "2.jpg", "3.jpg"]


def test_a_split_divides() -> None:
    split = ["train", "test", "query", "gallery", None, "test"]
    made = table(6, split=split, identity=["1", "2", "2", "2", "2", None])
    assert made.training().table[names.PATH].tolist() == ["0.jpg"]
    assert made.evaluation().table[names.PATH].tolist() == ["1.jpg", "2.jpg", "3.jpg"]


def test_a_split_without_training_crops_gives_none() -> None:
    assert len(table(2, split=["query", "gallery"]).training()) == 0
