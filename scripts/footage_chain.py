"""Footage to search on one recording with hand-made tracks: does each step bring what it should?

    python scripts/footage_chain.py VIDEO TRACKS.xml --out runs/chain [--set KEY=VALUE ...]

The recording is taken twice: as it is, and as a night camera might have made it (`make_infrared.py`). Both go in,
the crops get the identity of the hand-made box that they cover (a column that nothing but scores reads), the clustering
is compared with and without what the tracks tell on the same features, a run trains without labels, and the gallery is
indexed and searched. A crop of the query's own frame is never counted as a hit: it would be the very same picture.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from make_infrared import make_infrared
from sklearn.metrics import adjusted_rand_score
from true_tracks import SAME, read_truth

from usvireid import names
from usvireid.clustering.cluster import cluster_graph, reach
from usvireid.clustering.constraints import Constraints
from usvireid.display import Display
from usvireid.footage.detectors.overlaps import intersection_over_union
from usvireid.neighbors.choice import nearest_neighbors
from usvireid.neighbors.jaccard import jaccard_graph
from usvireid.run import begin
from usvireid.search.index import open_index
from usvireid.search.query import from_index, understand
from usvireid.search.search import search as search_index
from usvireid.training.knowledge import gathered
from usvireid.workflow import Workflow


def call(*arguments: object) -> str:
    """One call of the command line; its standard output."""
    command = [sys.executable, "-m", "usvireid.cli", *map(str, arguments)]
    print("$ usvireid", *arguments[:2], "...", flush=True)
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def with_truth(data: Path, tracks: Path) -> Path:
    """A manifest beside the data's own, with the identity of each crop where it covers a hand-made box."""
    table = pd.read_csv(data / names.MANIFEST_FILE)
    truth = read_truth(tracks)
    identity: list[str | None] = []
    for crop in table.itertuples():
        true, found = truth.get(crop.frame), None
        if true is not None and len(true.ids):
            box = np.array([[crop.left, crop.top, crop.left + crop.width, crop.top + crop.height]], dtype=np.float64)
            share = intersection_over_union(box, true.boxes)[0]
            if share.max() >= SAME:
                found = f"p{true.ids[int(share.argmax())]:02d}"
        identity.append(found)
    table[names.IDENTITY] = pd.array(identity, dtype="string")
    path = data / "truth.csv"
    table.to_csv(path, index=False)
    print(f"{len(table)} crops, {table[names.IDENTITY].notna().sum()} of them on a hand-made box")
    return path


def agreement(workflow: Workflow, title: str) -> None:
    """The adjusted Rand index against the hand-made identities, with and without what the tracks tell."""
    experiment, settings = workflow.experiment, workflow.settings
    known, _ = gathered(experiment.crops, settings.constraints)
    features, code = experiment.extract_features(), workflow.truth.crops.codes(names.IDENTITY)
    for modality in names.MODALITIES:
        rows = experiment.crops.rows_of(modality)
        values = features.values[rows]
        k1, k2 = settings.neighbors.k1, settings.neighbors.k2
        near = nearest_neighbors(values, settings.neighbors, str(experiment.compute.device), settings.seed).neighbors
        graph = jaccard_graph(near, values, k1=k1, k2=k2, eps=reach(settings.clustering))
        for name, constraints in (("without", Constraints.none(len(rows))), ("with", known.take(rows))):
            found = cluster_graph(graph, settings.clustering, constraints)
            label, true = found.clusters.label, code[rows]
            alone = np.where(label < 0, label.max(initial=-1) + 1 + np.arange(len(label)), label)
            score = adjusted_rand_score(true[true >= 0], alone[true >= 0])
            print(
                f"{title}, {modality}, {name} tracks: ARI {score:.3f} (outliers as clusters of their own), "
                f"{found.clusters.count} clusters, {found.clusters.outliers} outliers, eps {found.eps:g}"
            )


def train(manifest: Path, out: Path, assign: list[str]) -> Workflow:
    """Train without labels, and print the scores of every epoch."""
    # In one frame both recordings show the same moment, and a hit in it would prove nothing.
    rules = [f"evaluation.exclude=[{names.FRAME}]", "evaluation.every=1"]
    run = begin(manifest, "footage", out, {}, [*rules, *assign])
    workflow = Workflow(run, Display())
    agreement(workflow, "untrained")
    workflow.execute()
    agreement(workflow, "trained")
    for line in run.metrics():
        scores = line.get("evaluation") or {}
        shown = ", ".join(f"{way} {100 * each['rank1']:.1f} / {100 * each['mAP']:.1f}" for way, each in scores.items())
        print(f"epoch {line['epoch']}: Rank-1 / mAP {shown}")
    return workflow


def search(run: Path, data: Path, out: Path) -> None:
    """Index the gallery and ask for every track; how often is the first track of the other camera the same person?

    Both recordings show the same moments, so it is also counted which track comes first of those that do not live at
    the time of the asking one.
    """
    folder = out / "index"
    print(call("index", run, data, "--out", folder))
    table = pd.read_csv(data)
    known = table.dropna(subset=names.IDENTITY)
    person = known.groupby(names.TRACK)[names.IDENTITY].agg(lambda each: each.mode().iloc[0])
    span = table.groupby(names.TRACK)[names.FRAME].agg(["min", "max"])
    index = open_index(folder)
    hits: dict[str, list[bool]] = {"any track": [], "tracks of another time": []}
    for track, identity in person.items():
        rows = understand(str(track), index)
        assert isinstance(rows, int | slice), "a track of the index"
        query = from_index(rows, index)
        other = next(modality for modality in names.MODALITIES if modality != query.modality)
        ranked = [str(match.track) for match in search_index(index, query, other, len(table)).matches]
        start, end = span["min"][track], span["max"][track]
        apart = [each for each in ranked if span["min"][each] > end or span["max"][each] < start]
        for name, order in zip(hits, (ranked, apart), strict=True):
            if identity in {person.get(each) for each in order}:
                hits[name].append(person.get(order[0]) == identity)
    for name, found in hits.items():
        print(f"search of the other camera, {name}: the first is the same person for {sum(found)} of {len(found)}")
    first = known.loc[known[names.MODALITY] == names.VISIBLE, names.PATH].iloc[0]
    print(call("search", folder, first, "--modality", names.INFRARED, "--top", 3, "--report", out / "found.html"))


def main() -> None:
    """Read the arguments and walk the chain."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", type=Path)
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", dest="assign", action="append", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    night, data = given.out / "night.mp4", given.out / "data"
    if not night.exists():
        make_infrared(given.video, night)
    call("footage", "ingest", given.video, "--camera", "day", "--modality", "visible", "--out", data)
    call("footage", "ingest", night, "--camera", "night", "--modality", "infrared", "--out", data)
    manifest = with_truth(data, given.tracks)
    train(manifest, given.out / "run", given.assign)
    search(given.out / "run", manifest, given.out)


if __name__ == "__main__":
    main()
