"""Fit the constants of `usvireid/quality/coefficients.py` on synthetic runs, and show how well they hold on others.

    python scripts/correlate_measures.py --out runs/quality
    python scripts/calibrate_confidence.py runs/quality/run_* --write usvireid/quality/coefficients.py

Every second run is fitted on, the others (other seeds, so other people) are held out: the tables of reliability are
theirs. Of each run some epochs are taken, with the encoder that made their labels, so the checkpoints must stand.
Identities are read here, to know what was right; nothing that runs without labels sees them.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score

from usvireid import names
from usvireid.devices import choose_compute
from usvireid.display import Display
from usvireid.encoders.extract import extract
from usvireid.encoders.gradients import gradient_features
from usvireid.encoders.make import make_encoder
from usvireid.loading import open_data, training_data
from usvireid.matching.labels import PseudoLabels
from usvireid.quality.confidence import BOTH, LABELS, NETWORK, Logistic
from usvireid.quality.examined import Examined, examine
from usvireid.run import Run
from usvireid.training.checkpoint import read_epoch, restore_encoder

MODELS: dict[str, dict[str, dict[str, int]]] = {
    "crop": {
        LABELS: {"confidence": -1, "size": +1, "track": +1},
        NETWORK: {"seat": -1},
        BOTH: {"seat by gradients": -1},
    },
    "part": {
        LABELS: {"confidence": -1, "size": +1},
        NETWORK: {"seat": -1, "spread": +1, "gap": +1},
        BOTH: {"seat by gradients": -1},
    },
    "link": {
        LABELS: {"confidence": +1, "size": +1},
        NETWORK: {"linked": +1, "similarity by network": +1, "margin by network": +1, "larger margin by network": +1},
        BOTH: {"similarity by gradients": +1, "margin by gradients": +1, "larger margin by gradients": +1},
    },
    "pair": {
        NETWORK: {"distance": -1, "apart": +1, "size": -1},
        BOTH: {"distance by gradients": -1},
    },
}
"""What is judged, by what is known, the cues that this adds, and which way each can only point."""
MEANING = {
    "crop": "the crop is not of the person that most crops of its cluster are of",
    "part": "less than 80 % of the cluster's crops are of one person",
    "link": "the visible and the infrared cluster are mostly of one person",
    "pair": "the two clusters of one modality are mostly of one person",
}
PURE, PENALTY = 0.8, 1.0
BINS = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0)
HEADER = '''"""The constants of `quality.confidence`, written by `scripts/calibrate_confidence.py`."""

from usvireid.quality.confidence import BOTH, LABELS, NETWORK, Logistic
'''

Table = tuple[dict[str, np.ndarray], np.ndarray]
"""Cues (a value each for n things) and what is true of the things (bool, n)."""


def tables_of(folder: Path, shares: list[float], display: Display) -> list[dict[str, Table]]:
    """For each of some epochs of a run, what is judged with its cues and the truth."""
    run = Run.open(folder)
    last = max(line["epoch"] for line in run.metrics())
    data = training_data(open_data(run.data, run.settings, display), run.settings)
    crops, compute = data.crops.without_identities(), choose_compute("cpu", "float32")
    gradients = gradient_features(crops, data.images, compute.device, progress=lambda count: None)
    encoder = make_encoder(run.settings)
    found = []
    for epoch in (max(2, round(share * last)) for share in shares):
        restore_encoder(encoder, read_epoch(run.checkpoints, epoch - 1))
        features = extract(encoder.eval(), crops, data.images, compute, batch=128, progress=lambda count: None)
        labels = PseudoLabels.read(run.labels_file(epoch), crops)
        found.append(with_truth(examine(labels, features, gradients), data.crops.codes(names.IDENTITY)))
    return found


def with_truth(seen: Examined, identity: np.ndarray) -> dict[str, Table]:
    """The cues of everything judged, with what is true of it."""
    parts = seen.parts
    members = parts.members()
    counts = [np.bincount(identity[rows]) for rows in members]
    person = np.array([count.argmax() for count in counts], dtype=np.int64)
    pure = np.array([count.max() / count.sum() for count in counts])
    inside = parts.part >= 0
    crop = {name: np.asarray(values)[inside] for name, values in seen.crop_cues.items()}
    linked = seen.links
    by_labels = {name: np.asarray(values) for name, values in seen.link_cues.items()}
    return {
        "crop": (crop, identity[inside] != person[parts.part[inside]]),
        "part": ({name: np.asarray(values) for name, values in seen.part_cues.items()}, pure < PURE),
        "link": (by_labels, person[linked.visible] == person[linked.infrared]),
        "pair": (
            {name: np.asarray(values) for name, values in seen.pair_cues.items()},
            person[seen.pairs.one] == person[seen.pairs.other],
        ),
    }


def pooled(tables: list[dict[str, Table]], kind: str, cues: list[str]) -> Table:
    """The tables of one kind as one."""
    values = {cue: np.concatenate([table[kind][0][cue] for table in tables]) for cue in cues}
    return values, np.concatenate([table[kind][1] for table in tables])


def judged(kind: str, known: str, tables: list[dict[str, Table]]) -> list[dict[str, Table]]:
    """Without features only links that the labels hold are ever judged, so only those are fitted on."""
    if (kind, known) != ("link", LABELS):
        return tables
    kept = []
    for table in tables:
        cues, right = table["link"]
        linked = cues["linked"] > 0
        kept.append({"link": ({cue: values[linked] for cue, values in cues.items()}, right[linked])})
    return kept


def fitted(cues: Mapping[str, np.ndarray], true: np.ndarray, signs: Mapping[str, int]) -> Logistic:
    """A logistic function of the cues, each centred at its mean where it is known, none with the wrong sign.

    A cue whose weight would have the wrong sign only corrects others on these data, and would mislead elsewhere.
    """
    usual = {name: float(np.nanmean(values)) for name, values in cues.items()}
    scale = {name: float(np.nanstd(values)) or 1.0 for name, values in cues.items()}
    columns = [np.nan_to_num((values - usual[name]) / scale[name]) for name, values in cues.items()]
    matrix, sign = np.stack(columns, axis=1), np.where(true, 1.0, -1.0)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (matrix @ weights[1:] + weights[0])
        slope = -sign / (1 + np.exp(np.clip(margin, -30, 30)))
        gradient = np.concatenate([[slope.sum()], matrix.T @ slope + PENALTY * weights[1:]])
        return float(np.logaddexp(0, -margin).sum() + PENALTY * (weights[1:] ** 2).sum() / 2), gradient

    bounds = [(None, None)] + [(0, None) if signs[name] > 0 else (None, 0) for name in cues]
    found = minimize(loss, np.zeros(len(bounds)), jac=True, bounds=bounds, method="L-BFGS-B").x.tolist()
    weights = dict(zip(cues, found[1:], strict=True))
    return Logistic(
        round(found[0], 3), {name: (round(usual[name], 3), round(weights[name] / scale[name], 3)) for name in cues}
    )


def reliability(chance: np.ndarray, true: np.ndarray) -> str:
    """Foreseen and observed shares in bins, and what sums them up."""
    rows = ["| foreseen | mean foreseen | observed | number |", "|---|---|---|---|"]
    gap = 0.0
    for low, high in pairwise(BINS):
        inside = (chance >= low) & ((chance < high) | (high == BINS[-1]))
        if inside.any():
            foreseen, observed = float(chance[inside].mean()), float(true[inside].mean())
            gap += abs(foreseen - observed) * float(inside.mean())
            rows.append(f"| {low:.2f} to {high:.2f} | {foreseen:.3f} | {observed:.3f} | {int(inside.sum())} |")
    brier, constant = float(((chance - true) ** 2).mean()), float(((true.mean() - true) ** 2).mean())
    rows.append(
        f"\nArea under the ROC {roc_auc_score(true, chance):.3f}; Brier score {brier:.4f} (of a constant "
        f"{constant:.4f}); mean gap of foreseen and observed {gap:.3f}."
    )
    return "\n".join(rows)


def main() -> None:
    """Fit, print the tables of reliability, and write the constants."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run folders, two or more")
    parser.add_argument("--at", default="0.4,0.7,1", help="shares of the epochs at which labels are taken")
    parser.add_argument("--write", type=Path, help="file for the constants; none: they are printed")
    options = parser.parse_args()
    shares, display = [float(share) for share in options.at.split(",")], Display()
    tables = [tables_of(folder, shares, display) for folder in sorted(options.runs)]
    fit = [table for run in tables[::2] for table in run]
    held_out = [table for run in tables[1::2] for table in run]
    text = HEADER
    for kind, added in MODELS.items():
        signs: dict[str, int] = {}
        text += f"\n{kind.upper()} = {{\n"
        for known, more in added.items():
            signs |= more
            model = fitted(*pooled(judged(kind, known, fit), kind, list(signs)), signs)
            values, true = pooled(judged(kind, known, held_out), kind, list(signs))
            print(f"\n{kind}, {known}: {MEANING[kind]}\n\n{reliability(model.chance(values, len(true)), true)}")
            terms = "".join(f'            "{cue}": {constant},\n' for cue, constant in model.terms.items())
            text += (
                f"    {known.upper()}: Logistic(\n        {model.intercept},\n        {{\n{terms}        }},\n    ),\n"
            )
        text += "}\n"
    if options.write is None:
        print(text)
    else:
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
