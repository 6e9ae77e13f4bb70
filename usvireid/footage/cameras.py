"""Which recordings of which cameras: from a command line, or from a YAML file that lists cameras."""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from usvireid import names
from usvireid.errors import UsageError
from usvireid.footage.modality import AUTO
from usvireid.footage.settings import FootageSettings
from usvireid.layers import checked, merge, read_settings_file

LIST_SUFFIXES: Final = (".yaml", ".yml")
"""Of files that list cameras."""

_MODALITIES: Final = (*names.MODALITIES, AUTO)
_NAME: Final = re.compile(r"[^\W_][\w .+@-]{0,63}")
_CAMERA_KEYS: Final = ("name", "modality", "videos", "start", "region", "rig")
_WITH_FILES: Final = ("onnx:", "boxes:")
"""Detectors that are told a file."""


@dataclass(frozen=True)
class Recording:
    """One video of one camera, and how it is to be ingested.

    Attributes:
        camera: the camera's name.
        modality: "visible", "infrared" or "auto".
        path: the video, absolute.
        start: when its first frame was taken, in seconds since 1970 (UTC); None: where the camera's video before ends.
        region: a mask image, absolute; None: the whole picture.
        settings: how to read, search and cut.
        rig: the pair of aligned sensors that the camera is one of; None: it is none.
    """

    camera: str
    modality: str
    path: Path
    start: float | None
    region: Path | None
    settings: FootageSettings
    rig: str | None = None

    @property
    def detector(self) -> str:
        """The detector, with the video's name where it is asked for."""
        return self.settings.detector.replace("{video}", self.path.stem)


def recordings_of(videos: Sequence[str], camera: Mapping[str, Any], settings: Mapping[str, Any]) -> list[Recording]:
    """The recordings that a command line names: videos of one camera, or files that list cameras.

    Args:
        videos: paths, or patterns with `*`, `?` or `**`; or YAML files, see `recordings_of_list`.
        camera: what is said of the one camera of the videos: `name`, and where wanted `modality` ("visible",
            "infrared" or "auto"), `start` (ISO time at which the first video begins; the others follow on), `region`
            (mask image) and `rig` (name of the pair of aligned sensors that it is one of).
        settings: nested mapping of what differs from the defaults of `FootageSettings`.

    Raises:
        UsageError: no such video, no camera name, a wrong setting or time; lists and videos in one call.
    """
    lists = [video for video in videos if Path(video).suffix.lower() in LIST_SUFFIXES]
    if not lists:
        if "name" not in camera:
            raise UsageError("say which camera took the recordings, --camera NAME; or list cameras in a YAML file.")
        return _recordings({**camera, "videos": list(videos)}, {}, settings, Path(), "command line")
    if len(lists) < len(videos):
        raise UsageError(f"{lists[0]} lists cameras; name the other videos in it too, or ingest them in another call.")
    if camera:
        told = "--camera" if "name" in camera else f"--{next(iter(camera))}"
        raise UsageError(f"{told} stands beside {lists[0]}, which lists cameras; write it there, for each camera.")
    return [recording for file in lists for recording in recordings_of_list(Path(file), settings)]


def recordings_of_list(file: Path, settings: Mapping[str, Any]) -> list[Recording]:
    """The recordings that a YAML file lists.

    The file has `cameras`, a list of mappings with `name`, `videos` (paths or patterns; or mappings of `file` and
    `start`), and where wanted `modality` (default auto), `start` (of the first video), `region`, `rig` and any of
    the settings of `FootageSettings`; and where wanted `settings`, for all cameras. Relative paths start at the file.

    Args:
        file: the list.
        settings: what a command line says, which outranks the file.

    Raises:
        UsageError: no such list or video, or something in it is wrong; the message names the camera.
    """
    content = read_settings_file(file)
    if unknown := sorted(set(map(str, content)) - {"cameras", "settings"}):
        raise UsageError(f"{file}: unknown '{unknown[0]}'; a list of cameras has 'cameras' and 'settings'.")
    listed, common = content.get("cameras"), content.get("settings") or {}
    if not isinstance(listed, list) or not listed:
        raise UsageError(f"{file}: no cameras; write cameras: and, below it, '- name: ...' for each.")
    if not isinstance(common, dict):
        raise UsageError(f"{file}: 'settings' is a group of settings, such as {{detector: motion}}.")
    found = []
    for number, described in enumerate(listed, start=1):
        if not isinstance(described, dict):
            raise UsageError(f"{file}: camera {number} is no mapping; write '- name: ...' and its videos below.")
        origin = f"{file}: camera {described.get('name', number)}"
        own = _located(common, file.absolute().parent)
        found += _recordings(described, own, settings, file.absolute().parent, origin)
    return found


def _recordings(
    described: Mapping[str, Any], below: Mapping[str, Any], above: Mapping[str, Any], base: Path, origin: str
) -> list[Recording]:
    """The recordings of one camera."""
    own = _located({key: value for key, value in described.items() if key not in _CAMERA_KEYS}, base)
    layers = [(origin, below), (origin, own), ("command line", _located(above, Path()))]
    settings = checked(FootageSettings, layers)
    camera = _name(described.get("name"), origin, "camera")
    rig = None if described.get("rig") is None else _name(described["rig"], origin, "rig")
    modality = described.get("modality", AUTO)
    if modality not in _MODALITIES:
        raise UsageError(f"{origin}: modality '{modality}' is none of {', '.join(_MODALITIES)}.")
    region = described.get("region")
    if region is not None and not isinstance(region, str):
        raise UsageError(f"{origin}: region is the path of a mask image.")
    mask = None if region is None else _absolute(region, base)
    start = _seconds(described.get("start"), origin)
    recordings = []
    for path, own_start in _videos(described.get("videos"), base, origin):
        begins = start if own_start is None else own_start
        recordings.append(Recording(camera, modality, path, begins, mask, settings, rig))
        start = None
    return recordings


def _name(name: Any, origin: str, what: str) -> str:
    text = str(name).strip() if isinstance(name, str | int) and not isinstance(name, bool) else ""
    if not _NAME.fullmatch(text) or text.endswith("."):
        shown = "no name" if name is None else f"the name '{name}'"
        raise UsageError(
            f"{origin}: {shown}; a {what}'s name begins with a letter or digit and has letters, digits, spaces and "
            "_ - . + @ only, at most 64."
        )
    return text


def _videos(listed: Any, base: Path, origin: str) -> list[tuple[Path, float | None]]:
    """Every video (absolute) with its own start, patterns resolved."""
    entries = listed if isinstance(listed, list) else [listed]
    found: list[tuple[Path, float | None]] = []
    for entry in entries:
        start, name = None, entry
        if isinstance(entry, dict):
            if unknown := sorted(set(map(str, entry)) - {"file", "start"}):
                raise UsageError(f"{origin}: a video has 'file' and 'start', not '{unknown[0]}'.")
            start = _seconds(entry.get("start"), origin)
            name = entry.get("file")
        if not isinstance(name, str) or not name:
            raise UsageError(f"{origin}: no videos; write videos: [a.mp4, 'b/*.mp4'].")
        for path in _matching(name, base):
            found.append((path, start))
            start = None
    return found


def _matching(pattern: str, base: Path) -> list[Path]:
    """The file of that name, or those that match the pattern, numbers in their order."""
    path = _absolute(pattern, base)
    if path.exists():
        return [path]
    if not glob.has_magic(pattern):
        raise UsageError(f"{pattern}: no such file; check the name of the video.")
    try:
        matching = Path(path.anchor).glob(str(path.relative_to(path.anchor)))
        files = sorted((match for match in matching if match.is_file()), key=lambda match: _natural(str(match)))
    except ValueError:  # two stars beside something else
        raise UsageError(f"{pattern}: not a pattern; ** stands alone between slashes, as in day/**/*.mp4.") from None
    if not files:
        raise UsageError(f"{pattern}: no file matches; check the pattern.")
    for file in files:
        shown = str(file).encode(errors="replace").decode()
        if shown != str(file):
            raise UsageError(f"{shown}: the name is not UTF-8 text; rename the file.")
    return files


def _absolute(name: str, base: Path) -> Path:
    try:
        return (base / Path(name).expanduser()).absolute()
    except RuntimeError:
        raise UsageError(f"{name}: there is no such home folder.") from None


def _natural(text: str) -> list[tuple[int, str]]:
    """A key that sorts `a2` before `a10`."""
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _located(settings: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Settings with the file that a detector is told made absolute."""
    detector = settings.get("detector")
    for kind in _WITH_FILES:
        if isinstance(detector, str) and detector.startswith(kind):
            file = _absolute(detector.removeprefix(kind), base)
            return merge(settings, {"detector": f"{kind}{file}"})
    return dict(settings)


def _seconds(start: Any, origin: str) -> float | None:
    """An ISO time as seconds since 1970; a time without a zone is taken for UTC."""
    if start is None:
        return None
    try:
        if isinstance(start, str):
            start = datetime.fromisoformat(start.strip())
        elif isinstance(start, date) and not isinstance(start, datetime):
            start = datetime(start.year, start.month, start.day)
        if not isinstance(start, datetime):
            raise ValueError
    except ValueError:
        raise UsageError(f"{origin}: start '{start}' is no time; write it as 2026-03-01T08:00:00.") from None
    return (start if start.tzinfo else start.replace(tzinfo=UTC)).timestamp()
