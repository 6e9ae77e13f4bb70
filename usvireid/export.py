"""What `usvireid export` does: the encoder of a run as files that other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import numpy as np

from usvireid.data.decoding import decode, quiet_pillow, read_image_file
from usvireid.data.open import open_crops
from usvireid.display import Display
from usvireid.encoders.exported import facts_of, write_exported
from usvireid.encoders.onnx_graph import INSTALL, OneModality, largest_difference, to_onnx
from usvireid.errors import UsageError, UsvireidError
from usvireid.files import output_file, refuse_in_data, write_atomically
from usvireid.names import MODALITIES
from usvireid.randomness import numpy_generator
from usvireid.trained import Trained, open_trained

Form = Literal["onnx", "safetensors"]

_CHECKED = 4
"""Crops of a modality that ONNX Runtime and PyTorch are compared on."""
_TOLERANCE = 1e-4


def export_run(folder: Path, to: str, out: Path | None, mirror: bool | None, display: Display) -> list[Path]:
    """Write the encoder of a run's selected epoch.

    "onnx" writes a file per modality, `NAME.visible.onnx` and `NAME.infrared.onnx`, each compared with PyTorch on crops
    of the run before it is written. "safetensors" writes the weights with what is needed to use them.

    Args:
        folder: the run folder.
        to: "onnx" or "safetensors".
        out: file to write, or a folder for `encoder.onnx` or `encoder.safetensors`; None: the run folder.
        mirror: whether the graphs average image and mirror image, as evaluation does; None: they do.
        display: where to show what happens.

    Returns:
        The files written.

    Raises:
        UsageError: not a run folder, no finished epoch, an unknown form, or a file name that does not go with it.
        UsvireidError: a package is missing, the encoder cannot be expressed in ONNX, or the result differs.
    """
    forms = get_args(Form)
    if to not in forms:
        raise UsageError(f"--to {to}: cannot be exported to; use {' or '.join(forms)}.")
    if mirror is not None and to != "onnx":
        raise UsageError(f"--mirror, --no-mirror: weights alone average nothing; leave it out with --to {to}.")
    trained = open_trained(folder)
    target = output_file(out or folder, f"encoder.{to}")
    if out is not None:
        refuse_in_data(target, trained.run.data)
    if to == "safetensors":
        write_exported(target, trained.encoder, trained.run.settings, trained.epoch)
        display.say(f"{target}: encoder after epoch {trained.epoch}")
        return [target]
    trained.encoder.requires_grad_(False)
    return [_export_onnx(trained, modality, target, mirror is not False, display) for modality in MODALITIES]


def _export_onnx(trained: Trained, modality: str, target: Path, mirror: bool, display: Display) -> Path:
    settings = trained.run.settings
    height, width = settings.data.height, settings.data.width
    stream = OneModality(trained.encoder, modality, mirror).eval()
    facts = facts_of(trained.encoder, settings, trained.epoch) | {"modality": modality, "mirror": str(mirror).lower()}
    graph = to_onnx(stream, height, width, facts)
    images, what = _some_images(trained, modality)
    difference = largest_difference(graph, stream, images)
    if difference is not None and not difference <= _TOLERANCE:
        raise UsvireidError(
            f"the {modality} graph differs from PyTorch by {difference:.2g} on {what}, more than {_TOLERANCE:g}; "
            "it was not written."
        )
    path = target.with_name(f"{target.stem}.{modality}{target.suffix}")
    write_atomically(path, graph)
    checked = (
        f"not compared with PyTorch, as ONNX Runtime is missing ({INSTALL})"
        if difference is None
        else f"differs from PyTorch by at most {difference:.1e} on {what}"
    )
    display.say(f"{path}: {modality} stream after epoch {trained.epoch}; {checked}")
    return path


def _some_images(trained: Trained, modality: str) -> tuple[np.ndarray, str]:
    """A few images, uint8 N x H x W x 3, and what to call them: crops of the run, or noise where those are gone."""
    settings = trained.run.settings
    generator = numpy_generator(settings.seed, "export", modality)
    height, width = settings.data.height, settings.data.width
    try:
        crops = open_crops(trained.run.data, layout=settings.data.format, trial=settings.data.trial)
        rows = crops.rows_of(modality)
        files = crops.take(generator.choice(rows, size=min(_CHECKED, len(rows)), replace=False)).files()
        with quiet_pillow():
            images = [decode(read_image_file(file), height, width) for file in files]
    except (UsvireidError, OSError):
        images = []
    if len(images) < 2:
        return generator.integers(0, 256, (_CHECKED, height, width, 3), dtype=np.uint8), f"{_CHECKED} random images"
    return np.stack(images), f"{len(images)} crops of the run"
