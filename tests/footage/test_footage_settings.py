from pathlib import Path

import pytest
from pydantic import ValidationError

from usvireid.errors import UsageError
from usvireid.footage.choose import Choosing
from usvireid.footage.settings import ChoosingSettings, FootageSettings
from usvireid.layers import checked, flatten

DOCS = Path(__file__).resolve().parents[2] / "docs" / "footage.md"


def test_every_setting_stands_in_the_documentation_with_its_default() -> None:
    rows = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    table = "\n".join(rows)
    for name, value in flatten(FootageSettings().model_dump(mode="json")).items():
        (row,) = [row for row in rows if f"`{name}`" in row.split(" | ")[0]]
        shown = ", ".join(map(str, value)) if isinstance(value, list) else "none" if value is None else str(value)
        assert shown in row, (name, table)


def test_what_can_be_chosen_by_is_a_setting_with_the_same_default() -> None:
    assert Choosing(**ChoosingSettings().model_dump()) == Choosing()


def test_settings_are_checked() -> None:
    for wrong in (
        {"every": 0},
        {"inside": 0},
        {"format": "gif"},
        {"choosing": {"crops": 0}},
        {"choosing": {"shapes": [5, 1]}},
    ):
        with pytest.raises(ValidationError):
            FootageSettings.model_validate(wrong)


def test_each_setting_is_named_once_where_one_is_unknown() -> None:
    with pytest.raises(UsageError, match="unknown setting 'xyzzy'; there are detector,") as raised:
        checked(FootageSettings, [("here", {"xyzzy": 1})])
    assert str(raised.value).count("deinterlace") == 1
