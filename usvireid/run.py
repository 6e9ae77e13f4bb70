"""The run folder: everything a run leaves behind, written atomically."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from usvireid import names
from usvireid.config import Settings
from usvireid.errors import DataError, UsageError, UsvireidError
from usvireid.files import held, is_unfinished, refuse_in_data, write_atomically
from usvireid.layers import (
    differences,
    make_settings,
    nested,
    parse_assignment,
    read_settings_file,
    to_yaml,
    with_absolute_paths,
)
from usvireid.matching.labels import PseudoLabels
from usvireid.resources import locate

_CROPS_KEY = "crops"
_SHOWN = 5
"""Settings that are named where a run has others; the rest is counted."""
_LABELS_NAME = re.compile(r"epoch_(\d+)\.csv")
_WRITTEN = f"{names.LABEL_FOLDER}/.written.json"

Configs = str | Sequence[str] | None
"""Settings files by name or path, later ones first in rank; a single one may stand for itself."""


def begin(data: Path | None, config: Configs, out: Path | None, given: dict[str, Any], assign: list[str]) -> Run:
    """The run that a command line asks for.

    Settings come, in rising rank, from the defaults, from the run that stands in `out` (only where no `config` is
    named), from `config`, from the options and from `--set`.

    Args:
        data: the crops; None: those of the run in `out`.
        config: names or paths of settings files; of two that set the same, the later one counts.
        out: run folder; None: runs/ and the names of the settings files or of the data.
        given: option values by dotted setting name.
        assign: `--set` texts.

    Raises:
        UsageError: no data, an unknown or wrong setting, or a folder that holds another run.
    """
    layers = [_config_layer(name) for name in _listed(config)]
    if out is None:
        out = default_folder(data, config)
    if not layers and (out / names.CONFIG_FILE).is_file():
        # Settings that are not named stay as the run has them; what to do is asked anew every time.
        standing = Run.open(out).settings.model_dump(mode="json", exclude={"stages"})
        layers.append((str(out / names.CONFIG_FILE), standing))
    settings = _settled(layers, given, assign)
    if data is None:
        data = Run.open(out).data
    if not data.exists():
        raise UsageError(f"{data}: no such folder or file (DATA).")
    return Run.begin(out, settings, data)


def default_folder(data: Path | None, config: Configs) -> Path:
    """Where a run goes that is not told where: runs/ and the names of the settings files or of the data.

    Raises:
        UsageError: there are no data to go by.
    """
    if data is None:
        raise UsageError("say where the crops are: usvireid run DATA, or --out with a run folder to go on with it.")
    return Path("runs") / ("-".join(Path(name).stem for name in _listed(config)) or data.resolve().stem)


def trial_folders(folder: Path) -> list[Path]:
    """The run folders of a folder of trials, by trial; none where it is no such folder."""
    return sorted(path for path in folder.glob(f"{names.TRIAL_PREFIX}*") if (path / names.CONFIG_FILE).is_file())


def settings_of(config: Configs, given: dict[str, Any], assign: list[str]) -> Settings:
    """The settings that a command line asks for where there is no run; arguments and errors as for `begin`."""
    return _settled([_config_layer(name) for name in _listed(config)], given, assign)


def _listed(config: Configs) -> Sequence[str]:
    return [config] if isinstance(config, str) else config or []


def _config_layer(config: str) -> tuple[str, dict[str, Any]]:
    """A settings file by its name or path; of a run's own `config.yaml`, where its crops are is no setting."""
    path = locate("configs", config)
    return str(path), {key: value for key, value in read_settings_file(path).items() if key != _CROPS_KEY}


def _settled(layers: list[tuple[str, dict[str, Any]]], given: dict[str, Any], assign: list[str]) -> Settings:
    layers = layers + [("command line", nested(name, value)) for name, value in given.items()]
    return with_absolute_paths(make_settings(layers + [("--set", parse_assignment(text)) for text in assign]))


class Run:
    """A run folder and its files.

    Make one with `Run.begin`, for a new run or to go on with one, or `Run.open`, which reads an existing one. A new
    folder is made by `claim`, once everything that can be wrong with data and settings has been looked at.
    """

    def __init__(self, folder: Path, settings: Settings, data: Path) -> None:
        self.folder = folder
        self.settings = settings
        self.data = data
        self.checkpoints = folder / names.CHECKPOINT_FOLDER
        self.labels = folder / names.LABEL_FOLDER
        self.reviews = folder / names.REVIEWS_FILE

    @classmethod
    def begin(cls, folder: Path, settings: Settings, data: Path) -> Run:
        """A run in a new or empty folder, or the one that stands there already. Nothing is written yet.

        Raises:
            UsageError: the folder holds a run of other settings or data (the difference is shown), or something that is
                not a run.
            UsvireidError: the folder cannot be written to.
        """
        data = data.resolve()
        if (folder / names.CONFIG_FILE).exists():
            old = cls.open(folder)
            changed = differences(old.settings, settings)
            if old.data != data:
                changed = {"DATA": (old.data, data), **changed}
            if changed and not old.is_fresh():
                shown = "; ".join(
                    f"{name}: {was} there, {now} here" for name, (was, now) in list(changed.items())[:_SHOWN]
                )
                shown += f"; and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
                raise UsageError(
                    f"{folder}: holds a run of other settings ({shown}). Give another --out, or the same settings."
                )
        elif folder.exists() and (not folder.is_dir() or any(not is_unfinished(path) for path in folder.iterdir())):
            raise UsageError(f"{folder}: exists and is not a run folder; give another --out.")
        else:
            refuse_in_data(folder, data)
        _refuse_read_only(folder)
        return cls(folder, settings, data)

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Open an existing run folder.

        Raises:
            UsageError: not a run folder, or its settings cannot be read.
        """
        path = folder / names.CONFIG_FILE
        if not path.is_file():
            trials = trial_folders(folder)
            hint = f"; it holds trials, so name one of them: {trials[0]}" if trials else ""
            raise UsageError(f"{folder}: not a run folder (it has no {names.CONFIG_FILE}){hint}.")
        content = read_settings_file(path)
        data = content.pop(_CROPS_KEY, None)
        if not isinstance(data, str):
            raise UsageError(f"{path}: does not say where the crops are ({_CROPS_KEY}: FOLDER).")
        return cls(folder, make_settings([(str(path), content)]), Path(data))

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Make the folder, hold it against a second process, and write the resolved settings into it.

        What a killed process left half written is removed.

        Raises:
            UsvireidError: another process is at work in it, or it cannot be written to.
            UsageError: since this run began, one of other settings took the folder.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsvireidError(f"{self.folder}: cannot be made ({error.strerror}); give another --out.") from None
        with held(self.folder, f"{self.folder}: another usvireid is at work in this run folder; wait for it."):
            Run.begin(self.folder, self.settings, self.data)
            self._forget_what_others_measured()
            for path in filter(is_unfinished, self.folder.rglob(".*")):
                path.unlink()
            write_atomically(self.folder / names.CONFIG_FILE, _config_text(self.settings, self.data).encode())
            yield

    def is_fresh(self) -> bool:
        """Whether nothing was clustered, trained or scored in it yet, so that it may become a run of other settings."""
        done = (self.folder / names.EVALUATION_FILE, self.folder / names.REPORT_FILE, self.reviews)
        return not any(path.exists() for path in done) and not any(
            any(folder.glob("*")) for folder in (self.checkpoints, self.labels)
        )

    def _forget_what_others_measured(self) -> None:
        """Of a run of other settings that was stopped before it began: the scores of its untrained encoder."""
        if not (self.folder / names.CONFIG_FILE).exists():
            return
        old = Run.open(self.folder)
        if old.data != self.data or differences(old.settings, self.settings):
            for name in (names.METRICS_FILE, names.PROFILE_FILE):
                (self.folder / name).unlink(missing_ok=True)

    def write_environment(self, environment: dict[str, Any]) -> None:
        """Write what the run is made with now, and add it to the list of all calls."""
        write_atomically(self.folder / names.ENVIRONMENT_FILE, _json(environment))
        path = self.folder / names.CALLS_FILE
        before = path.read_bytes() if path.exists() else b""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        call = json.dumps({"time": now, "stages": self.settings.stages, **environment}) + "\n"
        write_atomically(path, before + b"\n" * (before[-1:] not in (b"", b"\n")) + call.encode())

    def environment(self) -> dict[str, Any]:
        """What `write_environment` wrote; empty where nothing was."""
        return self._read_json(names.ENVIRONMENT_FILE)

    def write_evaluation(self, evaluation: dict[str, Any]) -> None:
        """Write the scores of the evaluate stage."""
        write_atomically(self.folder / names.EVALUATION_FILE, _json(evaluation))

    def evaluation(self) -> dict[str, Any]:
        """What `write_evaluation` wrote; empty where nothing was."""
        return self._read_json(names.EVALUATION_FILE)

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of `metrics.jsonl`, in the order of the epochs; a last one that is cut off is left out.

        Raises:
            DataError: a line is no record of an epoch; the message names it.
        """
        return self._read_metrics()[0]

    def check_records(self, warn: Callable[[str], None]) -> None:
        """Look at the records before any work is done; a last line that an interruption cut off is no damage.

        Args:
            warn: told where such a line is left out.

        Raises:
            DataError: `metrics.jsonl` is damaged elsewhere; the line is named.
        """
        torn = self._read_metrics()[1]
        if torn is not None:
            warn(f"{self.folder / names.METRICS_FILE}: line {torn}, the last one, is cut off and left out")

    def _read_metrics(self) -> tuple[list[dict[str, Any]], int | None]:
        """The whole lines, and the number of a last line that is cut off."""
        path = self.folder / names.METRICS_FILE
        if not path.exists():
            return [], None
        try:
            texts = path.read_text(encoding="utf-8").rstrip().split("\n")
        except (ValueError, OSError) as error:
            raise DataError(f"{path}: cannot be read ({error}); remove it, or bring an older one back.") from None
        lines: list[dict[str, Any]] = []
        for number, text in enumerate(texts, start=1):
            if not text.strip():
                continue
            try:
                line = json.loads(text)
            except (ValueError, RecursionError):
                if number == len(texts):
                    return lines, number
                raise DataError(f"{path}: line {number} is not JSON; remove the line.") from None
            if not (isinstance(line, dict) and type(line.get("epoch")) is int and line["epoch"] >= 0):
                raise DataError(f"{path}: line {number} is no record of an epoch; remove the line.")
            lines.append(line)
        return lines, None

    def write_metrics(self, line: dict[str, Any]) -> None:
        """Set the line of an epoch; lines of that epoch and later ones (from before an interruption) go."""
        self._keep_metrics([*(old for old in self.metrics() if old["epoch"] < line["epoch"]), line])

    def _keep_metrics(self, lines: list[dict[str, Any]]) -> None:
        text = "".join(json.dumps(line) + "\n" for line in lines)
        write_atomically(self.folder / names.METRICS_FILE, text.encode())

    def forget_metrics_after(self, epoch: int) -> None:
        """Remove the lines of all later epochs."""
        self._keep_metrics([line for line in self.metrics() if line["epoch"] <= epoch])

    def labels_file(self, epoch: int) -> Path:
        """Where the labels of an epoch stand."""
        return self.labels / f"epoch_{epoch:03d}.csv"

    def label_files(self) -> list[Path]:
        """The labels files of all epochs, oldest first; edited ones that were set aside are not among them."""
        numbered = {path: _LABELS_NAME.fullmatch(path.name) for path in self.labels.glob("epoch_*.csv")}
        return [path for _, path in sorted((int(found[1]), path) for path, found in numbered.items() if found)]

    def latest_labels(self) -> Path:
        """The newest labels file.

        Raises:
            UsageError: there is none yet.
        """
        files = self.label_files()
        if not files:
            raise UsageError(f"{self.labels}: no labels yet; run `--stage cluster` first, or `--stage cluster,train`.")
        return files[-1]

    def write_labels(self, labels: PseudoLabels, epoch: int) -> Path | None:
        """Write the labels of an epoch. A file that a person has edited is kept under another name first.

        Returns:
            The name the edited file now has, or None where there was none.
        """
        path = self.labels_file(epoch)
        kept = _free_name(path) if path.exists() and self.is_edited(path) else None
        if kept is not None:
            path.rename(kept)
        # The digest goes first and the last one stays beside it: a process killed between the two writes leaves a file
        # that is known either way, not one that seems to be edited.
        written = self._written()
        known = [*written.get(path.name, [])[-1:], hashlib.sha256(labels.to_bytes()).hexdigest()]
        write_atomically(self.folder / _WRITTEN, _json(written | {path.name: known}))
        labels.write(path)
        return kept

    def is_edited(self, path: Path) -> bool:
        """Whether a labels file differs from what was written by the cluster stage."""
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return digest not in self._written().get(path.name, [])

    def _written(self) -> dict[str, list[str]]:
        """The digests of the labels files as they were written, by name."""
        written = self._read_json(_WRITTEN)
        if not all(isinstance(digests, list) for digests in written.values()):
            raise _damaged(self.folder / _WRITTEN)
        return written

    def _read_json(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        if not path.exists():
            return {}
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}); check its permissions.") from None
        except (ValueError, RecursionError):
            raise _damaged(path) from None
        if not isinstance(content, dict):
            raise _damaged(path)
        return content


def _damaged(path: Path) -> DataError:
    lost = "; labels then count as edited by hand" if path.match(_WRITTEN) else ", and the same command writes it anew"
    return DataError(f"{path}: damaged, not what was written there; remove it{lost}.")


def _refuse_read_only(folder: Path) -> None:
    """Say at once, not after an hour of decoding images, that nothing can be written here."""
    standing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not standing.is_dir() or not os.access(standing, os.W_OK | os.X_OK):
        raise UsvireidError(f"{folder}: cannot be written to (see {standing}); give another --out.")


def _config_text(settings: Settings, data: Path) -> str:
    return f"{_CROPS_KEY}: {json.dumps(str(data))}\n{to_yaml(settings)}"


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def _free_name(path: Path) -> Path:
    numbers = itertools.count(1)
    return next(name for n in numbers if not (name := path.with_name(f"{path.stem}.edited{n}.csv")).exists())
