"""A comparison in the form that is asked for."""

from __future__ import annotations

import json

from usvireid.comparison.compare import Comparison
from usvireid.comparison.markup import latex, markdown
from usvireid.comparison.tables import differences_table, results_table
from usvireid.display import Display
from usvireid.errors import UsageError

FORMS = ("table", "markdown", "latex", "json")


def show(comparison: Comparison, form: str, display: Display) -> None:
    """Print a comparison on standard output and its warnings on standard error.

    Args:
        comparison: what to print.
        form: one of `FORMS`.
        display: where to.

    Raises:
        UsageError: an unknown form.
    """
    if form not in FORMS:
        raise UsageError(f"--format {form}: use one of {', '.join(FORMS)}.")
    if form == "table":
        display.result(results_table(comparison))
        differences = differences_table(comparison)
        if differences is not None:
            display.result(differences)
    else:
        print({"markdown": markdown, "latex": latex, "json": _json}[form](comparison), end="")
    for warning in comparison.warnings:
        display.warn(warning)


def _json(comparison: Comparison) -> str:
    return json.dumps(comparison.to_dict(), indent=2) + "\n"
