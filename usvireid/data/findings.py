"""What may be wrong with a set of crops, one rule a function, one line of text a finding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from usvireid import names
from usvireid.data.crops import Crops
from usvireid.data.looks import Looks, looks_by_camera, looks_wrong, swapped
from usvireid.data.measuring import Measurements
from usvireid.data.near_duplicates import NearPairs, flat
from usvireid.data.paired import rows_of_rigs, sensor_pairs
from usvireid.data.published import differences
from usvireid.data.sources.survey import Survey

Severity = Literal["error", "warning", "note"]
"""error: correct it before training. warning: look at it. note: good to know."""

FEW_CROPS = 32
"""Fewer crops of a modality than this leave no two people to tell apart."""
UNBALANCED = 4
"""So many times more crops of one modality than of the other are worth a word."""
SMALLEST = (32, 16)
"""Height and width in pixels below which a crop shows hardly anything."""

_SHOWN = 5
_MOST_LINES = 20


@dataclass(frozen=True)
class Finding:
    """One remark on the data: how serious, about what, and a line that names the file, row or folder."""

    severity: Severity
    topic: str
    message: str


def of_layout(survey: Survey) -> Iterator[Finding]:
    """What is wrong with the folders and lists of a benchmark, and with its counts."""
    yield from (Finding("error", "layout", fault) for fault in survey.faults)
    yield from (Finding("warning", "layout", remark) for remark in survey.remarks)
    different = differences(survey.crops)
    if different is not None:
        yield Finding("error", "counts", f"{different}.")
    if survey.crops.layout == names.LLCM:
        message = "the published total of LLCM's test images does not match its own parts, so they are not compared."
        yield Finding("warning", "counts", message)


def unreadable(crops: Crops, measured: Measurements) -> Iterator[Finding]:
    """Images that cannot be decoded, a line each up to twenty."""
    paths = crops.table[names.PATH]
    bad = sorted(measured.problems)
    for row in bad[:_MOST_LINES]:
        yield Finding("error", "unreadable", f"{paths.iloc[row]}: {measured.problems[row]}.")
    if len(bad) > _MOST_LINES:
        more = _number(len(bad) - _MOST_LINES, "more image", "more images")
        yield Finding("error", "unreadable", f"{more} that cannot be decoded.")
    for modality in names.MODALITIES:
        rows = crops.rows_of(modality)
        if len(rows) and not measured.good[rows].any():
            yield Finding("error", "unreadable", f"none of the {len(rows)} {modality} images can be decoded.")


def copies(crops: Crops, groups: Sequence[np.ndarray]) -> Iterator[Finding]:
    """Files with equal content; `groups` holds the rows of each set of equal files."""
    conflicts = _conflicts(crops, groups)
    for conflict, (severity, why) in _COPY_CONFLICTS.items():
        sets = [rows for rows, of in zip(groups, conflicts, strict=True) if of == conflict]
        if sets:
            copied = _number(sum(len(rows) - 1 for rows in sets), "exact copy", "exact copies")
            yield Finding(severity, "duplicates", f"{copied} of another image{why}: {_few_sets(crops, sets)}.")


def near_copies(crops: Crops, pairs: NearPairs) -> Iterator[Finding]:
    """Images that are one picture saved twice."""
    conflicts = _conflicts(crops, pairs.rows)
    for conflict, (_, why) in _COPY_CONFLICTS.items():
        sets = pairs.rows[conflicts == conflict]
        if len(sets):
            severity: Severity = "warning" if conflict else "note"
            hint = "" if conflict else " (neighbouring video frames, or copies saved anew)"
            what = _number(len(sets), "pair of images that looks", "pairs of images that look")
            yield Finding(severity, "near duplicates", f"{what} the same{hint}{why}: {_few_sets(crops, sets)}.")
    if not pairs.complete:
        message = "so many images look alike that not all of them were compared with each other."
        yield Finding("note", "near duplicates", message)


_IDENTITY_AND_SPLIT = f"{names.IDENTITY} and {names.SPLIT}"
_COPY_CONFLICTS: dict[str, tuple[Severity, str]] = {
    names.MODALITY: ("error", ", in both modalities"),
    names.IDENTITY: ("warning", ", under different identities"),
    _IDENTITY_AND_SPLIT: ("warning", ", under different identities and in different splits"),
    names.SPLIT: ("warning", ", in different splits, which makes scores too good"),
    "": ("warning", ""),
}


def _conflicts(crops: Crops, sets: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """For each set of rows that show the same, in what they differ, the worst first; empty text if in nothing."""
    conflicts = np.full(len(sets), "", dtype=object)
    if not len(sets):
        return conflicts
    rows = np.concatenate(list(sets))
    starts = np.cumsum([0, *(len(of) for of in sets)])[:-1]
    for column in (names.SPLIT, names.IDENTITY, names.MODALITY):
        codes = crops.codes(column)
        low = np.minimum.reduceat(np.where(codes < 0, len(codes), codes)[rows], starts)
        differ = low < np.maximum.reduceat(codes[rows], starts)
        both = differ & (conflicts == names.SPLIT) & (column == names.IDENTITY)
        conflicts[differ] = column
        conflicts[both] = _IDENTITY_AND_SPLIT
    return conflicts


def wrong_modality(crops: Crops, measured: Measurements) -> Iterator[Finding]:
    """Infrared images in colour, and visible images without any: everywhere, at some cameras, or here and there."""
    rows = np.flatnonzero(measured.good & ~flat(measured.sketch))
    wrong = looks_wrong(crops, measured.color)
    parts = {modality: np.intersect1d(crops.rows_of(modality), rows) for modality in names.MODALITIES}
    whole = [Looks(modality, "", len(part), int(wrong[part].sum())) for modality, part in parts.items()]
    if exchanged := swapped(whole):
        message = f"visible and infrared seem to be swapped: {' and '.join(map(str, exchanged))}."
        yield Finding("error", "modality", message)
        return
    cameras = [looks for looks in looks_by_camera(crops, wrong, rows) if looks.mostly_wrong and looks.camera]
    for looks in cameras:
        severity: Severity = "error" if looks.modality == names.INFRARED or swapped(cameras) else "warning"
        hint = "swapped with a camera of the other modality?" if swapped(cameras) else _LOOKS[looks.modality][1]
        yield Finding(severity, "modality", f"{looks} ({hint}).")
    said = np.zeros(len(crops), dtype=bool)
    for looks in cameras:
        at = crops.table[names.MODALITY].eq(looks.modality) & crops.table[names.CAMERA].eq(looks.camera)
        said |= at.to_numpy(dtype=bool, na_value=False)
    for looks in whole:
        part = parts[looks.modality]
        odd = part[wrong[part] & ~said[part]]
        if len(odd):
            how, hint = _LOOKS[looks.modality]
            severity = "error" if looks.modality == names.INFRARED and looks.mostly_wrong else "warning"
            message = f"{len(odd)} of {len(part)} {looks.modality} images {how} ({hint}): {_few(_paths(crops, odd))}."
            yield Finding(severity, "modality", message)


_LOOKS = {
    names.VISIBLE: ("grey", "an infrared camera, or night vision?"),
    names.INFRARED: ("in colour", "a visible camera, or false colours, which are better grey?"),
}


def odd_images(crops: Crops, measured: Measurements) -> Iterator[Finding]:
    """Images that show nothing, are tiny, or are no upright person."""
    good = measured.good
    blank = np.flatnonzero(good & flat(measured.sketch))
    if len(blank):
        message = f"{_number(len(blank), 'image')} of one even grey: {_few(_paths(crops, blank))}."
        yield Finding("warning", "content", message)
    height, width = SMALLEST
    tiny = np.flatnonzero(good & ((measured.height < height) | (measured.width < width)))
    if len(tiny):
        what = f"{_number(len(tiny), 'image')} less than {height} pixels high or {width} wide"
        yield Finding("warning", "size", f"{what}: {_few(_paths(crops, tiny))}.")
    wide = good & (measured.width > measured.height)
    for modality in names.MODALITIES:
        rows = crops.rows_of(modality)
        lying = rows[wide[rows]]
        if len(lying):
            most = 2 * len(lying) > len(rows)
            what = f"{len(lying)} of {len(rows)} {modality} images wider than high"
            hint = " (whole pictures instead of person crops?)" if most else ""
            severity: Severity = "warning" if most else "note"
            yield Finding(severity, "size", f"{what}{hint}: {_few(_paths(crops, lying))}.")


def balance(crops: Crops) -> Iterator[Finding]:
    """Too few crops of a modality, or far fewer than of the other; counted among those to train on."""
    training = crops.training()
    counts = {modality: len(training.rows_of(modality)) for modality in names.MODALITIES}
    for modality, count in counts.items():
        if 0 < count < FEW_CROPS:
            message = f"only {count} {modality} crops to train on; clustering needs several of each person."
            yield Finding("warning", "balance", message)
    small, large = sorted(names.MODALITIES, key=counts.__getitem__)
    if counts[small] and counts[large] >= UNBALANCED * counts[small]:
        message = f"{counts[large]} {large} crops against {counts[small]} {small} ones to train on."
        yield Finding("warning", "balance", message)


def splits(crops: Crops) -> Iterator[Finding]:
    """Splits that cannot be trained on or scored."""
    if not crops.has(names.SPLIT):
        return
    count = crops.table[names.SPLIT].value_counts()
    for modality in names.MODALITIES:
        if not len(crops.training().rows_of(modality)):
            yield Finding("error", "split", f"no {modality} crop is in split {names.TRAIN}.")
    for one, other in ((names.QUERY, names.GALLERY), (names.GALLERY, names.QUERY)):
        if one in count and other not in count and names.TEST not in count:
            yield Finding("error", "split", f"crops are in split {one} and none in {other}; they cannot be scored.")
    without = np.flatnonzero(crops.table[names.SPLIT].isna())
    if len(without):
        message = f"{_number(len(without), 'crop')} without a split, not used: {_few(_paths(crops, without))}."
        yield Finding("warning", "split", message)
    scored = crops.table[names.SPLIT].isin([names.TEST, names.QUERY, names.GALLERY])
    nameless = np.flatnonzero(scored & crops.table[names.IDENTITY].isna())
    if len(nameless):
        what = f"{_number(len(nameless), 'crop')} to score on without an identity"
        yield Finding("warning", "split", f"{what}: {_few(_paths(crops, nameless))}.")
    if crops.layout != names.OWN:
        return  # their sources know who is in train and test; RegDB's labels do not tell
    training = crops.table[names.SPLIT].eq(names.TRAIN).fillna(False)
    shared = set(crops.table[names.IDENTITY][training].dropna()) & set(crops.table[names.IDENTITY][scored].dropna())
    if shared:
        what = f"{_number(len(shared), 'identity', 'identities')} both trained and scored on"
        yield Finding("warning", "split", f"{what}, which makes scores too good: {_few(_in_order(shared))}.")


def identities(crops: Crops) -> Iterator[Finding]:
    """Known people who are seen in one modality only."""
    people = [crops.take(crops.rows_of(modality)).table[names.IDENTITY].dropna() for modality in names.MODALITIES]
    visible, infrared = (set(of.tolist()) for of in people)
    everybody = visible | infrared
    if everybody and not visible & infrared:
        message = "no identity is seen in both modalities, so nothing can be scored (do both use the same names?)."
        yield Finding("warning", "identity", message)
        return
    for modality, alone in ((names.VISIBLE, visible - infrared), (names.INFRARED, infrared - visible)):
        if alone:
            message = f"{len(alone)} of {len(everybody)} identities seen in {modality} only: {_few(_in_order(alone))}."
            yield Finding("warning", "identity", message)


def tracks(crops: Crops) -> Iterator[Finding]:
    """Tracks that cannot be one person, and cameras of two modalities."""
    table = crops.table
    cameras = table.dropna(subset=names.CAMERA).groupby(names.CAMERA)[names.MODALITY].nunique()
    mixed = cameras.index[cameras > 1].tolist()
    if mixed and crops.layout != names.LLCM:  # whose cameras see by day and by night
        message = f"{_number(len(mixed), 'camera')} with crops of both modalities: {_few(_in_order(mixed))}."
        yield Finding("note", "camera", message)
    tracked = table[table[names.TRACK].notna()]
    key = [names.MODALITY, names.CAMERA, names.TRACK]
    people = tracked.groupby(key, dropna=False)[names.IDENTITY].nunique()
    torn = [_track_name(*entry) for entry in people.index[people > 1]]
    if torn:
        message = f"{_number(len(torn), 'track')} with more than one identity: {_few(torn)}."
        yield Finding("warning", "track", message)
    framed = tracked[tracked[names.FRAME].notna()]
    double = np.asarray(framed.index[framed.duplicated([*key, names.FRAME])], dtype=np.int64)
    if len(double):
        what = f"{_number(len(double), 'crop')} of the same track and frame as another one"
        yield Finding("warning", "track", f"{what}: {_few(_paths(crops, double))}.")


def rigs(crops: Crops) -> Iterator[Finding]:
    """How many pairs the paired sensors give, and rigs that are none or give none."""
    if not crops.has(names.RIG):
        return
    pairs = sensor_pairs(crops)
    visible, infrared = (len(crops.rows_of(modality)) for modality in names.MODALITIES)
    what = f"{_number(len(pairs), 'pair')} of {visible} visible and {infrared} infrared crops"
    yield Finding("note", "rig", f"paired sensors show one person in {what}; constraints.paired makes use of it.")
    unboxed = crops.table[list(names.BOX)].isna().any(axis=1).to_numpy(dtype=bool)[pairs].any(axis=1)
    if unboxed.any():
        what = f"{_number(int(unboxed.sum()), 'pair')} of paired sensors without boxes"
        hint = "which is one person only if the table holds everybody who was in the picture"
        yield Finding("note", "rig", f"{what}, {hint}.")
    people = crops.codes(names.IDENTITY)[pairs]
    wrong = pairs[(people >= 0).all(axis=1) & (people[:, 0] != people[:, 1])]
    if len(wrong):
        what = f"{_number(len(wrong), 'pair')} of paired sensors with two identities"
        yield Finding("warning", "rig", f"{what}: {_few_sets(crops, wrong)}.")
    for rig, rows in rows_of_rigs(crops).items():
        if not np.isin(rows, pairs).any():
            yield Finding("warning", "rig", f"rig {rig} gives no pair: {_why_no_pair(crops.take(rows))}.")


def _why_no_pair(crops: Crops) -> str:
    """What keeps the crops of a rig from being paired."""
    table = crops.table
    for modality in names.MODALITIES:
        if not len(crops.rows_of(modality)):
            return f"it has no {modality} crop"
    if not table[names.FRAME].notna().any() and not table[names.TIME].notna().all():
        return "its crops have no frame, and not all have a time"
    boxes = table[list(names.BOX)].notna().all(axis=None)
    clock = names.TIME if table[names.TIME].notna().all() else names.FRAME
    where = "or no two boxes overlap by half" if boxes else "or there are several, and boxes are not known"
    return f"no visible and infrared crop are of one instant by the column {clock}, {where}"


def _track_name(modality: str, camera: str, track: str) -> str:
    return f"{track} ({modality})" if pd.isna(camera) else f"{track} (camera {camera})"


def _paths(crops: Crops, rows: np.ndarray) -> list[str]:
    return crops.table[names.PATH].iloc[rows].tolist()


def _number(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def _few(texts: Sequence[str]) -> str:
    return ", ".join(texts[:_SHOWN]) + _and_more(len(texts))


def _few_sets(crops: Crops, sets: Sequence[np.ndarray] | np.ndarray) -> str:
    shown = [_paths(crops, rows) for rows in sets[:_SHOWN]]
    return "; ".join(" = ".join(paths[:_SHOWN]) + _and_more(len(paths)) for paths in shown) + _and_more(len(sets))


def _and_more(count: int) -> str:
    return f" and {count - _SHOWN} more" if count > _SHOWN else ""


def _in_order(texts: set[str] | list[str]) -> list[str]:
    """Numbers by value, other texts by spelling."""
    return sorted(texts, key=lambda text: (not text.isdigit(), int(text) if text.isdigit() else 0, text))
