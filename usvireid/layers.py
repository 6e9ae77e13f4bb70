"""Settings from layers: defaults, files, options. Whatever is wrong is named by the setting's full path."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from usvireid.config import Settings, resumable
from usvireid.errors import UsageError

_Model = TypeVar("_Model", bound=BaseModel)


def make_settings(layers: Sequence[tuple[str, Mapping[str, Any]]]) -> Settings:
    """Merge layers of settings over the defaults, later ones first in rank, and check the result.

    Args:
        layers: (where it comes from, nested mapping). The origin is named in messages.

    Raises:
        UsageError: an unknown setting (with the nearest one that exists), a wrong type or value, or settings that
            contradict each other; the message holds the setting's full path.
    """
    settings = checked(Settings, layers)
    try:
        flat = flatten(settings.model_dump(mode="json"))
    except (ValueError, RecursionError):
        raise UsageError("setting options: holds a value that no settings file can hold; use plain values.") from None
    for path, value in flat.items():
        if isinstance(value, str) and "\0" in value:
            raise UsageError(f"setting {path}: holds a null character, which no name has; write it anew.")
    return settings


def checked(model: type[_Model], layers: Sequence[tuple[str, Mapping[str, Any]]]) -> _Model:
    """Layers of the settings of any typed tree, merged over its defaults.

    Raises:
        UsageError: as `make_settings`.
    """
    merged: dict[str, Any] = {}
    for origin, layer in layers:
        _refuse_unknown_keys(layer, model, origin, (), model)
        merged = merge(merged, layer)
    try:
        return model.model_validate(merged)
    except ValidationError as error:
        raise UsageError(_explain(error.errors(), layers, model)) from None


def _explain(
    errors: list[ErrorDetails], layers: Sequence[tuple[str, Mapping[str, Any]]], model: type[BaseModel]
) -> str:
    """The first wrong setting, and who set it; one that may be of several types has a message for each."""
    path = _setting_at(errors[0]["loc"], model)
    same = [error for error in errors if _setting_at(error["loc"], model) == path]
    messages = [error["msg"].removeprefix("Value error, ") for error in same]
    value = errors[0]["input"]
    shown = "" if isinstance(value, Mapping | BaseModel) else f" (it is {value!r})"
    origin = next((f"{origin}: " for origin, layer in reversed(layers) if path and _sets(layer, path)), "")
    return f"{origin}setting {path + ': ' if path else ''}{', or '.join(dict.fromkeys(messages))}{shown}."


def _sets(layer: Mapping[str, Any], path: str) -> bool:
    """Whether a layer has a value for a setting, or for any of a group of settings."""
    value: Any = layer
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return False
        value = value[part]
    return True


def _setting_at(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """The dotted name of a setting; what pydantic adds about the type it tried is left out."""
    known: type[BaseModel] | None = model
    path = []
    for part in map(str, location):
        if known is None or part not in known.model_fields:
            break
        path.append(part)
        known = _part_of(known, part)
    return ".".join(path)


def read_settings_file(path: Path) -> dict[str, Any]:
    """The content of a YAML settings file.

    Raises:
        UsageError: it cannot be read, is not YAML, has a name twice, or is not a mapping; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: the settings file cannot be read ({error.strerror or error}).") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: the settings file cannot be read (not UTF-8 text); save it as UTF-8.") from None
    try:
        content = _from_yaml(text)
    except ValueError as error:
        raise UsageError(f"{path}: {error}.") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(f"{path}: holds a {type(content).__name__}; a settings file is a mapping of names to values.")
    return content


class _Loader(yaml.SafeLoader):
    """Refuses a name that stands twice in a mapping, of which YAML would take the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """As of the base class, after a look at the names."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"'{key.value}' stands there twice; keep one", problem_mark=key.start_mark
                )
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else "")
        return super().construct_mapping(node, deep)


def _from_yaml(text: str) -> Any:
    """The content of YAML text.

    Raises:
        ValueError: it is none; the message says where.
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f"line {error.problem_mark.line + 1}: "
        raise ValueError(f"{line}{error.problem or 'not YAML'}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except (yaml.YAMLError, ValueError) as error:  # signs that no YAML has, a date or number that is none
        raise ValueError(f"not YAML ({' '.join(str(error).split())})") from None


def parse_assignment(text: str) -> dict[str, Any]:
    """`training.epochs=5` as a nested mapping; the value is read as YAML.

    Raises:
        UsageError: no `=`, an empty name, or a value that is not YAML.
    """
    name, equals, value = text.partition("=")
    if not equals or not all(name.strip().split(".")):
        raise UsageError(f"--set {text}: write it as name=value, for example training.epochs=5.")
    try:
        content = _from_yaml(value)
    except ValueError:
        raise UsageError(f"--set {text}: the value cannot be read; quote it as YAML.") from None
    return nested(name.strip(), _number_of(content) if isinstance(content, str) else content)


def nested(name: str, value: Any) -> dict[str, Any]:
    """A dotted setting name and its value as a nested mapping."""
    head, _, rest = name.partition(".")
    return {head: nested(rest, value) if rest else value}


def with_absolute_paths(settings: Settings) -> Settings:
    """The same settings with every path made absolute, so that a run goes on from whatever folder it is called in."""
    pipeline = Path(settings.pipeline)
    encoder, cache, travel = settings.encoder, settings.data.cache, settings.constraints.travel
    own_encoder = encoder.name.endswith(".py")
    return settings.model_copy(
        update={
            "pipeline": str(pipeline.resolve()) if pipeline.is_file() else settings.pipeline,
            "encoder": encoder.model_copy(
                update={
                    "name": str(Path(encoder.name).resolve()) if own_encoder else encoder.name,
                    "weights": _absolute(encoder.weights, "encoder.weights"),
                }
            ),
            "data": settings.data.model_copy(update={"cache": _absolute(cache, "data.cache")}),
            "constraints": settings.constraints.model_copy(update={"travel": _absolute(travel, "constraints.travel")}),
        }
    )


def _absolute(path: Path | None, setting: str) -> Path | None:
    try:
        return path and path.expanduser().resolve()
    except RuntimeError:
        raise UsageError(f"{setting}: {path}: there is no such home folder.") from None


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two nested mappings as one; where both have a value that of `above` holds."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping as one level with dotted names; free-form options stay whole."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and key != "options":
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def differences(old: Settings, new: Settings) -> dict[str, tuple[Any, Any]]:
    """Dotted name to (old, new) of every setting that differs, apart from those a resumed run may change."""
    a, b = (flatten(settings.model_dump(mode="json")) for settings in (old, new))
    return {key: (a[key], b[key]) for key in a if a[key] != b[key] and key not in resumable(old)}


def described_defaults() -> str:
    """Every setting with its default and what it means, as a YAML file to start from."""
    return "\n".join(_described(Settings, "")) + "\n"


def _described(model: type[BaseModel], indent: str) -> list[str]:
    lines = []
    for name, field in model.model_fields.items():
        part = _part_of(model, name)
        if part is None:
            lines.append(f"{indent}{_yaml_line(name, field)}")
        else:
            lines.append(f"{indent}{name}:  # {(part.__doc__ or '').strip()}")
            lines += _described(part, indent + "  ")
    return lines


def _yaml_line(name: str, field: FieldInfo) -> str:
    value = yaml.safe_dump(field.default, default_flow_style=True, allow_unicode=True).partition("\n")[0]
    return f"{name}: {value}  # {field.description}"


def to_yaml(settings: Settings) -> str:
    """The settings as a YAML file that `read_settings_file` reads back."""
    return yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _number_of(text: str) -> str | float:
    # YAML 1.1 takes 1e-3 for text; a person writing --set optimizer.learning_rate=1e-3 means the number.
    try:
        return float(text) if text[:1] in "+-.0123456789" else text
    except ValueError:
        return text


def _refuse_unknown_keys(
    layer: Mapping[str, Any], model: type[BaseModel], origin: str, above: tuple[str, ...], root: type[BaseModel]
) -> None:
    for key, value in layer.items():
        path = ".".join((*above, str(key)))
        if key not in model.model_fields:
            raise UsageError(f"{origin}: unknown setting '{path}'; {_nearest(path, root)}")
        part = _part_of(model, str(key))
        if part is None:
            continue
        if not isinstance(value, Mapping):
            raise UsageError(f"{origin}: '{path}' is a group of settings; write {path}.NAME=value.")
        _refuse_unknown_keys(value, part, origin, (*above, str(key)), root)


def _part_of(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    annotation = model.model_fields[key].annotation
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is not None:
        return None
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _nearest(path: str, model: type[BaseModel]) -> str:
    tree = model().model_dump(mode="json")
    known = list(dict.fromkeys([*tree, *flatten(tree)]))
    by_last_name = [name for name in known if name.rpartition(".")[2] == path.rpartition(".")[2]]
    near = by_last_name or difflib.get_close_matches(path, known, n=1, cutoff=0.5)
    if near:
        return f"did you mean '{near[0]}'?"
    return "`usvireid configs --defaults` lists them all." if model is Settings else f"there are {', '.join(known)}."
