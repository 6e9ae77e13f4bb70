"""The table of travel times."""

import pytest

from usvireid.data.travel import read_travel
from usvireid.errors import DataError, UsageError


def test_a_table_of_travel_times(tmp_path):
    file = tmp_path / "travel.csv"
    file.write_text("from,to,seconds\ngate,hall,12.5\nhall,roof,30\n")
    assert read_travel(file) == {("gate", "hall"): 12.5, ("hall", "roof"): 30.0}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("gate,gate,3", "row 2: from 'gate' to 'gate': name two different cameras"),
        (",hall,3", "row 2: from '' to 'hall'"),
        ("gate,hall,3\nhall,gate,4", "row 3: the way from 'hall' to 'gate' stands in the table already"),
        ("gate,hall,soon", "row 2: seconds 'soon' is not a number above 0"),
        ("gate,hall,-1", "row 2: seconds '-1'"),
        ("gate,hall,nan", "row 2: seconds 'nan'"),
        ("gate,hall,inf", "row 2: seconds 'inf'"),
    ],
)
def test_bad_rows_are_named(tmp_path, rows, said):
    file = tmp_path / "travel.csv"
    file.write_text(f"from,to,seconds\n{rows}\n")
    with pytest.raises(DataError, match=said):
        read_travel(file)


def test_no_such_table(tmp_path):
    with pytest.raises(UsageError, match=r"travel\.csv: no such file"):
        read_travel(tmp_path / "travel.csv")
