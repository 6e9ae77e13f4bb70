"""What a folder of footage is made of: the file that lists its recordings and the settings of each."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from usvireid import names
from usvireid.errors import DataError, UsageError
from usvireid.files import is_unfinished, write_atomically
from usvireid.footage.cameras import Recording
from usvireid.layers import flatten

FORM: Final = 1
"""Number of the way of ingesting; it grows when equal recordings and settings begin to give other crops."""

_SAMPLE: Final = 1 << 20
_UNFIT: Final = re.compile(r"[^\w.+@-]+")
_SHOWN: Final = 3


@dataclass(frozen=True)
class Entry:
    """A recording of the folder.

    Attributes:
        camera: its camera.
        name: of the video, unique among those of the camera; mostly the file's name without its suffix.
        path: where the video lay.
        fingerprint: digest of its size and of pieces of it: the same recording has the same wherever it lies.
        modality: "visible" or "infrared".
        start: seconds since 1970 (UTC), or None.
        settings: as `FootageSettings`, without what is of no consequence.
        files: digests of the files that the settings name, by what they are: region, detector.
        rig: the pair of aligned sensors that the camera is one of, or None.
    """

    camera: str
    name: str
    path: str
    fingerprint: str
    modality: str
    start: float | None
    settings: dict[str, Any]
    files: dict[str, str]
    rig: str | None = None

    @property
    def key(self) -> str:
        """Unique in the folder, whatever the case of its letters: what tracks and parts are called by."""
        return f"{self.camera}-{self.name}"

    @property
    def folder(self) -> str:
        """Where its crops lie, relative to the data folder."""
        return f"{self.modality}/{self.camera}/{self.name}"

    @property
    def made_from(self) -> str:
        """Digest of all that decides what its crops are."""
        facts = {"form": FORM, **asdict(self), "start": None, "path": None}
        del facts["rig"]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


_ENTRIES: Final = TypeAdapter(Entry)


def make_entry(recording: Recording, modality: str, known: dict[Path, str]) -> Entry:
    """The entry of a recording that is not in a ledger yet.

    Args:
        recording: the recording.
        modality: as decided.
        known: digests of files that serve several recordings; filled here.

    Raises:
        UsageError: a file that the settings name is not there.
        DataError: a file cannot be read.
    """
    files = {}
    if recording.region is not None:
        files["region"] = _digest(recording.region, known)
    kind, colon, file = recording.detector.partition(":")
    if colon:
        files["detector"] = _digest(Path(file), known)
    settings = recording.settings.model_dump(mode="json")
    settings["detector"] = kind
    if settings["format"] == "png":
        del settings["quality"]
    return Entry(
        camera=recording.camera,
        name=_UNFIT.sub("_", recording.path.stem).strip("._")[:80] or "video",
        path=str(recording.path),
        fingerprint=fingerprint(recording.path),
        modality=modality,
        start=recording.start,
        settings=settings,
        files=files,
        rig=recording.rig,
    )


def fingerprint(path: Path) -> str:
    """Digest of a file's size and of a megabyte at its beginning, in its middle and at its end.

    Raises:
        DataError: it cannot be read.
    """
    try:
        size = path.stat().st_size
        found = hashlib.sha256(str(size).encode())
        with path.open("rb") as file:
            for place in sorted({0, max(0, size // 2 - _SAMPLE // 2), max(0, size - _SAMPLE)}):
                file.seek(place)
                found.update(file.read(_SAMPLE))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the file.") from None
    return found.hexdigest()[:32]


def read_ledger(out: Path) -> list[Entry]:
    """The recordings of a folder, in the order in which they came; none where the folder is new or empty.

    Raises:
        UsageError: the folder holds something else.
        DataError: the ledger is damaged, or of another version.
    """
    file = out / names.FOOTAGE_FILE
    try:
        if not file.exists():
            if out.exists() and not (out.is_dir() and all(map(is_unfinished, out.iterdir()))):
                raise UsageError(f"{out}: not empty and no folder of ingested footage; give another --out.")
            return []
        content = json.loads(file.read_text(encoding="utf-8"))
        form = content["form"]
        entries = [_entry(recorded) for recorded in content["recordings"]] if form == FORM else []
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); check its permissions.") from None
    except (ValueError, LookupError, TypeError, RecursionError):
        raise DataError(f"{file}: damaged, not what was written there; ingest into another --out.") from None
    if form != FORM:
        raise DataError(f"{file}: made by another version of usvireid (form {form}, here {FORM}); give another --out.")
    return entries


def _entry(recorded: Any) -> Entry:
    """An entry as it was written; a ValueError where it is none, or its crops would lie outside the folder."""
    entry = _ENTRIES.validate_python(recorded)
    if entry.modality not in names.MODALITIES or any(
        "/" in name or name.startswith(".") for name in (entry.camera, entry.name)
    ):
        raise ValueError(entry.folder)
    return entry


def write_ledger(out: Path, entries: Sequence[Entry]) -> None:
    """Write the recordings of a folder."""
    content = {"form": FORM, "recordings": [asdict(entry) for entry in entries]}
    write_atomically(out / names.FOOTAGE_FILE, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def joined(standing: Sequence[Entry], wanted: Sequence[Entry], redo: bool) -> tuple[list[Entry], list[Entry]]:
    """A ledger with further recordings.

    A recording that is there already keeps its place and its name; a start or rig that is given anew replaces the old
    one.

    Args:
        standing: the ledger.
        wanted: what was asked for, in its order.
        redo: whether recordings may have other settings or another content than they are there with.

    Returns:
        The new ledger, and its entries for what was asked for.

    Raises:
        UsageError: a recording is named twice, belongs to another camera, or differs and `redo` is off.
    """
    ledger = list(standing)
    asked: dict[int, Entry] = {}
    for new in wanted:
        place = _place(ledger, new)
        if place is None:
            asked[len(ledger)] = replace(new, name=_free_name(new, ledger))
            ledger.append(asked[len(ledger)])
            continue
        if place in asked:
            raise UsageError(f"{new.path}: the same recording as {asked[place].path}; name it once.")
        old = ledger[place]
        if old.camera != new.camera:
            raise UsageError(
                f"{new.path}: is in the folder already, as a recording of camera {old.camera}; give it no other."
            )
        start, rig = old.start if new.start is None else new.start, new.rig or old.rig
        entry = replace(new, name=old.name, start=start, rig=rig)
        if not redo and (changed := _changed(old, entry)):
            raise UsageError(
                f"{new.path}: was ingested with other settings ({changed}); give the same, or --redo to do it anew."
            )
        ledger[place] = asked[place] = entry
    return ledger, list(asked.values())


def _place(ledger: Sequence[Entry], entry: Entry) -> int | None:
    """Where a recording stands: by its content, or else by its camera and path."""
    for place, old in enumerate(ledger):
        if old.fingerprint == entry.fingerprint:
            return place
    for place, old in enumerate(ledger):
        if (old.camera, old.path) == (entry.camera, entry.path):
            return place
    return None


def _free_name(entry: Entry, ledger: Sequence[Entry]) -> str:
    taken = {old.key.casefold() for old in ledger}
    name, number = entry.name, 1
    while replace(entry, name=name).key.casefold() in taken:
        number += 1
        name = f"{entry.name}-{number}"
    return name


def _changed(old: Entry, new: Entry) -> str:
    """What differs of what decides the crops, for a person; empty where nothing does."""
    before, after = _facts(old), _facts(new)
    shown = []
    for name in [name for name in {**before, **after} if before.get(name) != after.get(name)]:
        if name in ("the video", "the region file", "the detector file"):
            shown.append(f"{name} has changed" if before.get(name) and after.get(name) else f"{name} came or went")
        else:
            shown.append(f"{name}: {before.get(name)} there, {after.get(name)} here")
    more = f"; and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return "; ".join(shown[:_SHOWN]) + more


def _facts(entry: Entry) -> Mapping[str, Any]:
    files = {f"the {what} file": digest for what, digest in entry.files.items()}
    return {"the video": entry.fingerprint, "modality": entry.modality, **flatten(entry.settings), **files}


def _digest(path: Path, known: dict[Path, str]) -> str:
    try:
        if path not in known:
            known[path] = hashlib.sha256(path.read_bytes()).hexdigest()[:32]
        return known[path]
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the file.") from None
