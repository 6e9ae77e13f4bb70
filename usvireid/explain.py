"""What `usvireid explain` does: a sheet of crops that shows where the encoder of a run looks."""

from __future__ import annotations

import difflib
from pathlib import Path

import numpy as np
import pandas as pd

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.devices import Compute, choose_compute
from usvireid.display import Display
from usvireid.encoders.extract import extract
from usvireid.encoders.mpfr import STAGES
from usvireid.encoders.saliency import saliency
from usvireid.errors import DataError, UsageError
from usvireid.files import output_file, refuse_in_data, write_atomically
from usvireid.loading import Data, open_data
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.saliency_sheet import Panel, draw_sheet
from usvireid.randomness import numpy_generator
from usvireid.trained import Trained, open_trained

MOST = 60
"""Crops on a sheet; beyond, nobody looks at it any more."""

_NOTE = (
    "what counts: which places of the last map add to the similarity that is named; red where most, "
    "each crop and each mask on a scale of its own"
)


def explain_run(
    folder: Path, crops: str, out: Path | None, seed: int | None, device: str | None, display: Display
) -> Path:
    """Draw where the encoder of a run looks in some crops.

    What is differentiated is the similarity of a crop to the mean feature of its pseudo-identity in the other modality;
    where it has no crop there, in its own, without the crop itself; and for a crop without a pseudo-identity, or alone
    in it, the strength of its feature. The figure is that of the ICRE paper, the target ours: the paper does not say.

    Args:
        folder: the run folder.
        crops: how many, drawn at random; or their paths, separated by commas; or a .txt file with a path on each line.
        out: the PNG file; None: `explain.png` in the run folder.
        seed: of the random choice; None: the run's.
        device: None: as the run has it.
        display: where to show what happens.

    Returns:
        The file written.

    Raises:
        UsvireidError: not a run folder, no finished epoch, unknown crops, or an encoder without a map to look at.
    """
    target = output_file(out or folder, "explain.png")
    trained = open_trained(folder)
    if out is not None:
        refuse_in_data(target, trained.run.data)
    settings = trained.run.settings
    compute = choose_compute(device or settings.device, "float32")
    data = open_data(trained.run.data, settings, display)
    identity = _pseudo_identities(trained, data.crops)
    generator = numpy_generator(settings.seed if seed is None else seed, "explain")
    rows = chosen_rows(crops, data.crops, identity, generator)
    trained.encoder.to(compute.device)
    panels = _panels(trained, data, identity, rows, compute, display)
    pairs = side_by_side(rows, data.crops, identity)
    sheet = [(panels.get(visible), panels.get(infrared)) for visible, infrared in pairs]
    masks = max(len(panel.masks) for panel in panels.values())
    stages = STAGES[settings.encoder.mpfr.stages]
    mask_names = [f"mask, layer{stage + 1}" for stage in stages] if settings.encoder.mpfr.use else []
    mask_names = mask_names or [f"mask {number + 1}" for number in range(masks)]
    title = f"{folder.resolve().name}, epoch {trained.epoch}: where the encoder looks"
    write_atomically(target, draw_sheet(sheet, title, _NOTE, mask_names))
    display.say(f"{target}: {len(rows)} crops")
    return target


def _pseudo_identities(trained: Trained, crops: Crops) -> np.ndarray:
    """The pseudo-identity of every crop that the encoder was trained with, int64; -1 for none."""
    files = trained.run.label_files()
    own = trained.run.labels_file(trained.epoch)
    if not files:
        return np.full(len(crops), names.NO_LABEL, dtype=np.int64)
    labels = PseudoLabels.read(own if own in files else files[-1], crops)
    return np.asarray(labels.column(names.IDENTITY), dtype=np.int64)


def chosen_rows(text: str, crops: Crops, identity: np.ndarray, generator: np.random.Generator) -> list[int]:
    """The rows of `crops` that `--crops` asks for; see `explain_run`.

    Raises:
        UsageError: a number below 1 or too large, or no path.
        DataError: a path that is none of the crops (the nearest is named), or a list that cannot be read.
    """
    if text.strip().isdecimal():
        count = int(text)
        if not 1 <= count <= MOST:
            raise UsageError(f"--crops {text}: a sheet has 1 to {MOST} crops.")
        return random_rows(crops, identity, count, generator)
    wanted = _listed(Path(text)) if text.lower().endswith(".txt") else text.split(",")
    wanted = list(dict.fromkeys(path.strip() for path in wanted if path.strip()))
    if not 1 <= len(wanted) <= MOST:
        raise UsageError(f"--crops: {len(wanted)} paths; a sheet has 1 to {MOST} crops.")
    places = {path: row for row, path in enumerate(crops.table[names.PATH])}
    return [_row_of(path, places, crops.root) for path in wanted]


def _listed(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--crops {file}: the list cannot be read ({getattr(error, 'strerror', error)}).") from None


def _row_of(path: str, places: dict[str, int], root: Path) -> int:
    """The row of a path as the data have it, or of a file by where it lies."""
    if path in places:
        return places[path]
    file, folder = Path(path).expanduser().resolve(), root.resolve()
    relative = file.relative_to(folder).as_posix() if file.is_relative_to(folder) else str(file)
    if relative in places:
        return places[relative]
    near = difflib.get_close_matches(path, places, n=1, cutoff=0.4)
    hint = f"; did you mean '{near[0]}'?" if near else "; give paths as the data or its labels file have them."
    raise DataError(f"--crops: '{path}' is none of the run's readable crops{hint}")


def random_rows(crops: Crops, identity: np.ndarray, count: int, generator: np.random.Generator) -> list[int]:
    """Training crops at random: first pairs across the modalities of matched pseudo-identities, each once in turn."""
    rows = generator.permutation(crops.training_rows())
    table = pd.DataFrame(
        {
            "row": rows,
            "place": np.arange(len(rows)),
            "identity": identity[rows],
            "modality": (crops.table[names.MODALITY].to_numpy()[rows] == names.INFRARED).astype(np.int64),
        }
    )
    table["turn"] = table.groupby(["identity", "modality"]).cumcount()
    table["order"] = table.groupby("identity")["place"].transform("min")
    in_both = table.groupby(["identity", "turn"])["modality"].transform("nunique") == len(names.MODALITIES)
    table["single"] = ~(in_both & (table["identity"] >= 0))
    table.loc[table["single"], "turn"] = 0
    table.loc[table["single"], "order"] = table["place"]
    ordered = table.sort_values(["single", "turn", "order", "modality"])
    return [int(row) for row in ordered["row"].iloc[:count]]


def side_by_side(rows: list[int], crops: Crops, identity: np.ndarray) -> list[tuple[int, int]]:
    """Visible and infrared crops in pairs: of one pseudo-identity as far as there are any, then as they come.

    Returns:
        (visible row, infrared row), -1 where there is none.
    """
    infrared = set(crops.rows_of(names.INFRARED).tolist())
    left, free = ([row for row in rows if (row in infrared) == side] for side in (False, True))
    mates: dict[int, int] = {}
    for row in left:
        same = next((other for other in free if identity[other] == identity[row] >= 0), None)
        if same is not None:
            mates[row] = same
            free.remove(same)
    for row in left:
        if row not in mates and free:
            mates[row] = free.pop(0)
    return [(row, mates.get(row, -1)) for row in left] + [(-1, row) for row in free]


def _panels(
    trained: Trained, data: Data, identity: np.ndarray, rows: list[int], compute: Compute, display: Display
) -> dict[int, Panel]:
    """What is drawn of each row."""
    references, said = _references(trained, data, identity, rows, compute, display)
    panels = {}
    for modality in names.MODALITIES:
        of_modality = set(data.crops.rows_of(modality).tolist())
        picked = [place for place, row in enumerate(rows) if row in of_modality]
        if not picked:
            continue
        images = data.images(np.array([rows[place] for place in picked]))
        found = saliency(trained.encoder, modality, images, references[picked])
        for number, place in enumerate(picked):
            row = rows[place]
            who = f"pseudo-identity {identity[row]}" if identity[row] >= 0 else "no pseudo-identity"
            panels[row] = Panel(
                image=images[number],
                path=str(data.crops.table[names.PATH].iloc[row]),
                facts=f"{modality} · {who} · {said[place].format(found.similarity[number])}",
                saliency=found.maps[number],
                masks=np.empty((0, 0, 0)) if found.masks is None else found.masks[number],
            )
    return panels


def _references(
    trained: Trained, data: Data, identity: np.ndarray, rows: list[int], compute: Compute, display: Display
) -> tuple[np.ndarray, list[str]]:
    """What each row is compared with, float32 R x D, zeros for nothing; and in words, with a place for a number."""
    modality = data.crops.table[names.MODALITY].to_numpy()
    members, said = [], []
    for row in rows:
        alike = np.flatnonzero((identity == identity[row]) & (identity >= 0))
        across = alike[modality[alike] != modality[row]]
        others = alike[alike != row]
        members.append(across if len(across) else others)
        if len(across):
            said.append(f"similarity {{:.2f}} to its {modality[across[0]]} crops")
        else:
            said.append("similarity {:.2f} to its other crops" if len(others) else "strength of its feature")
    needed = np.unique(np.concatenate(members)).astype(np.int64)
    references = np.zeros((len(rows), trained.encoder.width), dtype=np.float32)
    if not len(needed):
        return references, said
    part = data.rows(needed)
    with display.task("features", len(needed)) as advance:
        batch = trained.run.settings.encoder.batch
        features = extract(trained.encoder, part.crops, part.images, compute, batch=batch, progress=advance)
    for place, alike in enumerate(members):
        if len(alike):
            mean = features.values[np.searchsorted(needed, alike)].mean(axis=0)
            references[place] = mean / max(float(np.linalg.norm(mean)), 1e-12)
    return references, said
