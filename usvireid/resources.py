"""Recipes and settings files that come with usvireid, installed or in a checkout."""

from __future__ import annotations

import ast
import importlib.util
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from usvireid.errors import UsageError
from usvireid.recipe import named_faults

_PACKAGE = Path(__file__).resolve().parent
_SUFFIX = {"pipelines": ".py", "configs": ".yaml"}


def folder(kind: str) -> Path:
    """The folder of "pipelines" or "configs": at the top of a checkout, inside the package when installed."""
    checkout = _PACKAGE.parent / kind
    return checkout if (_PACKAGE.parent / "pyproject.toml").is_file() and checkout.is_dir() else _PACKAGE / f"_{kind}"


def available(kind: str) -> dict[str, str]:
    """Name to one line of description, for every recipe or settings file."""
    found = {}
    for path in sorted(folder(kind).glob(f"*{_SUFFIX[kind]}")):
        if path.stem.startswith("_"):
            continue
        text = path.read_text(encoding="utf-8")
        if kind == "pipelines":
            summary = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
        else:
            summary = next((line.lstrip("# ") for line in text.splitlines() if line.startswith("#")), "")
        found[path.stem] = summary
    return found


def locate(kind: str, name: str) -> Path:
    """The file of a recipe or of settings, by its name or as a path of one's own.

    Raises:
        UsageError: neither; the message lists the names there are.
    """
    own = Path(name)
    if own.suffix or own.parent != Path():
        if own.is_file():
            return own
        raise UsageError(f"{name}: no such file ({kind}).")
    shipped = folder(kind) / f"{name}{_SUFFIX[kind]}"
    if shipped.is_file():
        return shipped
    raise UsageError(
        f"no {kind.removesuffix('s')} '{name}'; there are {', '.join(available(kind))}, or give a file's path."
    )


def copy_out(name: str, target: Path) -> Path:
    """Copy a recipe or a settings file to be changed; the target's ending, or the only match, tells which.

    Raises:
        UsageError: no such name, or the target exists.
    """
    kinds = [kind for kind in _SUFFIX if name in available(kind)]
    if target.suffix in _SUFFIX.values():
        kinds = [kind for kind in kinds if _SUFFIX[kind] == target.suffix]
    if not kinds:
        raise UsageError(
            f"nothing is called '{name}'; pipelines: {', '.join(available('pipelines'))}; "
            f"configs: {', '.join(available('configs'))}."
        )
    if len(kinds) > 1:
        raise UsageError(f"'{name}' is a pipeline and a config; give the target the ending .py or .yaml.")
    source = locate(kinds[0], name)
    if target.is_dir():
        target = target / source.name
    if target.exists():
        raise UsageError(f"{target}: exists already; choose another name.")
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror}).") from None
    return target


def load_pipeline(name: str) -> ModuleType:
    """Import a recipe by name or path.

    A recipe is a Python file that defines `cluster(experiment, epoch)` and `train(experiment, labels, epoch)`.

    Raises:
        UsageError: no such recipe, it cannot be imported, or one of the two functions is missing.
    """
    functions = {"cluster": "cluster(experiment, epoch)", "train": "train(experiment, labels, epoch)"}
    return import_file(locate("pipelines", name), "recipe", functions)


def import_file(path: Path, kind: str, functions: Mapping[str, str]) -> ModuleType:
    """Import a Python file, of ours or of a user.

    Args:
        path: the file.
        kind: what the file is to a person, such as "recipe".
        functions: names of the functions it has to define, each with its arguments for the message.

    Raises:
        UsageError: it cannot be imported, or a function is missing.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file ({kind}).")
    module_name = f"usvireid_{kind}_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path}: not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    with named_faults(path, f"the {kind} cannot be imported", UsageError):
        spec.loader.exec_module(module)
    for function in functions:
        if not callable(getattr(module, function, None)):
            raise UsageError(
                f"{path}: the {kind} has to define {' and '.join(functions.values())}; {function} is missing."
            )
    return module
