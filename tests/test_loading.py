"""What a run remembers of its data, to notice changes."""

from pathlib import Path

import pandas as pd

from usvireid import names
from usvireid.config import Settings
from usvireid.data.crops import Crops
from usvireid.data.open import open_crops
from usvireid.loading import fingerprints


def test_changes_are_noticed_of_what_the_training_sees(tmp_path: Path, labelled: Path) -> None:
    recipe, encoder = tmp_path / "recipe.py", tmp_path / "mine.py"
    recipe.write_text("one")
    encoder.write_text("one")
    plain = Settings.model_validate({"data": {"cache": str(tmp_path / "cache")}})
    own = Settings.model_validate({"data": {"cache": str(tmp_path / "cache")}, "encoder": {"name": str(encoder)}})
    crops = open_crops(labelled)
    swapped = crops.table[names.IDENTITY].replace({"0": "1", "1": "0"})
    other = Crops.from_table(labelled, crops.table.assign(**{names.IDENTITY: swapped}), "test")

    def changed(one: dict[str, str], two: dict[str, str]) -> set[str]:
        return {what for what in {**one, **two} if one.get(what) != two.get(what)}

    before = fingerprints(crops, recipe, own)
    assert changed(before, fingerprints(crops, recipe, own)) == set()
    assert changed(before, fingerprints(other, recipe, own)) == {"the list of crops"}
    assert changed(before, fingerprints(crops, recipe, plain)) == {"the encoder's file"}
    blind = fingerprints(crops.without_identities(), recipe, own)
    assert changed(blind, fingerprints(other.without_identities(), recipe, own)) == set()
    fewer = Crops.from_table(labelled, pd.DataFrame(crops.table.iloc[1:]), "test")
    assert "the list of crops" in changed(before, fingerprints(fewer, recipe, own))
    encoder.write_text("two")
    recipe.write_text("two")
    assert changed(before, fingerprints(crops, recipe, own)) == {"the encoder's file", "the recipe"}
