"""The forms of a comparison: 80 columns, Markdown, LaTeX, JSON."""

import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from tests.comparison.test_compare import facts, write_run
from tests.test_cli import call, error_line
from usvireid.comparison.compare import Comparison, compare
from usvireid.comparison.markup import latex, latex_text, markdown
from usvireid.comparison.tables import differences_table, results_table, setting_text

Captured = pytest.CaptureFixture[str]
NAME = "k1_20 & 100% {of} #1 <b> $x^2$ ~|\\"


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    seeds = [
        write_run(tmp_path / f"a_rather_long_name_of_a_run_{n}", 0.5 + n / 8, seed=n, facts=facts()) for n in (0, 1)
    ]
    odd = write_run(tmp_path / NAME, facts=facts(), neighbors__k1=20, selection__method="test")
    return compare([*seeds, odd], published=True)


def test_the_tables_fit_80_columns(comparison: Comparison) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    differences = differences_table(comparison)
    assert differences is not None
    console.print(results_table(comparison), differences)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80
    for expected in ("56.2 ±8.8", "infrared → visible", "(selected on", "as published", "neighbors.k1", "mostly"):
        assert expected in text
    assert "…" not in text


def test_equal_settings_need_no_table(tmp_path: Path) -> None:
    assert differences_table(compare([write_run(tmp_path / "one", facts=facts())])) is None
    assert setting_text([]) == setting_text(None) == "none"


def test_markdown_has_the_same_columns_in_every_line(comparison: Comparison) -> None:
    lines = [line for line in markdown(comparison).splitlines() if line.startswith("|")]
    counts = [len(re.findall(r"(?<!\\)\|", line)) for line in lines]
    results, settings = counts[:9], counts[9:]
    assert set(results) == {8}
    assert set(settings) == {4}
    assert r"k1\_20 & 100% {of} \#1 \<b\> $x^2$ ~\|" in markdown(comparison)
    assert "**Warning:** selected on test" in markdown(comparison)


def test_latex_escapes_everything_and_has_the_same_columns_in_every_line(comparison: Comparison) -> None:
    text = latex(comparison)
    assert r"k1\_20 \& 100\% \{of\} \#1 \textless{}b\textgreater{} \$x\textasciicircum{}2\$" in text
    assert r"$56.2 \pm 8.8$" in text
    body = text[text.index(r"\toprule") : text.index(r"\bottomrule")]
    cells = [line for line in body.splitlines() if line.endswith(r"\\")]
    spans = [len(re.findall(r"(?<!\\)&", line)) + 1 for line in cells]
    assert spans == [3, *[7] * (len(cells) - 1)]
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    assert all(line.startswith("%") for line in text[: text.index(r"\begin")].splitlines())


def test_latex_text() -> None:
    assert latex_text("a\nb\\c~") == r"a b\textbackslash{}c\textasciitilde{}"
    assert latex_text("visible → infrared ±") == r"visible $\rightarrow$ infrared $\pm$"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine")
def test_latex_compiles(comparison: Comparison, tmp_path: Path) -> None:
    document = (
        f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}\n{latex(comparison)}\\end{{document}}"
    )
    (tmp_path / "table.tex").write_text(document)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)


def test_on_the_command_line(capfd: Captured, tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", facts=facts())
    other = write_run(tmp_path / "other", neighbors__k1=20)
    code, out, err = call(capfd, "compare", one, other, "--format", "json", "--published")
    assert code == 0
    assert [row["name"] for row in json.loads(out)["rows"]][:3] == ["one", "other", "PGM"]
    assert "warning: other: by which protocol" in err
    assert "Settings that differ" in call(capfd, "compare", one, other)[1]
    assert call(capfd, "compare", one, "--format", "latex")[1].startswith("% needs")
    code, _, err = call(capfd, "compare", one, "--format", "word")
    assert code == 2
    assert "use one of table, markdown, latex, json" in error_line(err)
    code, _, err = call(capfd, "compare", tmp_path)
    assert code == 2
    assert "not a run folder" in error_line(err)


def test_without_any_scores(tmp_path: Path) -> None:
    found = compare([write_run(tmp_path / "bare", None)])
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(results_table(found))
    assert "not scored" in console.export_text()
    assert "| bare |" in markdown(found)
    assert "bare" in latex(found)
