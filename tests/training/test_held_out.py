from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from usvireid.config import Settings
from usvireid.data.crops import Crops
from usvireid.errors import DataError
from usvireid.training.held_out import held_out_identities, held_out_rows, training_rows


def crops(people: list[str], split: str | None = None) -> Crops:
    rows = [
        {"path": f"{modality}/{name}_{shot}", "modality": modality, "identity": name, "split": split}
        for modality in ("visible", "infrared")
        for name in people
        for shot in range(2)
    ]
    return Crops.from_table(Path(), pd.DataFrame(rows), "test")


def settings(method: str = "held-out", share: float = 0.25) -> Settings:
    return Settings.model_validate({"selection": {"method": method, "share": share}})


PEOPLE = [f"{number:03d}" for number in range(20)]


def test_nothing_is_held_out_unless_it_is_asked_for() -> None:
    table = crops(PEOPLE)
    assert np.array_equal(training_rows(table, settings("last")), np.arange(80))
    assert len(held_out_rows(table, settings("test"))) == 0


def test_a_share_of_the_people_with_all_their_crops() -> None:
    table = crops(PEOPLE)
    rows, out = training_rows(table, settings()), held_out_rows(table, settings())
    assert sorted([*rows, *out]) == list(range(80))
    kept, held = (set(table.take(part).table["identity"]) for part in (rows, out))
    assert not kept & held
    assert len(held) == 5


def test_crops_without_identity_and_other_splits_stay_as_they_are() -> None:
    table = crops(PEOPLE, "train").table
    more = table.assign(path="test/" + table["path"], split="test")
    unknown = table.assign(path="unknown/" + table["path"], identity=pd.NA)
    whole = Crops.from_table(Path(), pd.concat([table, more, unknown]), "test")
    rows, out = training_rows(whole, settings()), held_out_rows(whole, settings())
    assert len(rows) + len(out) == len(whole.training_rows()) == 160
    assert set(range(160, 240)) <= set(rows)
    assert set(whole.take(out).table["split"]) == {"train"}


def test_who_is_held_out_comes_from_the_name_and_the_seed() -> None:
    one = held_out_identities(crops(PEOPLE), 0.25, 0)
    assert one == held_out_identities(crops(PEOPLE[::-1]), 0.25, 0)
    assert one != held_out_identities(crops(PEOPLE), 0.25, 1)
    fewer = held_out_identities(crops([name for name in PEOPLE if name != one[0]]), 0.25, 0)
    assert set(one[1:]) <= set(fewer)


def test_people_of_one_modality_cannot_be_held_out() -> None:
    table = crops(PEOPLE)
    alone = ~((table.table["modality"] == "infrared") & (table.table["identity"] >= "010")).to_numpy(dtype=bool)
    assert all(name < "010" for name in held_out_identities(table.take(alone), 0.5, 0))


@pytest.mark.parametrize("people", [[], PEOPLE[:3]])
def test_too_few_people_are_refused_in_one_line(people: list[str]) -> None:
    blank = crops(PEOPLE).without_identities() if not people else crops(people)
    with pytest.raises(DataError, match=r"selection\.method held-out: needs at least 4 identities"):
        training_rows(blank, settings())
