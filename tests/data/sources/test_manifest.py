from __future__ import annotations

from pathlib import Path

import pytest

from usvireid import names
from usvireid.data.sources.manifest import read_manifest
from usvireid.errors import DataError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for file in ("a.jpg", "b.jpg", "sub/c d.jpg", "sub/ü.jpg"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(b"x")
    return tmp_path


def write(root: Path, content: str | bytes) -> Path:
    file = root / "crops.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def refusal(root: Path, content: str | bytes) -> str:
    with pytest.raises(DataError) as caught:
        read_manifest(write(root, content))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(root / "crops.csv"))
    return str(caught.value)


GOOD = "path,modality\na.jpg,visible\nb.jpg,infrared\n"


def test_two_columns(root: Path) -> None:
    crops = read_manifest(write(root, GOOD))
    assert crops.root == root
    assert crops.table[names.PATH].tolist() == ["a.jpg", "b.jpg"]


def test_all_columns_in_any_order_and_others_ignored(root: Path) -> None:
    crops = read_manifest(
        write(
            root,
            "identity,note,path,modality,camera,track,frame,time,split\n"
            '0007,"x, y",a.jpg,visible,1,t1,5,0.25,train\n'
            ",,sub/c d.jpg,infrared,,,,,\n",
        )
    )
    first = crops.table.iloc[0]
    assert first[names.IDENTITY] == "0007"
    assert (first[names.CAMERA], first[names.TRACK], first[names.FRAME], first[names.TIME]) == ("1", "t1", 5, 0.25)
    assert crops.table.iloc[1].notna().sum() == 2


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.rstrip("\n").encode() + b"\n\n\n",
        b" Path , MODALITY \n a.jpg , visible\nb.jpg,infrared",
        b'"path","modality"\n"a.jpg","visible"\n"./b.jpg","infrared"\n',
        b"path,modality\nsub/../a.jpg,visible\nsub//./c d.jpg,infrared\n",
    ],
    ids=["byte order mark", "Windows lines", "blank lines", "spaces", "quotes", "odd paths"],
)
def test_what_programs_make_of_a_csv(root: Path, content: bytes) -> None:
    assert len(read_manifest(write(root, content))) == 2


def test_unicode_and_absolute_paths(root: Path) -> None:
    crops = read_manifest(write(root, f"path,modality\nsub/ü.jpg,visible\n{root / 'b.jpg'},infrared\n"))
    assert all(file.is_file() for file in crops.files())


def test_missing_files_are_counted_and_the_first_named(root: Path) -> None:
    message = refusal(root, GOOD + "sub/none.jpg,visible\nc.jpg,visible\n")
    assert "row 4: no file 'sub/none.jpg'" in message
    assert "2 of 4 rows name no file" in message


def test_one_missing_file(root: Path) -> None:
    assert "(1 of" not in refusal(root, GOOD + "sub/none.jpg,visible\n")


def test_a_folder_is_no_file(root: Path) -> None:
    assert "row 4: no file 'sub'" in refusal(root, GOOD + "sub,visible\n")


def test_a_name_longer_than_the_system_allows(root: Path) -> None:
    assert "row 4: no file 'xxx" in refusal(root, GOOD + "x" * 5000 + ",visible\n")


def test_backslashes(root: Path) -> None:
    assert "write paths with / instead of" in refusal(root, GOOD + "sub\\none.jpg,visible\n")


def test_one_file_under_two_spellings(root: Path) -> None:
    assert "row 4: the path 'a.jpg' stands in the table twice" in refusal(root, GOOD + "./a.jpg,infrared\n")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("path,modality\n", "a header and no rows"),
        ("path\na.jpg\n", "no column 'modality'"),
        ("a.jpg,visible\nb.jpg,infrared\n", "no column 'path'"),
        ("path;modality\na.jpg;visible\n", "separated by semicolons"),
        ("path,Path,modality\na.jpg,b.jpg,visible\n", "'path' stands in the header twice"),
        ("path,modality,modality\na.jpg,visible,visible\n", "'modality' stands in the header twice"),
        ("path,modality\na.jpg,visible,extra\nb.jpg,infrared,extra\n", "row 2 has 3 fields and the header 2"),
        ("path,modality\na.jpg,thermal\n", "row 2: unknown modality 'thermal'"),
        (GOOD + "sub/c d.jpg\n", "row 4 ends before the column 'modality'"),
        ("path,modality\na.jpg,visible\n", "no row of modality infrared"),
        ("path,modality\na.jpg,infrared\n", "no row of modality visible"),
        ("path,modality,time\na.jpg,visible,noon\nb.jpg,infrared,1\n", "row 2: time 'noon'"),
        (GOOD.encode("utf-16"), "line 1 is not UTF-8 text"),
        ("path,modality\nMöwe.jpg,visible\n".encode("latin-1"), "line 2 is not UTF-8 text"),
    ],
)
def test_refusals(root: Path, content: str | bytes, says: str) -> None:
    assert says in refusal(root, content)


def test_a_file_that_cannot_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise PermissionError(13, "Permission denied")

    file = write(root, GOOD)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match=r"cannot be read \(Permission denied\)"):
        read_manifest(file)
