"""What a result was measured by, so that two numbers are comparable or visibly not.

The facts are everything that decides the numbers apart from the features themselves: the protocol, which crops ask and
answer, the galleries that were drawn, what is dropped, what Rank-k counts, the shape of the features, re-ranking. Their
digest is equal where all of them are; where it is not, the facts say why.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

import pandas as pd

from usvireid import names
from usvireid.encoders.features import Features
from usvireid.evaluation.searches.search import Search

DEFINITION = 1
"""Raised when the same facts would give other numbers than before."""
_DIGITS = 12


def fingerprint(
    protocol: str, search: Search, features: Features, *, mirrored: bool, rerank: Mapping[str, object] | None
) -> dict[str, object]:
    """The facts behind a row of a result and their digest, as plain JSON values.

    Args:
        protocol: name of the protocol.
        search: the search of the row.
        features: features of the table that the search is about.
        mirrored: whether features of image and mirror image were averaged.
        rerank: settings of the re-ranking; None where the row is not re-ranked.

    Returns:
        `digest` (12 hexadecimal digits over all that follows), definition, protocol, trials, queries, gallery (of the
        first trial), counts ("identities" or "images"), split and galleries (digests of paths, identities and cameras
        of all that may ask or answer, and of the paths drawn in each trial), distance, feature, rerank, and the facts
        of the search.
    """
    crops = features.crops.table
    facts: dict[str, object] = {
        "definition": DEFINITION,
        "protocol": protocol,
        "trials": len(search.galleries),
        "queries": len(search.query),
        "gallery": len(search.galleries[0]),
        "counts": "identities" if search.collapse else "images",
        "split": split_digest(crops, search),
        "galleries": draw_digest(crops, search),
        "distance": "cosine",
        "feature": {"columns": features.values.shape[1], "dtype": str(features.values.dtype), "mirror": mirrored},
        "rerank": None if rerank is None else dict(rerank),
        **search.facts,
    }
    return {"digest": _digest([json.dumps(facts, sort_keys=True)]), **facts}


def split_digest(crops: pd.DataFrame, search: Search) -> str:
    """Digest of path, identity and camera of the queries and of every crop that may be drawn, by path."""
    texts = []
    for role, rows in ((names.QUERY, search.query), (names.GALLERY, search.pool)):
        columns = crops[[names.PATH, names.IDENTITY, names.CAMERA]].iloc[rows].fillna("")
        texts += sorted("\t".join((role, *entry)) for entry in columns.itertuples(index=False))
    return _digest(texts)


def draw_digest(crops: pd.DataFrame, search: Search) -> str:
    """Digest of the paths of each trial's gallery, in its order."""
    paths = crops[names.PATH].to_numpy(dtype=object)
    return _digest(f"{trial}\t{path}" for trial, rows in enumerate(search.galleries) for path in paths[rows])


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:_DIGITS]
