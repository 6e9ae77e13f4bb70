"""HIL step by step on people of known identity: what each part brings, several seeds, as tables.

    python scripts/measure_results.py CROPS --config results --weights WEIGHTS.pth --out runs/results

CROPS is a folder or a crops.csv with identities: the people of `split` train are trained on, those of `split` test are
scored. Every variant adds its settings to those of the file, and the unsupervised ones are cumulative: each row has
what the rows above it have. All train for the same number of batches. Each run is an ordinary run folder,
OUT/VARIANT_SEED: the same command goes on where it stopped, and a finished run is not done again.

Scores are those of the last epoch, mean and sample standard deviation over the seeds, in percent, by two rules: without
the gallery crops of the query's own camera and frame (its twin, where a camera has both sensors), and without those
nearer than four frames too. Two more tables say how good the pseudo-labels were: of the last epoch of every variant,
and of every epoch of `all`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from usvireid import names
from usvireid.config import EvaluationSettings, Settings
from usvireid.devices import choose_compute
from usvireid.display import Display
from usvireid.encoders.beside import BesideGradients
from usvireid.encoders.exported import start_from
from usvireid.encoders.extract import extract
from usvireid.encoders.features import Features
from usvireid.encoders.gradients import gradient_features
from usvireid.encoders.interface import Encoder
from usvireid.encoders.make import make_encoder
from usvireid.evaluation.protocols import plan
from usvireid.files import write_atomically
from usvireid.loading import Data, open_data
from usvireid.quality.lines import find, number
from usvireid.run import Run, begin, settings_of
from usvireid.trained import open_trained
from usvireid.workflow import Workflow

RULES = {"twin left out": None, "nearer than 4 frames left out": 4}
"""`evaluation.min_frame_gap` by what a table calls the rule; all leave out the query's own camera and frame."""

SUPERVISED = ["pipeline=supervised"]
COLOURS = ["encoder.sees=colours", "augment.remap=0", "clustering.gradients=0"]
ICRE = ["encoder.mpfr.use=true", "encoder.sdce.use=true", "encoder.sdce.zero_output=false", "losses.icg=1"]
INTRA = ["training.intra_epochs=999"]
PARTS = ["clustering.parts.rule=fixed", "clustering.parts.count=2", "losses.mccl=0.1"]
NEIGHBOURS = ["losses.homogeneous=0.1", "losses.heterogeneous=0.1"]
ALONE = ["encoder.gradients=0"]


@dataclass(frozen=True)
class Variant:
    """A row: what its settings add; or the row whose runs it scores again, with the descriptor beside them or not."""

    name: str
    changes: list[str] = field(default_factory=list)
    scores_of: str = ""
    beside: bool = False


VARIANTS = (
    Variant("supervised plain, colours", [*SUPERVISED, "encoder.sees=colours", *ALONE]),
    Variant("supervised plain, edges", [*SUPERVISED, *ALONE]),
    Variant("supervised ICRE, edges", [*SUPERVISED, *ICRE, *ALONE]),
    Variant("intra only, colours", [*INTRA, *COLOURS, *ALONE]),
    Variant("+ bridge", [*INTRA, *ALONE]),
    Variant("+ BRST", [*ALONE]),
    Variant("+ multi-centre and MCCL", [*PARTS, *ALONE]),
    Variant("+ neighbours", [*PARTS, *NEIGHBOURS, *ALONE]),
    Variant("+ ICRE", scores_of="all"),
    Variant("all", [*PARTS, *NEIGHBOURS, *ICRE]),
    Variant("all but ICRE", scores_of="+ neighbours", beside=True),
    Variant("+ BRST beside the descriptor", scores_of="+ BRST", beside=True),
    Variant("supervised plain beside the descriptor", scores_of="supervised plain, edges", beside=True),
)
"""`all` has the descriptor beside the network in what is compared; `+ ICRE` is the network of the same runs alone. The
rows after it are the networks of the rows they name, compared beside the descriptor by the same share."""

Scores = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Rule to direction to scores, each a share of 1."""


class Judge:
    """Scores features of the test crops by every rule.

    Args:
        data: all crops.
        settings: of all runs; the share in them is the descriptor's, where a row has it beside a network.
    """

    def __init__(self, data: Data, settings: Settings) -> None:
        self.train, self.test = (data.rows(rows) for rows in (data.crops.training_rows(), data.crops.evaluation_rows()))
        self._plans = {
            rule: plan(self.test.crops, EvaluationSettings(exclude=[names.CAMERA, names.FRAME], min_frame_gap=gap))
            for rule, gap in RULES.items()
        }
        self.share = settings.encoder.gradients
        self._compute = choose_compute(settings.device, settings.precision)

    def of_features(self, values: np.ndarray) -> Scores:
        """The scores of rows for the test crops."""
        features = Features(values, self.test.crops)
        return {rule: each.score(features, mirrored=True).to_dict() for rule, each in self._plans.items()}

    def of_encoder(self, encoder: Encoder) -> Scores:
        """The scores of an encoder."""
        encoder.to(self._compute.device).eval()
        return self.of_features(extract(encoder, self.test.crops, self.test.images, self._compute).values)

    def descriptors(self, part: Data) -> Features:
        """The gradient descriptors of the crops."""
        return gradient_features(part.crops, part.images, self._compute.device, progress=lambda done: None)


def untrained(judge: Judge, settings: Settings) -> dict[str, Scores]:
    """Rows of what nobody trained."""
    here, there = judge.descriptors(judge.test), judge.descriptors(judge.train)
    found = {"gradient descriptor": judge.of_features(here.values)}
    moved = here.values.copy()
    for modality in names.MODALITIES:
        rows = here.crops.rows_of(modality)
        moved[rows] -= there.of_modality(modality).values.mean(axis=0)
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    found["gradient descriptor, centred"] = judge.of_features(moved)
    for sees in ("colours", "edges"):
        encoder = encoder_of(settings, sees)
        found[f"untrained network, {sees}"] = judge.of_encoder(encoder.trained_part())
        if sees == "edges" and isinstance(encoder, BesideGradients):
            encoder.centre(there)
            found["untrained network beside the descriptor"] = judge.of_encoder(encoder)
    return found


def encoder_of(settings: Settings, sees: str) -> Encoder:
    """The encoder of some settings as training begins."""
    changed = settings.encoder.model_copy(update={"sees": sees})
    encoder = make_encoder(settings.model_copy(update={"encoder": changed}))
    if settings.encoder.weights is not None:
        start_from(encoder, settings.encoder.weights)
    return encoder


def folder_of(out: Path, name: str, seed: int) -> Path:
    """The run folder of a variant and seed."""
    return out / f"{'_'.join(''.join(c if c.isalnum() else ' ' for c in name).split())}_{seed}"


def train(variant: Variant, seed: int, options: argparse.Namespace, display: Display) -> Run:
    """Train one variant with one seed, or go on with it."""
    given: dict[str, Any] = {"stages": ["cluster", "train"], "seed": seed}
    changes = [*options.set, *variant.changes, *([f"encoder.weights={options.weights}"] if options.weights else [])]
    run = begin(options.data, options.config, folder_of(options.out, variant.name, seed), given, changes)
    Workflow(run, display).execute()
    return run


def scored(variant: Variant, seed: int, options: argparse.Namespace, judge: Judge) -> Scores:
    """The scores of a variant's trained encoder, kept beside its run."""
    file = folder_of(options.out, variant.name, seed) / "scores.json"
    if not file.exists():
        encoder = open_trained(folder_of(options.out, variant.scores_of or variant.name, seed)).encoder
        if variant.scores_of:
            encoder = encoder.trained_part()
        if variant.beside:
            encoder = BesideGradients(encoder, judge.share)
            encoder.centre(judge.descriptors(judge.train))
        found = judge.of_encoder(encoder)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(found, indent=1).encode())
    kept: Scores = json.loads(file.read_bytes())
    return kept


def cell(values: list[float], digits: int = 1) -> str:
    """Mean and, of several, sample standard deviation."""
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{spread}" if values else ""


def score_table(rule: str, rows: Mapping[str, list[Scores]]) -> str:
    """All rows by one rule: Rank-1 and mAP of each direction."""
    directions = list(next(iter(rows.values()))[0][rule])
    heads = [f"{direction} {score}" for direction in directions for score in ("Rank-1", "mAP")]
    lines = [f"| {rule} | seeds | {' | '.join(heads)} |", f"|{'---|' * (2 + len(heads))}"]
    for name, found in rows.items():
        cells = [
            cell([100 * scores[rule][direction][score] for scores in found])
            for direction in directions
            for score in ("rank1", "mAP")
        ]
        lines.append(f"| {name} | {len(found)} | {' | '.join(cells)} |")
    return "\n".join(lines)


LABELS = (
    ("clusters visible", "clusters.visible", 1, 0),
    ("infrared", "clusters.infrared", 1, 0),
    ("outliers visible", "outliers.visible", 1, 0),
    ("infrared", "outliers.infrared", 1, 0),
    ("ARI visible", "truth.visible.ari", 1, 2),
    ("infrared", "truth.infrared.ari", 1, 2),
    ("matched", "quality.shared_identities", 1, 0),
    ("matches right, %", "truth.match_accuracy", 100, 0),
)
"""Head, place in a line of metrics, factor, digits."""


def label_table(first: str, rows: Mapping[str, list[dict[str, Any]]]) -> str:
    """How good pseudo-labels are: a row of several lines of metrics each."""
    lines = [f"| {first} | {' | '.join(head for head, *_ in LABELS)} |", f"|{'---|' * (1 + len(LABELS))}"]
    for name, found in rows.items():
        cells = []
        for _, place, factor, digits in LABELS:
            values = [value for line in found if (value := number(find(line, *place.split(".")))) is not None]
            cells.append(cell([factor * value for value in values], digits))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


@dataclass(frozen=True)
class Measured:
    """Of every row the scores of each seed; of the rows that are trained without labels the last line of metrics of
    each; of every epoch of `all` the lines of all seeds."""

    scores: dict[str, list[Scores]] = field(default_factory=dict)
    last: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    epochs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def measure(options: argparse.Namespace, display: Display) -> Measured:
    """Train what is missing, and score it."""
    asked = [name.strip() for name in options.variants.split(";") if name.strip()]
    variants = [variant for variant in VARIANTS if not asked or variant.name in asked]
    weights = [f"encoder.weights={options.weights}"] if options.weights else []
    settings = settings_of(options.config, {}, [*options.set, *weights])
    judge = Judge(open_data(options.data, settings, display), settings)
    found = Measured({name: [scores] for name, scores in untrained(judge, settings).items()})
    seeds = list(map(int, options.seeds.split(",")))
    for seed, variant in itertools.product(seeds, variants):
        if not variant.scores_of and not options.tables:
            train(variant, seed, options, display)
    for variant, seed in itertools.product(variants, seeds):
        folder = folder_of(options.out, variant.scores_of or variant.name, seed)
        lines = Run.open(folder).metrics() if (folder / names.CONFIG_FILE).is_file() else []
        if not lines or lines[-1]["epoch"] < settings.training.epochs:
            continue
        found.scores.setdefault(variant.name, []).append(scored(variant, seed, options, judge))
        if not variant.scores_of and not lines[-1]["supervised"]:
            found.last.setdefault(variant.name, []).append(lines[-1])
        if variant.name == "all":
            for line in lines:
                if line["epoch"] and line.get("losses"):
                    found.epochs.setdefault(f"{line['epoch']}", []).append(line)
    return found


def main() -> None:
    """Train what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="crops with identities")
    parser.add_argument("--config", required=True, help="settings of all runs: a name or a YAML file")
    parser.add_argument("--weights", type=Path, help="backbone weights to start from; none: random ones")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--seeds", default="0,1,2", help="separated by commas")
    parser.add_argument("--variants", default="", help="rows, separated by semicolons; all by default")
    parser.add_argument(
        "--set", action="append", default=[], help="a setting of all runs, NAME=VALUE; a row's own count more"
    )
    parser.add_argument("--tables", action="store_true", help="train nothing; tables of the runs that are finished")
    options = parser.parse_args()
    found = measure(options, Display())
    tables = [*(score_table(rule, found.scores) for rule in RULES), label_table("last epoch", found.last)]
    print("\n\n".join([*tables, *([label_table("epoch of `all`", found.epochs)] if found.epochs else [])]))


if __name__ == "__main__":
    main()
