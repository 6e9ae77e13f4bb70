import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from usvireid.errors import UsageError
from usvireid.layers import make_settings, read_settings_file
from usvireid.resources import available, copy_out, load_pipeline, locate

ROOT = Path(__file__).resolve().parents[1]


def test_everything_that_is_listed_loads_and_has_a_summary() -> None:
    for name, summary in available("pipelines").items():
        assert summary
        load_pipeline(name)
    for name, summary in available("configs").items():
        assert summary
        make_settings([(name, read_settings_file(locate("configs", name)))])


def test_unknown_names_list_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no pipeline 'nil'; there are .*hil"):
        locate("pipelines", "nil")
    with pytest.raises(UsageError, match="no such file"):
        locate("configs", str(tmp_path / "none.yaml"))
    with pytest.raises(UsageError, match="nothing is called 'nil'"):
        copy_out("nil", tmp_path / "x.py")


def test_copies_are_equal_and_never_overwrite(tmp_path: Path) -> None:
    target = copy_out("hil", tmp_path / "mine.py")
    assert target.read_text() == locate("pipelines", "hil").read_text()
    with pytest.raises(UsageError, match="exists already"):
        copy_out("hil", target)
    assert copy_out("demo", tmp_path) == tmp_path / "demo.yaml"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def cluster(experiment, epoch): ...", "train is missing"),
        ("import there_is_no_such_module", "cannot be imported: .*there_is_no_such_module"),
        ("def cluster(:", "cannot be imported: SyntaxError"),
    ],
)
def test_recipes_that_cannot_be_used(tmp_path: Path, code: str, message: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(code)
    with pytest.raises(UsageError, match=message):
        load_pipeline(str(path))


def test_the_wheel_carries_recipes_and_settings_without_claiming_their_names(tmp_path: Path) -> None:
    build = "from hatchling.build import build_wheel; import sys; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    wheel = tmp_path / done.stdout.strip().splitlines()[-1]
    names = zipfile.ZipFile(wheel).namelist()
    assert "usvireid/_pipelines/hil.py" in names
    assert "usvireid/_configs/demo.yaml" in names
    assert "usvireid/quality/templates/report.html.j2" in names
    assert {name.partition("/")[0] for name in names} == {
        "usvireid",
        next(n for n in names if "dist-info" in n).split("/")[0],
    }
    # Installed by unpacking, beside the packages of this environment: the lists are found there.
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    listing = "import sys; sys.path.insert(0, sys.argv[1]); import usvireid.resources as r; print(r.folder('configs'))"
    found = subprocess.run(
        [sys.executable, "-c", listing, str(site)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert Path(found.stdout.strip()) == site / "usvireid" / "_configs"
