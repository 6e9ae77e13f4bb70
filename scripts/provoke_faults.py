"""Provoke what goes wrong with pseudo-labels, and print what a run says of it without any identity.

    python scripts/provoke_faults.py --out runs/faults

Synthetic sets and short runs: some as they should be, and one with each fault: an eps that is far too large, one that
is far too small, different people in the two modalities, exchanged folders, and a fifth of the labels shuffled before
training goes on with them. Printed are the warnings of `quality.trouble`; a sound run should have none.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from usvireid import names
from usvireid.data.sources.demo.generate import write_demo
from usvireid.display import Display
from usvireid.quality.trouble import Finding, diagnose
from usvireid.run import Run, begin
from usvireid.workflow import Workflow

SETTINGS = [
    "data.height=64", "data.width=32", "encoder.name=resnet18", "encoder.width=16", "neighbors.k1=10", "neighbors.k2=3",
    "clustering.min_samples=3", "matching.gradients=0.9", "training.intra_epochs=1", "training.steps=40",
    "sampling.identities=8", "sampling.instances=4", "augment.pad=3", "augment.erase=0.3", "augment.remap=0.7",
    "augment.second_view=false", "optimizer.learning_rate=1e-3", "device=cpu",
]  # fmt: skip
EPOCHS = 4
FREE = "constraints.tracks=false"


def demo(folder: Path, seed: int, **changes: Any) -> Path:
    """A synthetic set of 86 people, or as many as said."""
    write_demo(folder, changes.pop("people", 86), seed, workers=1, **changes)
    return folder


def run(data: Path, folder: Path, *changes: str, epochs: int = EPOCHS, stages: tuple[str, ...] = ()) -> list[Finding]:
    """Train, and say what the last epoch's measures are found to mean."""
    options = {"stages": list(stages) or ["cluster", "train"], "training.epochs": epochs}
    made = begin(data, None, folder, options, SETTINGS + list(changes))
    if not any(line["epoch"] == epochs for line in made.metrics() if folder.exists()):
        Workflow(made, Display()).execute()
    line = made.metrics()[-1]
    return diagnose(line["quality"], line["phase"])


def swapped(data: Path, folder: Path) -> Path:
    """The images of a set in two folders, each in that of the other modality."""
    for modality, other in (names.MODALITIES, names.MODALITIES[::-1]):
        if not (folder / other).exists():
            shutil.copytree(data / modality, folder / other)
    return folder


def shuffled(data: Path, sound: Path, folder: Path, share: float = 0.2) -> list[Finding]:
    """Go on with a sound run after the identities of a share of its crops were exchanged among each other."""
    if not folder.exists():
        shutil.copytree(sound, folder)
        path = Run.open(folder).latest_labels()
        table = pd.read_csv(path)
        random = np.random.default_rng(0)
        picked = random.permutation(len(table))[: round(share * len(table))]
        identity = table[names.IDENTITY].to_numpy().copy()
        identity[picked] = random.permutation(identity[picked])
        table.assign(**{names.IDENTITY: identity}).to_csv(path, index=False)
    return run(data, folder, epochs=EPOCHS + 1, stages=("train",))


def main() -> None:
    """Make every run and print what is found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the sets and the runs")
    out = parser.parse_args().out
    plain, easy = demo(out / "data", 21), demo(out / "data_easy", 22, difficulty="easy")
    found = {
        "sound": run(plain, out / "sound"),
        "sound, easy": run(easy, out / "sound_easy"),
        "sound, tracks not used": run(easy, out / "sound_free", FREE),
        "sound, half in one modality": run(demo(out / "data_half", 23, one_modality=0.5), out / "sound_half"),
        "eps too large": run(plain, out / "large", FREE, "clustering.eps=0.93"),
        "eps too small": run(plain, out / "small", FREE, "clustering.eps=0.25"),
        "other people in each modality": run(
            demo(out / "data_apart", 24, people=172, one_modality=1.0), out / "mismatched"
        ),
        "exchanged folders": run(swapped(plain, out / "data_swapped"), out / "swapped"),
        "a fifth of the labels shuffled": shuffled(plain, out / "sound", out / "shuffled"),
    }
    for name, findings in found.items():
        print(f"\n{name}:")
        for finding in findings:
            if finding.level in ("bad", "warning"):
                print(f"  {finding.level}: {finding.text}")


if __name__ == "__main__":
    main()
