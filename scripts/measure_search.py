"""Measure a search index against the truth: ranks by crop and by tracklet, and whether the chances are right.

usage: python scripts/measure_search.py INDEX CROPS.csv [--people N]

INDEX is made by `usvireid index`; CROPS.csv is the manifest it was made of, with the column identity, which the index
does not have. Every tracklet of the index asks in turn, its own left out. With --people the crops of N of the test
people alone make the gallery, to see what a small one does. The tables stand in docs/search.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from usvireid import names
from usvireid.search.calibration import Calibration, calibrate, kind_name
from usvireid.search.free_truth import KnownPairs, known_pairs
from usvireid.search.gallery import Gallery, make_gallery
from usvireid.search.index import open_index
from usvireid.search.thresholds import Threshold, threshold_at
from usvireid.search.tracklets import Tracklets, in_tracklets

KINDS = [(one, other) for one in names.MODALITIES for other in names.MODALITIES]
BINS = 10


class Measured:
    """A gallery, what was learnt from it, and the truth about it."""

    def __init__(self, tracklets: Tracklets, features: np.ndarray, person: np.ndarray) -> None:
        self.tracklets, self.features = tracklets, features
        self.person = person[tracklets.first]
        sums = np.stack([features[tracklets.rows(t)].sum(axis=0) for t in range(len(tracklets))])
        self.gallery, moments = make_gallery(sums, tracklets)
        self.known: KnownPairs = known_pairs(self.gallery, moments, features, tracklets, {})
        self.calibration: Calibration = calibrate(self.gallery, self.known)
        self.modality = tracklets.column(names.MODALITY)
        self.cosine = np.asarray(self.gallery.values @ self.gallery.values.T)
        self.scores = all_scores(self.gallery, self.cosine, self.modality)
        self.same = self.person[:, None] == self.person[None]
        np.fill_diagonal(self.same, False)

    def sides(self, one: str, other: str) -> tuple[np.ndarray, np.ndarray]:
        """The tracklets of two modalities."""
        return np.flatnonzero(self.modality == one), np.flatnonzero(self.modality == other)


def all_scores(gallery: Gallery, cosine: np.ndarray, modality: np.ndarray) -> np.ndarray:
    """The standard scores of every pair, a query a row."""
    return np.stack([gallery.standard_scores(cosine[row], modality[row], row) for row in range(len(gallery))])


def rank1(values: np.ndarray, same: np.ndarray, itself: np.ndarray | None = None) -> tuple[float, float]:
    """Rank-1 and mAP of the rows that have somebody to find."""
    values = values.copy()
    if itself is not None:
        values[itself] = -np.inf
    order = np.argsort(-values, axis=1, kind="stable")
    hits = np.take_along_axis(same, order, axis=1)
    hits = hits[hits.any(axis=1)]
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    return float(hits[:, 0].mean()), float(((precision * hits).sum(axis=1) / hits.sum(axis=1)).mean())


def by_tracklet_and_crop(one: Measured) -> None:
    """Ranks across the modalities, by what is ranked and by which number."""
    crops = one.tracklets.crops.table
    crop_person = np.repeat(one.person, np.diff(one.tracklets.start))
    print(f"\n{'asks':>10} {'ranked by':34} {'Rank-1':>7} {'mAP':>7}")
    for asking, asked in (names.MODALITIES, names.MODALITIES[::-1]):
        rows, columns = one.sides(asking, asked)
        crop_rows = np.flatnonzero(crops[names.MODALITY] == asking)
        crop_columns = np.flatnonzero(crops[names.MODALITY] == asked)
        lines = {
            "crop asks, crops by cosine": rank1(
                one.features[crop_rows] @ one.features[crop_columns].T,
                crop_person[crop_rows][:, None] == crop_person[crop_columns][None],
            ),
            **{
                f"crop asks, tracklets by {name}": rank1(values, crop_person[crop_rows][:, None] == one.person[columns])
                for name, values in crop_queries(one, asking, crop_rows, columns).items()
            },
            **{
                f"tracklet asks, by {name}": rank1(values[np.ix_(rows, columns)], one.same[np.ix_(rows, columns)])
                for name, values in tracklet_queries(one).items()
            },
        }
        for name, (first, mean) in lines.items():
            print(f"{asking:>10} {name:34} {first:7.1%} {mean:7.1%}")


def crop_queries(one: Measured, asking: str, rows: np.ndarray, columns: np.ndarray) -> dict[str, np.ndarray]:
    """What single crops reach against tracklets: mean feature as it is, centred, and as standard scores."""
    values = one.gallery.centred(one.features[rows], asking)
    cosine = np.asarray(values @ one.gallery.values.T)
    own = one.tracklets.of_crop[rows]
    scores = np.stack([one.gallery.standard_scores(row, asking, int(at)) for row, at in zip(cosine, own, strict=True)])
    best = np.maximum.reduceat(one.features[rows] @ one.features.T, one.tracklets.first, axis=1)
    return {"best crop": best[:, columns], "centred mean": cosine[:, columns], "standard score": scores[:, columns]}


def tracklet_queries(one: Measured) -> dict[str, np.ndarray]:
    """What whole tracklets reach: mean feature as it is, centred, and as standard scores."""
    plain = np.stack([one.features[one.tracklets.rows(t)].mean(axis=0) for t in range(len(one.tracklets))])
    plain /= np.linalg.norm(plain, axis=1, keepdims=True)
    return {"mean": plain @ plain.T, "centred mean": one.cosine, "standard score": one.scores}


def calibration_error(chance: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance of what was said from what is so, over equally wide bins (ECE)."""
    place = np.minimum((chance * BINS).astype(int), BINS - 1)
    parts = [place == number for number in range(BINS) if (place == number).any()]
    return float(sum(part.mean() * abs(chance[part].mean() - truth[part].mean()) for part in parts))


def chances(one: Measured) -> dict[str, np.ndarray]:
    """The chance of every pair, as the index gives it and as the usual logistic curve would."""
    ours = np.empty_like(one.scores, dtype=np.float64)
    for asking, asked in KINDS:
        at = np.ix_(*one.sides(asking, asked))
        ours[at] = one.calibration.curves[kind_name(asking, asked)](one.scores[at])
    found = {"excess over strangers (used)": ours}
    same, different = one.known.same, one.known.different
    if len(same) and len(different):
        values = np.concatenate([same, different])[:, None]
        truth = np.concatenate([np.ones(len(same)), np.zeros(len(different))])
        fitted = LogisticRegression(class_weight="balanced").fit(values, truth)
        found["logistic on known pairs"] = expit(fitted.coef_[0, 0] * one.scores + fitted.intercept_[0])
    return found


def reliability(one: Measured) -> None:
    """What is said of the first tracklets of every query, and what is so."""
    for name, values in chances(one).items():
        print(f"\n{name}\n{'asks':>10} {'asked':>10} {'':>7} {'said':>7} {'so':>7} {'ECE':>7}")
        for asking, asked in KINDS:
            rows, columns = one.sides(asking, asked)
            for top in (1, 20):
                said, so = [], []
                for row in rows:
                    best = columns[np.argsort(-one.scores[row, columns], kind="stable")]
                    best = best[best != row][:top]
                    said.append(values[row, best])
                    so.append(one.same[row, best])
                a, b = np.concatenate(said), np.concatenate(so)
                error = calibration_error(a, b)
                print(f"{asking:>10} {asked:>10} top {top:3} {a.mean():7.1%} {b.mean():7.1%} {error:7.3f}")


def false_matches(one: Measured) -> None:
    """What thresholds that follow from the law, or are counted on known pairs, let through of strangers."""
    kinds = [KINDS[0], KINDS[1], KINDS[3]]
    print(f"\n{'threshold':24}" + "".join(f"{kind_name(*kind):>22}" for kind in kinds))
    for rate in (0.05, 0.01, 0.001):
        laws = [one.calibration.curves[kind_name(*kind)].law for kind in kinds]
        bounds = [float(norm.isf(rate, *law)) for law in laws]
        print(f"{f'law, rate {rate:g}':24}" + _let_through(one, kinds, bounds))
    for rate in (0.1, 0.06, 0.01):
        found = threshold_at(rate, one.known.same, one.known.different)
        if isinstance(found, Threshold):
            print(f"{f'counted, rate {rate:g}':24}" + _let_through(one, kinds, [found.score] * 3))
        else:
            print(found.why)


def _let_through(one: Measured, kinds: list[tuple[str, str]], bounds: list[float]) -> str:
    cells = []
    for kind, bound in zip(kinds, bounds, strict=True):
        rows, columns = one.sides(*kind)
        at = np.ix_(rows, columns)
        strangers = ~one.same[at] & (rows[:, None] != columns[None])
        passing = one.scores[at] > bound
        cells.append(f"{passing[strangers].mean():14.2%} ({passing[one.same[at]].mean():5.0%})")
    return "".join(cells)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("crops", type=Path)
    parser.add_argument("--split", help="only crops of this split")
    parser.add_argument("--people", type=int, help="only so many people, the first by name")
    given = parser.parse_args()
    index = open_index(given.index)
    truth = pd.read_csv(given.crops, dtype=str).set_index(names.PATH).loc[index.tracklets.crops.table[names.PATH]]
    kept = np.ones(len(truth), dtype=bool)
    if given.split:
        kept &= (truth[names.SPLIT] == given.split).to_numpy()
    if given.people:
        kept &= truth[names.IDENTITY].isin(sorted(truth[names.IDENTITY][kept].unique())[: given.people]).to_numpy()
    rows = np.flatnonzero(kept)
    tracklets, order = in_tracklets(index.tracklets.crops.take(rows))
    person = truth[names.IDENTITY].to_numpy()[rows][order]
    one = Measured(tracklets, np.array(index.features)[rows][order], person)
    print(
        f"{len(tracklets.crops):,} crops, {len(tracklets):,} tracklets, {len(set(person)):,} people; "
        f"{len(one.known.same):,} halves of tracks, {len(one.known.different):,} pairs known to be two people"
    )
    by_tracklet_and_crop(one)
    reliability(one)
    false_matches(one)


if __name__ == "__main__":
    main()
