import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.conftest import write_finished_run
from usvireid.cli import app
from usvireid.display import Display
from usvireid.doubts import doubts_text, examine_run, parse_kinds
from usvireid.errors import UsageError
from usvireid.quality.doubts import find_doubts


def finished(tmp_path: Path, data: Path) -> Path:
    # The table of the data: people 0 to 5 with four crops each, visible first; one crop is labelled wrongly.
    identity = [row // 4 % 6 for row in range(48)]
    identity[1] = 3
    return write_finished_run(tmp_path / "run", data, identity)


@pytest.mark.parametrize("features", ["--features", "--no-features"])
def test_the_command_lists_doubts_as_text_and_as_json(tmp_path: Path, folders: Path, features: str) -> None:
    run = finished(tmp_path, folders)
    arguments = ["doubts", str(run), features, "--top", "4", "--device", "cpu"]
    text = CliRunner().invoke(app, arguments)
    assert text.exit_code == 0, text.output
    assert "%" in text.stdout and ".png" in text.stdout
    result = CliRunner().invoke(app, [*arguments, "--json", "--kind", "crop,cluster", "--by", "gain"])
    found = json.loads(result.stdout)
    assert 0 < len(found) <= 4
    for doubt in found:
        assert doubt["kind"] in ("cluster", "crop") and 0 <= doubt["score"] <= 1
        assert all((folders / path).is_file() for path in doubt["first"] + doubt["second"])


def test_a_run_is_examined_without_its_identities(tmp_path: Path, labelled: Path) -> None:
    examined = examine_run(finished(tmp_path, labelled), Display())
    assert not examined.data.crops.has("identity")
    assert examined.features is not None and examined.gradients is not None
    assert len(examined.features) == len(examined.labels) == 48
    assert len(examined.doubts(top=2)) == 2


def test_what_is_not_there_is_said_in_a_line(tmp_path: Path, folders: Path) -> None:
    with pytest.raises(UsageError, match="no such kind of doubt; use some of cluster,link,crop"):
        parse_kinds("cluster,links")
    with pytest.raises(UsageError, match="not a run folder"):
        examine_run(tmp_path, Display())
    with pytest.raises(UsageError, match="no labels yet"):
        examine_run(write_finished_run(tmp_path / "empty", folders), Display())


def test_hostile_names_do_not_reach_the_terminal_as_they_are(tmp_path: Path, folders: Path) -> None:
    examined = examine_run(finished(tmp_path, folders), Display(), with_features=False)
    crops = examined.data.crops
    crops.table["path"] = ["\x1b[2J" + path + "\n" for path in crops.table["path"]]
    text = doubts_text(find_doubts(examined.labels, kinds=["crop"]), crops)
    assert text and "\x1b" not in text and "\\x1b[2J" in text
