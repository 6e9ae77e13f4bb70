"""A comparison as a table for a paper, in Markdown or LaTeX: a line for each row, columns for each search."""

from __future__ import annotations

import re

from usvireid.comparison.compare import Comparison
from usvireid.comparison.rows import Row
from usvireid.comparison.spread import MEASURES, Spread, shown
from usvireid.comparison.tables import setting_text

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "→": r"$\rightarrow$",
    "±": r"$\pm$",
}


def markdown(comparison: Comparison) -> str:
    """A Markdown table, the caption below it, the settings that differ and the warnings."""
    measures = comparison.measures()
    heads = [f"{_markdown_text(shown(search))} {MEASURES[name]}" for search in comparison.searches for name in measures]
    lines = [_pipes(["run", *heads]), _pipes([":--", *("--:" for _ in heads)])]
    for row in comparison.rows:
        found = [row.scores.get(search, {}).get(name) for search in comparison.searches for name in measures]
        lines.append(_pipes([_markdown_text(_label(row)), *("-" if cell is None else cell.text() for cell in found)]))
    lines += ["", _markdown_text(comparison.caption())]
    if comparison.differences:
        own = [row for row in comparison.rows if not row.published]
        lines += ["", _pipes(["setting", *(_markdown_text(row.name) for row in own)])]
        lines.append(_pipes([":--", *(":--" for _ in own)]))
        for name, values in comparison.differences.items():
            lines.append(_pipes([_markdown_text(name), *(_markdown_text(setting_text(value)) for value in values)]))
    for warning in comparison.warnings:
        lines += ["", f"**Warning:** {_markdown_text(warning)}"]
    return "\n".join(lines) + "\n"


def latex(comparison: Comparison) -> str:
    """A LaTeX table (package booktabs); settings that differ and warnings stand in comments before it."""
    measures, searches = comparison.measures(), comparison.searches
    lines = ["% needs \\usepackage{booktabs}"]
    lines += [f"% warning: {_one_line(warning)}" for warning in comparison.warnings]
    for name, values in comparison.differences.items():
        lines.append(f"% {_one_line(name)}: {_one_line(' | '.join(map(setting_text, values)))}")
    lines += [
        r"\begin{table}[t]",
        r"\centering",
        rf"\caption{{{latex_text(comparison.caption())}}}",
        rf"\begin{{tabular}}{{l{'c' * len(searches) * len(measures)}}}",
        r"\toprule",
        *_latex_heads(searches, measures),
        r"\midrule",
    ]
    before: Row | None = None
    for row in comparison.rows:
        if before is not None and row.published and not before.published:
            lines.append(r"\midrule")
        found = [row.scores.get(search, {}).get(name) for search in searches for name in measures]
        lines.append(_ampersands([latex_text(_label(row)), *map(_latex_cell, found)]))
        before = row
    lines += [r"\bottomrule", r"\end{tabular}", r"\end{table}"]
    return "\n".join(lines) + "\n"


def latex_text(text: str) -> str:
    """Text with everything escaped that LaTeX takes for a command."""
    return "".join(_LATEX.get(letter, letter) for letter in _one_line(text))


def _latex_heads(searches: list[str], measures: list[str]) -> list[str]:
    if not searches:
        return [_ampersands(["run"])]
    width = len(measures)
    spans = [rf"\multicolumn{{{width}}}{{c}}{{{latex_text(shown(search))}}}" for search in searches]
    rules = [rf"\cmidrule(lr){{{2 + i * width}-{1 + (i + 1) * width}}}" for i in range(len(searches))]
    heads = [MEASURES[name] for _ in searches for name in measures]
    return [_ampersands(["", *spans]), " ".join(rules), _ampersands(["run", *heads])]


def _latex_cell(found: Spread | None) -> str:
    if found is None:
        return "--"
    mean, _, deviation = found.text().partition(" ±")
    return rf"${mean} \pm {deviation}$" if deviation else mean


def _label(row: Row) -> str:
    return f"{row.name} ({row.note})" if row.note else row.name


def _markdown_text(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", _one_line(text))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _pipes(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _ampersands(cells: list[str]) -> str:
    return f"{' & '.join(cells)} \\\\"
