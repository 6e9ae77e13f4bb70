from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from tests.data.replicas import build_llcm, build_regdb, build_sysu
from usvireid import names
from usvireid.data.check import check
from usvireid.data.check_tables import render

Folders = Callable[..., Path]


def printed(root: Path, width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width)
    render(check(root), console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_good_data(two_folders: Folders) -> None:
    text = printed(two_folders(40))
    assert "80 crops" in text
    assert "nothing wrong was found" in text
    assert "camera " not in text


def test_findings_and_their_number(two_folders: Folders) -> None:
    root = two_folders(3)
    (root / "visible/[red].jpg").write_bytes(b"")
    text = printed(root)
    assert "error: visible/[red].jpg: the file is empty." in text
    assert "1 error, 2 warnings; correct the errors before training" in text


def test_warnings_alone(two_folders: Folders) -> None:
    assert printed(two_folders(3)).endswith("2 warnings\n")


def test_tables_of_a_manifest(two_folders: Folders) -> None:
    root = two_folders(30)
    rows = [
        f"{modality}/{row:03}.jpg,{modality},[b]{row},{row},{'train' if row else ''}"
        for modality in names.MODALITIES
        for row in range(30)
    ]
    (root / names.MANIFEST_FILE).write_text("\n".join(["path,modality,camera,identity,split", *rows]))
    text = printed(root)
    assert "[b]12" in text
    assert "10 more" in text
    assert "(none)" in text
    assert "30 identities, 30 of them in both modalities" in text


@pytest.mark.parametrize("build", [build_sysu, build_regdb, build_llcm])
def test_tables_of_a_benchmark_fit_a_narrow_terminal(build: Callable[[Path], Path], tmp_path: Path) -> None:
    text = printed(build(tmp_path / "data"), width=80)
    tables = [line for line in text.splitlines() if line.startswith(("│", "┃"))]
    assert all(len(line) <= 80 and "…" not in line for line in tables)
    assert any(line.split() == ["│", "height", "/", "width", "│", "2.00", "│", "2.00", "│"] for line in tables)
    assert any("train identities" in line and "published" not in line for line in tables)
    assert "settings that suit: neighbors.k1 " in text
    assert ", clustering.eps auto; on average the identity of a training crop has " in text
